// Erasures and compactions against a plain reference: random appends, erasures of every kind,
// retention, restarts, conditions, and after each step reads of every kind, counts and figures.
// Whatever the background work is at, every reader gets what is left, and a gap for each erased
// offset that can still be asked for.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/delivery/read_session.h"
#include "tests/support/events.h"
#include "tests/support/log_harness.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"

namespace tidemark::testing {
namespace {

using delivery::ReadSession;
using delivery::ReadSpec;

constexpr uint32_t kPartitions = 2;

struct ModelEvent {
  TestEvent event;
  bool erased = false;
  bool compacted = false;
};

class ErasureModel {
 public:
  explicit ErasureModel(uint64_t seed) : random_(seed) {
    LogHarness::Options options;
    options.encrypt = seed % 2 == 0;
    options.store = {.path = dir_.path(), .epoch_bytes = 8 << 10, .block_cache_bytes = 1 << 20};
    options.log.pipeline.batch_bytes_max = 1500;
    options.log.pipeline.tail_bytes_max = 4000;
    options.log.index = {.segment_events = 100, .open_bytes_max = 1 << 20};
    harness_.emplace(std::move(options));
  }

  void Run(int steps) {
    ASSERT_TRUE(harness_->Open().ok());
    const auto made = harness_->CreateTopic("hr", {.partitions = kPartitions, .compact = true});
    ASSERT_TRUE(made.ok());
    for (int i = 0; i < steps; ++i) {
      SCOPED_TRACE(absl::StrCat("step ", i));
      Step();
      if (::testing::Test::HasFatalFailure()) return;
      if (i % 3 == 0 || i + 1 == steps) Check();
      if (::testing::Test::HasFailure()) return;
    }
    harness_->log().eraser().WaitUntilIdle();
    Check();
  }

 private:
  log::TopicPtr Topic() { return harness_->log().catalog().Find("hr"); }
  std::string RandomKey() { return absl::StrCat("key-", random_.Below(6)); }
  std::string RandomType() { return absl::StrCat("type-", random_.Below(3)); }

  void Step() {
    const uint64_t choice = random_.Below(20);
    if (choice < 9) return Append();
    if (choice < 11) return AppendIf();
    if (choice < 13) return EraseKey(/*typed=*/false);
    if (choice < 15) return EraseKey(/*typed=*/true);
    if (choice < 16) return EraseOffsets();
    if (choice < 17) return Compact();
    if (choice < 18) return harness_->log().eraser().WaitUntilIdle();
    if (choice < 19) return Retain();
    harness_->Close();
    ASSERT_TRUE(harness_->Open().ok());
  }

  void Append() {
    const auto p = static_cast<uint32_t>(random_.Below(kPartitions));
    std::vector<TestEvent> events;
    for (uint64_t i = 0, n = 1 + random_.Below(60); i < n; ++i) {
      TestEvent event{.id = absl::StrCat("e", ids_++), .type = RandomType()};
      if (random_.Below(5) > 0) event.key = RandomKey();
      event.data = std::string(random_.Below(80), 'd');
      events.push_back(event);
    }
    ASSERT_TRUE(harness_->Append(Topic(), p, events).ok());
    for (TestEvent& event : events) logs_[p].push_back({std::move(event)});
    harness_->clock().Advance(absl::Seconds(1));
  }

  // Revisions count what was erased and what retention has passed.
  void AppendIf() {
    const auto p = static_cast<uint32_t>(random_.Below(kPartitions));
    const std::string key = RandomKey();
    const auto events = static_cast<uint64_t>(
        std::count_if(logs_[p].begin(), logs_[p].end(),
                      [&](const ModelEvent& one) { return one.event.key == key; }));
    const bool holds = random_.Below(2) == 0;
    TestEvent event{.id = absl::StrCat("e", ids_++), .type = RandomType(), .key = key};
    log::AppendRequest request = MakeRequest(Topic(), {{p, {event}}});
    log::KeyCondition& condition = request.conditions.emplace_back();
    condition = {.topic = Topic(), .partition = PartitionIndex(p), .key = key};
    if (events == 0) {
      condition.expect =
          holds ? log::KeyCondition::Expect::kAbsent : log::KeyCondition::Expect::kExists;
    } else {
      condition.expect = log::KeyCondition::Expect::kRevision;
      condition.revision = events - (holds ? 1 : 0);
    }
    const auto result = harness_->Append(std::move(request));
    ASSERT_EQ(result.ok(), holds) << result.status() << ", " << events << " events of " << key;
    if (holds) logs_[p].push_back({std::move(event)});
  }

