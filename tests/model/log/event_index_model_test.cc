// The index does what looking at every event does. Random appends to topics with and without a key
// index, restarts, crashes, seals of any size, retention and deletions; then filters of all kinds,
// forward and backward, in windows of any size, and exact figures, against plain vectors.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/log/event_index.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/log_harness.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"

namespace tidemark::log {
namespace {

using testing::Part;
using testing::Random;
using testing::TestEvent;

struct ModelEvent {
  TestEvent event;
  uint64_t append_time_us = 0;
};

class EventIndexModelTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  static constexpr uint32_t kPartitions = 2;
  struct ModelTopic {
    TopicPtr topic;
    std::vector<ModelEvent> events[kPartitions];
  };

  testing::LogHarness::Options RandomOptions() {
    testing::LogHarness::Options options;
    options.store = {
        .path = dir_.path(), .env = disk_.env(), .epoch_bytes = random_.In(1, 64) << 10};
    options.log.pipeline.batch_bytes_max = random_.In(100, 3000);
    options.log.pipeline.tail_bytes_max = random_.Below(20'000);
    options.log.index = {.segment_events = random_.In(8, random_.OneIn(2) ? 40 : 400),
                         .open_bytes_max = random_.In(2000, 60'000)};
    return options;
  }
  void Open() {
    harness_ = std::make_unique<testing::LogHarness>(RandomOptions());
    const absl::Status opened = harness_->Open();
    ASSERT_TRUE(opened.ok()) << opened;
    for (auto& [name, topic] : topics_) topic.topic = harness_->log().catalog().Find(name);
  }
  // What a client does who is told that the index of older events is still being written; instead
  // of its pause, writes it.
  template <typename Call>
  auto WhenReady(const ModelTopic& topic, Call call) {
    auto answer = call();
    while (!answer.ok() && DetailOf(answer.status()).has_value() &&
           DetailOf(answer.status())->reason == "INDEX_NOT_READY") {
      for (uint32_t p = 0; p < kPartitions; ++p) {
        const PartitionPtr partition =
            *harness_->log().OpenPartition(*topic.topic, PartitionIndex(p));
        const absl::Status sealed =
            harness_->log().sealer().SealBefore(partition, partition->ends().end);
        EXPECT_TRUE(sealed.ok()) << sealed;
        if (!sealed.ok()) return answer;
      }
      answer = call();
    }
    return answer;
  }
  void Restart() {
    // Everything was acknowledged, so a power cut takes nothing.
    if (random_.OneIn(2)) disk_.CutPower();
    harness_.reset();
    if (disk_.power_is_cut()) {
      disk_.RestorePower(testing::CrashFileSystem::Loss::kAllUnsynced);
    }
    Open();
  }
  void CreateTopic() {
    const std::string name = absl::StrCat("t", names_++);
    storage::TopicConfig config{.partitions = kPartitions, .index_keys = !random_.OneIn(4)};
    if (random_.OneIn(3)) config.retention_max_bytes = random_.In(500, 20'000);
    const auto topic = harness_->CreateTopic(name, config);
    ASSERT_TRUE(topic.ok()) << topic.status();
    topics_[name].topic = *topic;
  }
  ModelTopic& AnyTopic() {
    return std::next(topics_.begin(), static_cast<ptrdiff_t>(random_.Below(topics_.size())))
        ->second;
  }
  TestEvent RandomEvent() {
    return {.id = absl::StrCat("e", names_++),
            .type = absl::StrCat(random_.OneIn(2) ? "employee." : "time.",
                                 random_.OneIn(9) ? random_.Below(50) : random_.Below(4)),
            .key = random_.OneIn(5) ? "" : absl::StrCat("k", random_.Below(random_.In(2, 30))),
            .data = random_.Bytes(random_.Below(100))};
  }
  void Append();
  storage::FilterSpec RandomFilter();
  void Find();
  void Count();
  void CheckTypes();
  void CheckKey();
  // Where an event of the key is, by its revision.
  void CheckRevision(ModelTopic& topic, uint32_t p, const std::string& key);

  const uint64_t seed_ = GetParam();
  Random random_{seed_};
  testing::TempDir dir_;
  testing::CrashFileSystem disk_{dir_.path()};
  std::unique_ptr<testing::LogHarness> harness_;
  std::map<std::string, ModelTopic> topics_;
  int names_ = 0;
};

void EventIndexModelTest::Append() {
  ModelTopic& topic = AnyTopic();
  for (uint64_t n = random_.In(1, 6); n > 0; --n) {
    const auto p = static_cast<uint32_t>(random_.Below(kPartitions));
    std::vector<TestEvent> events;
    for (uint64_t e = random_.In(1, random_.OneIn(8) ? 60 : 8); e > 0; --e) {
      events.push_back(RandomEvent());
    }
    const auto result = harness_->Append(topic.topic, p, events);
    ASSERT_TRUE(result.ok()) << result.status();
    for (TestEvent& event : events) {
      topic.events[p].push_back(
          {std::move(event), static_cast<uint64_t>(absl::ToUnixMicros(result->append_time))});
    }
    if (random_.OneIn(4)) harness_->clock().Advance(absl::Milliseconds(3));
  }
}

storage::FilterSpec EventIndexModelTest::RandomFilter() {
  storage::FilterSpec spec;
  if (random_.OneIn(2)) spec.types.push_back(absl::StrCat("employee.", random_.Below(9)));
  if (random_.OneIn(3)) spec.types.push_back(random_.OneIn(3) ? "none*" : "time.1*");
  if (spec.types.empty() || random_.OneIn(2)) {
    spec.keys = {absl::StrCat("k", random_.Below(31)), absl::StrCat("k", random_.Below(31))};
  }
  return spec;
}

// A stretch holds as many matching events as looking at each one finds.
void EventIndexModelTest::Count() {
  ModelTopic& topic = AnyTopic();
  const auto p = static_cast<uint32_t>(random_.Below(kPartitions));
  const std::vector<ModelEvent>& events = topic.events[p];
  const PartitionPtr partition = *harness_->log().OpenPartition(*topic.topic, PartitionIndex(p));
  const Partition::Ends ends = partition->ends();
  storage::FilterSpec spec = RandomFilter();
  if (random_.OneIn(2)) spec.keys.clear();
  if (random_.OneIn(3)) spec.types.push_back("time.*");  // Perhaps beside "time.1*".
  const Filter filter(spec);
  const Offset from = Offset(random_.Below(ends.end.value() + 1));
  const Offset until = from + random_.Below(ends.end - from + 1);
  uint64_t expected = 0;
  for (Offset o = std::max(from, ends.start); o < until; ++o) {
    const TestEvent& event = events[o.value()].event;
    if (filter.Matches({.type = event.type, .key = event.key})) ++expected;
  }
  CountBudget budget;
  const auto counted = harness_->log().index().Count(*partition, filter, from, until, budget);
  ASSERT_TRUE(counted.ok()) << counted.status();
  ASSERT_EQ(*counted, expected) << absl::StrCat("in [", from, ", ", until, ")");
  CountBudget small{.bytes = random_.Below(300), .postings = random_.Below(4)};
  const auto bounded = harness_->log().index().Count(*partition, filter, from, until, small);
  ASSERT_TRUE(bounded.ok()) << bounded.status();
  ASSERT_TRUE(!bounded->has_value() || *bounded == expected);
}

// All candidates of all windows hold everything that matches; where the index answers, each batch
// among them holds something that matches.
void EventIndexModelTest::Find() {
  ModelTopic& topic = AnyTopic();
  const auto p = static_cast<uint32_t>(random_.Below(kPartitions));
  const std::vector<ModelEvent>& events = topic.events[p];
  const PartitionPtr partition = *harness_->log().OpenPartition(*topic.topic, PartitionIndex(p));
  const Partition::Ends ends = partition->ends();
  ASSERT_EQ(ends.end, Offset(events.size()));
  const Filter filter(RandomFilter());
  const Offset from = ends.start + random_.Below(ends.end - ends.start + 1);
  const Offset until = from + random_.Below(ends.end - from + 1);
  const Direction direction = random_.OneIn(2) ? Direction::kForward : Direction::kBackward;
  const size_t max = random_.In(1, random_.OneIn(2) ? 4 : 100);
  std::vector<bool> covered(events.size(), false);
  std::optional<Offset> last;
  Offset low = from;
  Offset high = until;
  for (int rounds = 0; low < high; ++rounds) {
    ASSERT_LT(rounds, 10'000);
    const absl::StatusOr<IndexWindow> window =
        harness_->log().index().Find(*partition, filter, low, high, direction, max);
    ASSERT_TRUE(window.ok()) << window.status();
    ASSERT_LE(window->candidates.size(), max);
    const bool forward = direction == Direction::kForward;
    const Offset window_low = forward ? low : window->reached;
    const Offset window_high = forward ? window->reached : high;
    ASSERT_LT(window_low, window_high);
    for (const IndexWindow::Candidate& candidate : window->candidates) {
      ASSERT_LT(candidate.from, candidate.until);
      ASSERT_LE(window_low, candidate.from);
      ASSERT_LE(candidate.until, window_high);
      ASSERT_TRUE(!last.has_value() ||
                  (forward ? *last <= candidate.from : candidate.until <= *last));
      last = forward ? candidate.until : candidate.from;
      for (Offset o = candidate.from; o < candidate.until; ++o) covered[o.value()] = true;
    }
    (forward ? low : high) = window->reached;
  }
  for (Offset o = from; o < until; ++o) {
    const TestEvent& event = events[o.value()].event;
    ASSERT_TRUE(covered[o.value()] || !filter.Matches({.type = event.type, .key = event.key}))
        << "offset " << o.value() << " " << event.type << " " << event.key;
  }
}

void EventIndexModelTest::CheckTypes() {
  ModelTopic& topic = AnyTopic();
  TypeTable expected;
  for (uint32_t p = 0; p < kPartitions; ++p) {
    const PartitionPtr partition = *harness_->log().OpenPartition(*topic.topic, PartitionIndex(p));
    for (uint64_t o = partition->ends().start.value(); o < topic.events[p].size(); ++o) {
      const ModelEvent& event = topic.events[p][o];
      TypeFigures& figures = expected[event.event.type];
      if (figures.count++ == 0) figures.first_time_us = event.append_time_us;
      figures.first_time_us = std::min(figures.first_time_us, event.append_time_us);
      figures.last_time_us = std::max(figures.last_time_us, event.append_time_us);
    }
  }
  const size_t page = random_.In(1, 20);
  TypeTable listed;
  for (std::string after;;) {
    const absl::StatusOr<TypeTable> types =
        WhenReady(topic, [&] { return harness_->log().ListTypes(*topic.topic, after, page); });
    ASSERT_TRUE(types.ok()) << types.status();
    if (types->empty()) break;
    after = types->rbegin()->first;
    listed.insert(types->begin(), types->end());
  }
  const auto text = [](const TypeTable& table) {
    std::string all;
    for (const auto& [type, f] : table) {
      absl::StrAppend(&all, type, " ", f.count, " ", f.first_time_us, " ", f.last_time_us, "\n");
    }
    return all;
  };
  ASSERT_EQ(text(listed), text(expected));
}

void EventIndexModelTest::CheckKey() {
  ModelTopic& topic = AnyTopic();
  if (!topic.topic->record.config.index_keys) return;
  const auto p = static_cast<uint32_t>(random_.Below(kPartitions));
  const PartitionPtr partition = *harness_->log().OpenPartition(*topic.topic, PartitionIndex(p));
  const std::string key = absl::StrCat("k", random_.Below(31));
  KeyFigures expected;
  for (uint64_t o = 0; o < topic.events[p].size(); ++o) {
    if (topic.events[p][o].event.key != key) continue;
    ++expected.events;
    expected.last = Offset(o);
    if (!expected.first.has_value() && Offset(o) >= partition->ends().start) {
      expected.first = Offset(o);
    }
  }
  const auto figures =
      WhenReady(topic, [&] { return harness_->log().index().FindKey(*partition, key); });
  ASSERT_TRUE(figures.ok()) << figures.status();
  ASSERT_EQ(figures->has_value(), expected.events > 0);
  if (!figures->has_value()) return;
  ASSERT_EQ((*figures)->events, expected.events) << key;
  ASSERT_EQ((*figures)->first, expected.first) << key;
  ASSERT_EQ((*figures)->last, expected.last) << key;
  CheckRevision(topic, p, key);
}

void EventIndexModelTest::CheckRevision(ModelTopic& topic, uint32_t p, const std::string& key) {
  const PartitionPtr partition = *harness_->log().OpenPartition(*topic.topic, PartitionIndex(p));
  std::vector<Offset> offsets;
  for (uint64_t o = 0; o < topic.events[p].size(); ++o) {
    if (topic.events[p][o].event.key == key) offsets.emplace_back(o);
  }
  const uint64_t revision = random_.Below(offsets.size() + 2);
  const auto place = WhenReady(
      topic, [&] { return harness_->log().index().FindRevision(*partition, key, revision); });
  ASSERT_TRUE(place.ok()) << place.status();
  using State = RevisionPlace::State;
  ASSERT_EQ(place->events, offsets.size());
  const Offset start = partition->ends().start;
  if (revision >= offsets.size()) {
    ASSERT_EQ(place->state, State::kAhead);
    ASSERT_EQ(place->offset, Offset(topic.events[p].size()));
  } else if (offsets[revision] < start) {
    ASSERT_EQ(place->state, State::kPassed);
    ASSERT_EQ(place->first_revision,
              std::lower_bound(offsets.begin(), offsets.end(), start) - offsets.begin());
  } else {
    ASSERT_EQ(place->state, State::kFound);
    ASSERT_EQ(place->offset, offsets[revision]) << revision << " of " << key;
  }
}

TEST_P(EventIndexModelTest, DoesWhatLookingAtEveryEventDoes) {
  SCOPED_TRACE(absl::StrCat("seed ", seed_));
  Open();
  CreateTopic();
  for (int step = 0; step < 250 && !HasFatalFailure(); ++step) {
    SCOPED_TRACE(absl::StrCat("step ", step));
    const uint64_t choice = random_.Below(48);
    if (choice >= 40) {
      Count();
    } else if (choice < 12) {
      Append();
    } else if (choice < 24) {
      Find();
    } else if (choice < 28) {
      CheckTypes();
    } else if (choice < 34) {
      CheckKey();
    } else if (choice == 34) {
      Restart();
    } else if (choice == 35 && topics_.size() < 4) {
      CreateTopic();
    } else if (choice == 36 && topics_.size() > 1) {
      const auto topic = topics_.begin();
      ASSERT_TRUE(harness_->DeleteTopic(topic->first).ok());
      topics_.erase(topic);
    } else if (choice == 37) {
      ModelTopic& topic = AnyTopic();
      const PartitionPtr partition =
          *harness_->log().OpenPartition(*topic.topic, PartitionIndex(0));
      const Offset end = partition->ends().end;
      ASSERT_TRUE(harness_->log()
                      .sealer()
                      .SealBefore(partition, Offset(random_.Below(end.value() + 1)))
                      .ok());
    } else {
      harness_->log().StepRetention();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, EventIndexModelTest,
                         ::testing::Range<uint64_t>(testing::SeedOr(1), testing::SeedOr(1) + 16));

}  // namespace
}  // namespace tidemark::log
