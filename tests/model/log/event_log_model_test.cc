// An event log does what a vector of events does. Random appends, restarts and reads from any
// place, with any filter and limit, on a log whose every bound is small; the model is one vector a
// partition.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/log/batch_cut.h"
#include "server/log/filter.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/log_harness.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"

namespace tidemark::log {
namespace {

using testing::Part;
using testing::Random;
using testing::ReadEvent;
using testing::TestEvent;

struct ModelEvent {
  TestEvent event;
  absl::Time append_time;
};

class EventLogModelTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  static constexpr uint32_t kPartitions = 3;

  void SetUp() override {
    harness_ = std::make_unique<testing::LogHarness>(RandomOptions());
    ASSERT_TRUE(harness_->Open().ok());
    topic_ = *harness_->CreateTopic("hr", {.partitions = kPartitions});
  }
  testing::LogHarness::Options RandomOptions() {
    testing::LogHarness::Options options;
    options.store = {
        .path = dir_.path(), .env = disk_.env(), .epoch_bytes = random_.In(1, 64) << 10};
    options.log.pipeline.batch_bytes_max = random_.In(100, 3000);
    options.log.pipeline.commit_bytes_max = random_.In(1, 20'000);
    options.log.pipeline.tail_bytes_max = random_.Below(20'000);
    options.log.partitions_cached_max = random_.Below(10);
    return options;
  }

  TestEvent RandomEvent() {
    return {.id = absl::StrCat("e", ids_++),
            .type = absl::StrCat(random_.OneIn(2) ? "employee." : "time.", random_.Below(4)),
            .key = random_.OneIn(5) ? "" : absl::StrCat("k", random_.Below(6)),
            .data = random_.Bytes(random_.OneIn(20) ? random_.Below(5000) : random_.Below(100))};
  }
  storage::FilterSpec RandomFilter() {
    storage::FilterSpec spec;
    if (random_.OneIn(3)) spec.types.push_back(absl::StrCat("employee.", random_.Below(5)));
    if (random_.OneIn(4)) spec.types.push_back(random_.OneIn(2) ? "time.*" : "none.*");
    if (random_.OneIn(4)) spec.keys = {absl::StrCat("k", random_.Below(7)), "k0"};
    return spec;
  }

  // One to four requests at once; the model takes them in the order in which they are answered.
  void Append();
  void Read();
  void FindTime();
  void CheckEnds();
  // The model's events of [from, until) that match.
  std::vector<ReadEvent> Expected(uint32_t partition, Offset from, Offset until,
                                  const storage::FilterSpec& spec) const;

  const uint64_t seed_ = GetParam();
  Random random_{seed_};
  testing::TempDir dir_;
  testing::CrashFileSystem disk_{dir_.path()};
  std::unique_ptr<testing::LogHarness> harness_;
  TopicPtr topic_;
  std::vector<ModelEvent> model_[kPartitions];
  int ids_ = 0;
};

void EventLogModelTest::Append() {
  struct Sent {
    std::vector<Part> parts;
    absl::Notification done;
    absl::StatusOr<AppendResult> result;
  };
  std::vector<std::unique_ptr<Sent>> sent;
  for (uint64_t n = random_.In(1, 5); n > 0; --n) {
    sent.push_back(std::make_unique<Sent>());
    Sent* one = sent.back().get();
    for (uint32_t p = 0; p < kPartitions; ++p) {
      if (random_.OneIn(2) && !(one->parts.empty() && p + 1 == kPartitions)) continue;
      Part& part = one->parts.emplace_back(Part{.partition = p});
      for (uint64_t e = random_.In(1, 8); e > 0; --e) part.events.push_back(RandomEvent());
    }
    harness_->log().Append(testing::MakeRequest(topic_, one->parts),
                           [one](absl::StatusOr<AppendResult> result) {
                             one->result = std::move(result);
                             one->done.Notify();
                           });
  }
  for (const auto& one : sent) {
    one->done.WaitForNotification();
    ASSERT_TRUE(one->result.ok()) << one->result.status();
    for (size_t i = 0; i < one->parts.size(); ++i) {
      std::vector<ModelEvent>& events = model_[one->parts[i].partition];
      // Sent by one caller, so stored in the order of sending.
      ASSERT_EQ(one->result->ranges[i].first, Offset(events.size()));
      ASSERT_EQ(one->result->ranges[i].count, one->parts[i].events.size());
      for (const TestEvent& event : one->parts[i].events) {
        events.push_back({event, one->result->append_time});
      }
    }
  }
}

std::vector<ReadEvent> EventLogModelTest::Expected(uint32_t partition, Offset from, Offset until,
                                                   const storage::FilterSpec& spec) const {
  const Filter filter(spec);
  std::vector<ReadEvent> expected;
  const uint64_t end = std::min<uint64_t>(until.value(), model_[partition].size());
  for (uint64_t offset = from.value(); offset < end; ++offset) {
    const TestEvent& event = model_[partition][offset].event;
    if (filter.Matches({.type = event.type, .key = event.key})) {
      expected.push_back({Offset(offset), event});
    }
  }
  return expected;
}

// Reads a range in pages, as a session does, and cuts each batch.
void EventLogModelTest::Read() {
  const auto p = static_cast<uint32_t>(random_.Below(kPartitions));
  const uint64_t size = model_[p].size();
  const Offset from(random_.Below(size + 1));
  const Offset until = random_.OneIn(2) ? Offset(size) : from + random_.Below(40);
  const storage::FilterSpec spec = RandomFilter();
  const Filter filter(spec);
  const uint64_t page_bytes = random_.Below(8000);
  const uint64_t slice_bytes = random_.OneIn(2) ? UINT64_MAX : random_.Below(3000);
  const uint64_t slice_events = random_.OneIn(2) ? UINT64_MAX : random_.In(1, 6);
  const PartitionPtr partition = *harness_->log().OpenPartition(*topic_, PartitionIndex(p));
  std::vector<ReadEvent> read;
  for (Offset next = from; next < until;) {
    const auto page =
        harness_->log().reader().Read(*partition, next, until, page_bytes, MayWait::kYes);
    ASSERT_TRUE(page.ok()) << page.status();
    if (page->state == PartitionRead::State::kAtEnd) break;
    ASSERT_EQ(page->state, PartitionRead::State::kBatches);
    for (const storage::BatchPtr& batch : page->batches) {
      while (next < std::min(until, batch->header.end_offset())) {
        const auto slice = CutBatch(
            *batch, filter,
            {.from = next, .until = until, .bytes_max = slice_bytes, .events_max = slice_events});
        ASSERT_TRUE(slice.ok()) << slice.status();
        ASSERT_GT(slice->next, next);
        ASSERT_TRUE(slice->bytes <= slice_bytes || slice->count == 1);
        ASSERT_LE(slice->count, slice_events);
        next = slice->next;
        std::string bytes;
        for (const absl::string_view piece : slice->pieces)
          bytes.append(piece.data(), piece.size());
        const auto events = testing::DecodeEvents(bytes);
        ASSERT_TRUE(events.has_value() && events->size() == slice->count);
        for (uint32_t i = 0; i < slice->count; ++i) {
          const uint64_t delta = slice->offset_deltas.empty() ? i : slice->offset_deltas[i];
          read.push_back({slice->base_offset + delta, (*events)[i]});
          ASSERT_EQ(batch->header.append_time(), model_[p][read.back().offset.value()].append_time);
        }
      }
    }
  }
  ASSERT_TRUE(read == Expected(p, from, until, spec))
      << "partition " << p << ", [" << from.value() << ", " << until.value() << ")";
}

void EventLogModelTest::FindTime() {
  const auto p = static_cast<uint32_t>(random_.Below(kPartitions));
  const PartitionPtr partition = *harness_->log().OpenPartition(*topic_, PartitionIndex(p));
  const absl::Time time =
      harness_->clock().Now() - absl::Milliseconds(static_cast<int64_t>(random_.Below(3000)));
  const auto found = harness_->log().reader().OffsetAtTime(
      *partition, static_cast<uint64_t>(absl::ToUnixMicros(time)));
  ASSERT_TRUE(found.ok()) << found.status();
  const auto first = std::find_if(model_[p].begin(), model_[p].end(),
                                  [&](const ModelEvent& e) { return e.append_time >= time; });
  ASSERT_EQ(found->value(), static_cast<uint64_t>(first - model_[p].begin()));
}

void EventLogModelTest::CheckEnds() {
  for (uint32_t p = 0; p < kPartitions; ++p) {
    const auto partition = harness_->log().OpenPartition(*topic_, PartitionIndex(p));
    ASSERT_TRUE(partition.ok());
    ASSERT_EQ((*partition)->ends().start, Offset(0));
    ASSERT_EQ((*partition)->ends().end, Offset(model_[p].size()));
  }
}

TEST_P(EventLogModelTest, DoesWhatVectorsDo) {
  SCOPED_TRACE(absl::StrCat("seed ", seed_));
  for (int step = 0; step < 150; ++step) {
    SCOPED_TRACE(absl::StrCat("step ", step));
    const uint64_t choice = random_.Below(20);
    if (choice < 7) {
      Append();
    } else if (choice < 16) {
      Read();
    } else if (choice < 18) {
      FindTime();
    } else if (choice < 19) {
      // The time of day steps back now and then.
      harness_->clock().Advance(absl::Milliseconds(static_cast<int64_t>(random_.Below(400)) - 50));
    } else if (random_.OneIn(2)) {
      harness_->Close();
      harness_->options() = RandomOptions();
      ASSERT_TRUE(harness_->Open().ok());
    }
    CheckEnds();
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, EventLogModelTest,
                         ::testing::Range<uint64_t>(testing::SeedOr(1), testing::SeedOr(1) + 20));

}  // namespace
}  // namespace tidemark::log