  void Erase(log::ErasureRequest request, uint64_t expected) {
    request.topic = Topic();
    request.reason = "r";
    request.actor = "a";
    const auto answer = harness_->log().eraser().Erase(request);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(answer->events, expected);
  }

  void EraseKey(bool typed) {
    const std::string key = RandomKey();
    const std::string type = RandomType();
    uint64_t expected = 0;
    for (uint32_t p = 0; p < kPartitions; ++p) {
      for (uint64_t at = starts_[p]; at < logs_[p].size(); ++at) {
        ModelEvent& one = logs_[p][at];
        if (one.erased || one.compacted || one.event.key != key ||
            (typed && one.event.type != type))
          continue;
        one.erased = true;
        ++expected;
      }
    }
    log::ErasureRequest request{.key = key};
    if (typed) request.types = {type};
    Erase(std::move(request), expected);
  }

  void EraseOffsets() {
    const auto p = static_cast<uint32_t>(random_.Below(kPartitions));
    if (logs_[p].empty()) return;
    const uint64_t from = random_.Below(logs_[p].size());
    const uint64_t until = std::min<uint64_t>(logs_[p].size(), from + 1 + random_.Below(40));
    uint64_t expected = 0;
    for (uint64_t at = std::max(from, starts_[p]); at < until; ++at) {
      ModelEvent& one = logs_[p][at];
      if (one.erased || one.compacted) continue;
      one.erased = true;
      ++expected;
    }
    Erase({.span = storage::ErasureRecord::Span{.partition = PartitionIndex(p),
                                                .offsets = {Offset(from), Offset(until)}}},
          expected);
  }

  void Compact() {
    ASSERT_TRUE(harness_->log().compactor().Compact(*Topic()).ok());
    for (uint32_t p = 0; p < kPartitions; ++p) {
      std::map<std::string, ModelEvent*> newest;
      for (uint64_t at = starts_[p]; at < logs_[p].size(); ++at) {
        ModelEvent& one = logs_[p][at];
        if (one.erased || one.compacted || one.event.key.empty()) continue;
        ModelEvent*& last = newest[one.event.key];
        if (last != nullptr) last->compacted = true;
        last = &one;
      }
    }
  }

  // Drops what is older than a minute now and then.
  void Retain() {
    const auto set = [this](std::optional<uint64_t> max_age_us) {
      const auto updated = log::Await<log::TopicPtr>([&](auto done) {
        harness_->log().UpdateTopic(
            "hr",
            [&](storage::TopicConfig& config) {
              config.retention_max_age_us = max_age_us;
              return absl::OkStatus();
            },
            std::move(done));
      });
      ASSERT_TRUE(updated.ok());
    };
    set(60'000'000);
    harness_->log().StepRetention();
    set(std::nullopt);
    for (uint32_t p = 0; p < kPartitions; ++p) {
      const auto opened = harness_->log().OpenPartition(*Topic(), PartitionIndex(p));
      ASSERT_TRUE(opened.ok());
      starts_[p] = (*opened)->ends().start.value();
    }
  }

  bool Matches(const ModelEvent& one, const storage::FilterSpec& filter) const {
    const auto has = [](const std::vector<std::string>& list, const std::string& text) {
      return list.empty() || std::find(list.begin(), list.end(), text) != list.end();
    };
    return !one.erased && !one.compacted && has(filter.types, one.event.type) &&
           has(filter.keys, one.event.key);
  }

  void Check() {
    for (const log::Direction direction : {log::Direction::kForward, log::Direction::kBackward}) {
      for (const delivery::Order order : {delivery::Order::kAny, delivery::Order::kCommit}) {
        CheckRead(direction, order, {});
        CheckRead(direction, order, {.types = {RandomType()}, .keys = {}});
        CheckRead(direction, order, {.types = {}, .keys = {RandomKey()}});
        CheckRead(direction, order, {.types = {RandomType()}, .keys = {RandomKey()}});
      }
    }
    CheckTypes();
    CheckKeysAndCounts();
  }

  void CheckRead(log::Direction direction, delivery::Order order,
                 const storage::FilterSpec& filter) {
    const bool forward = direction == log::Direction::kForward;
    SCOPED_TRACE(absl::StrCat(
        forward ? "forward " : "backward ", order == delivery::Order::kCommit ? "commit " : "any ",
        absl::StrJoin(filter.types, ","), " ", absl::StrJoin(filter.keys, ",")));
    ReadSpec spec{.topic = Topic(), .filter = filter, .direction = direction, .order = order};
    if (!forward) spec.start = delivery::StartLatest{};
    spec.batch_bytes_max = 1 + random_.Below(3000);
    const auto session = ReadSession::Open(harness_->log(), std::move(spec), [] {});
    ASSERT_TRUE(session.ok()) << session.status();
    std::map<uint32_t, std::map<uint64_t, std::string>> seen;
    std::map<uint32_t, std::optional<uint64_t>> last;
    while (true) {
      const absl::StatusOr<ReadSession::Item> item = (*session)->Next(log::MayWait::kYes);
      ASSERT_TRUE(item.ok()) << item.status();
      if (item->kind == ReadSession::Item::Kind::kEnd) break;
      const uint32_t p = item->partition.value();
      const auto see = [&](uint64_t offset, const std::string& what) {
        if (last[p].has_value()) {
          EXPECT_TRUE(forward ? offset > *last[p] : offset < *last[p]) << offset;
        }
        EXPECT_TRUE(seen[p].emplace(offset, what).second) << "twice: " << offset;
      };
      if (item->kind == ReadSession::Item::Kind::kGap) {
        const char* gap = item->gap_reason == log::GapReason::kErased ? "-" : "older";
        for (Offset at = item->gap.from; at < item->gap.until; ++at) see(at.value(), gap);
        last[p] = forward ? item->gap.until.value() - 1 : item->gap.from.value();
      }
      if (item->kind != ReadSession::Item::Kind::kBatch) continue;
      std::string bytes;
      for (const absl::string_view piece : item->slice.pieces)
        bytes.append(piece.data(), piece.size());
      const auto events = DecodeEvents(bytes);
      ASSERT_TRUE(events.has_value());
      ASSERT_EQ(events->size(), item->slice.count);
      for (uint32_t i = 0; i < item->slice.count; ++i) {
        const uint64_t offset = item->slice.OffsetAt(i).value();
        see(offset, (*events)[i].id);
        last[p] = offset;
      }
    }
    for (uint32_t p = 0; p < kPartitions; ++p) {
      std::map<uint64_t, std::string> expected;
      for (uint64_t at = starts_[p]; at < logs_[p].size(); ++at) {
        const ModelEvent& one = logs_[p][at];
        if (one.erased) expected[at] = "-";
        if (one.compacted && filter.empty()) expected[at] = "older";
        if (Matches(one, filter)) expected[at] = one.event.id;
      }
      EXPECT_EQ(seen[p], expected) << "partition " << p;
    }
  }

  void CheckTypes() {
    const absl::StatusOr<log::TypeTable> types = harness_->log().ListTypes(*Topic(), "", 100);
    ASSERT_TRUE(types.ok()) << types.status();
    std::map<std::string, uint64_t> counts;
    for (const auto& [type, figures] : *types) counts[type] = figures.count;
    std::map<std::string, uint64_t> expected;
    for (uint32_t p = 0; p < kPartitions; ++p) {
      for (uint64_t at = starts_[p]; at < logs_[p].size(); ++at) {
        if (!logs_[p][at].erased && !logs_[p][at].compacted) ++expected[logs_[p][at].event.type];
      }
    }
    EXPECT_EQ(counts, expected);
  }

  void CheckKeysAndCounts() {
    for (uint32_t p = 0; p < kPartitions; ++p) {
      const auto opened = harness_->log().OpenPartition(*Topic(), PartitionIndex(p));
      ASSERT_TRUE(opened.ok());
      for (int k = 0; k < 6; ++k) {
        const std::string key = absl::StrCat("key-", k);
        uint64_t ever = 0;
        std::optional<uint64_t> first;
        uint64_t readable = 0;
        for (uint64_t at = 0; at < logs_[p].size(); ++at) {
          if (logs_[p][at].event.key != key) continue;
          ++ever;
          if (at < starts_[p] || logs_[p][at].erased || logs_[p][at].compacted) continue;
          if (!first.has_value()) first = at;
          ++readable;
        }
        const auto figures = harness_->log().index().FindKey(**opened, key);
        ASSERT_TRUE(figures.ok()) << figures.status();
        EXPECT_EQ(figures->has_value() ? (*figures)->events : 0, ever) << key << " in " << p;
        if (figures->has_value()) {
          EXPECT_EQ((*figures)->first.has_value() ? std::optional((*figures)->first->value())
                                                  : std::nullopt,
                    first)
              << key << " in " << p;
        }
        log::CountBudget budget;
        const auto count =
            harness_->log().index().Count(**opened, log::Filter({.types = {}, .keys = {key}}),
                                          Offset(0), Offset(logs_[p].size()), budget);
        ASSERT_TRUE(count.ok()) << count.status();
        EXPECT_EQ(*count, readable) << key << " in " << p;
        CheckRevision(**opened, p, key, ever);
      }
    }
  }

  // Reading from a revision on yields what is left of it and later ones, or says that it cannot.
  void CheckRevision(const log::Partition& partition, uint32_t p, const std::string& key,
                     uint64_t ever) {
    std::vector<std::pair<uint64_t, uint64_t>> left;  // Revision, offset.
    bool any_erased = false;
    uint64_t next = 0;
    for (uint64_t at = 0; at < logs_[p].size(); ++at) {
      const ModelEvent& event = logs_[p][at];
      if (event.event.key != key) continue;
      const uint64_t revision = next++;
      any_erased |= event.erased;
      if (at >= starts_[p] && !event.erased && !event.compacted) left.emplace_back(revision, at);
    }
    const uint64_t revision = random_.Below(ever + 2);
    SCOPED_TRACE(absl::StrCat("revision ", revision, " of ", key, " in ", p));
    const auto place = harness_->log().index().FindRevision(partition, key, revision);
    ASSERT_TRUE(place.ok()) << place.status();
    EXPECT_EQ(place->events, ever);
    using State = log::RevisionPlace::State;
    const auto from = std::lower_bound(left.begin(), left.end(), std::pair(revision, uint64_t{0}));
    switch (place->state) {
      case State::kAhead:
        EXPECT_GE(revision, ever);
        break;
      case State::kFound:
        EXPECT_EQ(std::find_if(left.begin(), left.end(),
                               [&](const auto& l) { return l.second >= place->offset.value(); }),
                  from);
        break;
      case State::kPassed:
        EXPECT_EQ(from, left.begin());
        EXPECT_EQ(place->first_revision, left.empty() ? ever : left.front().first);
        break;
      case State::kUnknown:
        EXPECT_TRUE(any_erased);
        break;
    }
  }

  Random random_;
  TempDir dir_;
  std::optional<LogHarness> harness_;
  int ids_ = 0;
  std::map<uint32_t, std::vector<ModelEvent>> logs_;
  std::map<uint32_t, uint64_t> starts_;
};

TEST(ErasureModelTest, EveryReaderGetsWhatIsLeftAndGaps) {
  for (uint64_t seed = SeedOr(1), end = seed + 3; seed < end; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    ErasureModel(seed).Run(40);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace tidemark::testing
