// A disk that reads a wrong bit: what is told is right, or it is refused; and it is all there when
// the disk reads right again.
//
// Method: a store is opened and read whole, again and again, with a bit flipped in each of its
// reads in turn (TIDEMARK_FLIP_EVERY_READ=1), or in a sample of them. (A bit that stays wrong is in
// StoreDamageTest and integration_bit_rot.)
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/crash/workload.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/log_harness.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"

namespace tidemark::testing {
namespace {

class BitFlipTest : public ::testing::Test {
 protected:
  // What a client is told: of each log its events, and of each key how many it has and where.
  struct Told {
    std::map<LogId, std::vector<ReadEvent>> events;
    std::map<std::pair<LogId, std::string>, log::KeyFigures> keys;
  };
  struct Outcomes {
    int flips = 0;
    int refused_starts = 0;
    int refused_reads = 0;
    int of_no_consequence = 0;
  };

  BitFlipTest() {
    LogHarness::Options options;
    options.store = {.path = dir_.path(),
                     .env = disk_.env(),
                     .epoch_bytes = 16 << 10,
                     .block_cache_bytes = 1 << 20};
    options.log.index = {.segment_events = 20, .open_bytes_max = 1 << 20};
    harness_.emplace(std::move(options));
  }

  void Fill(uint64_t seed) {
    ASSERT_TRUE(harness_->Open().ok());
    Workload workload(seed, /*steps=*/60, /*retention=*/false);
    workload.Run(*harness_);
    for (const log::TopicPtr& topic : harness_->log().catalog().List("", "", 10'000)) {
      for (uint32_t p = 0; p < topic->partitions(); ++p) {
        const auto events = harness_->ReadAll(*topic, p);
        ASSERT_TRUE(events.ok()) << events.status();
        told_.events[topic->log(PartitionIndex(p))] = *events;
        TellKeys(*topic, p, *events);
      }
    }
    ASSERT_FALSE(told_.keys.empty());
    harness_->Close();
  }

  // Reads everything that can be read; what differs from what is there is a failure. Refused reads.
  int ExpectNothingWrong(const std::string& when) {
    int refused = 0;
    const std::vector<log::TopicPtr> topics = harness_->log().catalog().List("", "", 10'000);
    size_t logs = 0;
    for (const log::TopicPtr& topic : topics) {
      for (uint32_t p = 0; p < topic->partitions(); ++p) {
        ++logs;
        const LogId log = topic->log(PartitionIndex(p));
        const auto events = harness_->ReadAll(*topic, p);
        EXPECT_EQ(events.ok() ? *events : told_.events[log], told_.events[log])
            << topic->name() << "/" << p << ": " << when;
        refused += events.ok() ? 0 : 1;
        refused += ExpectKeys(*topic, p, when);
      }
    }
    EXPECT_EQ(logs, told_.events.size()) << when;
    return refused;
  }

  // One flip, at the n-th read; false: there are not so many.
  bool Flip(int n, uint64_t seed, Outcomes& outcomes) {
    const std::string when = absl::StrCat("a bit of read ", n, ", seed ", seed);
    disk_.FlipOnce("", n, seed);
    const absl::Status status = harness_->Open();
    int refused = 0;
    if (status.ok()) refused = ExpectNothingWrong(when);
    const bool flipped = disk_.has_flipped();
    disk_.FlipOnce("", 0, 0);
    harness_->Close();
    EXPECT_TRUE(status.ok() || absl::IsDataLoss(status) || absl::IsUnavailable(status))
        << status << ": " << when;
    if (flipped) {
      ++outcomes.flips;
      ++(!status.ok()  ? outcomes.refused_starts
         : refused > 0 ? outcomes.refused_reads
                       : outcomes.of_no_consequence);
    }
    ExpectAllIsThere(absl::StrCat("after ", when));
    return flipped;
  }

  void ExpectAllIsThere(const std::string& when) {
    const absl::Status status = harness_->Open();
    ASSERT_TRUE(status.ok()) << status << ": " << when;
    EXPECT_EQ(ExpectNothingWrong(when), 0) << when;
    harness_->Close();
  }

 private:
  absl::StatusOr<std::optional<log::KeyFigures>> FindKey(const log::Topic& topic, uint32_t p,
                                                         const std::string& key) {
    const auto partition = harness_->log().OpenPartition(topic, PartitionIndex(p));
    if (!partition.ok()) return partition.status();
    return harness_->log().index().FindKey(**partition, key);
  }

  void TellKeys(const log::Topic& topic, uint32_t p, const std::vector<ReadEvent>& events) {
    for (const ReadEvent& event : events) {
      const auto found = FindKey(topic, p, event.event.key);
      ASSERT_TRUE(found.ok() && found->has_value()) << found.status();
      told_.keys[{topic.log(PartitionIndex(p)), event.event.key}] = **found;
    }
  }

  int ExpectKeys(const log::Topic& topic, uint32_t p, const std::string& when) {
    const LogId log = topic.log(PartitionIndex(p));
    int refused = 0;
    for (auto it = told_.keys.lower_bound({log, ""});
         it != told_.keys.end() && it->first.first == log; ++it) {
      const auto found = FindKey(topic, p, it->first.second);
      if (!found.ok()) {
        ++refused;
        continue;
      }
      EXPECT_TRUE(found->has_value() && (*found)->events == it->second.events &&
                  (*found)->first == it->second.first && (*found)->last == it->second.last)
          << topic.name() << "/" << p << " key \"" << it->first.second << "\": " << when;
    }
    return refused;
  }

  TempDir dir_;
  CrashFileSystem disk_{dir_.path()};
  std::optional<LogHarness> harness_;
  Told told_;
};

TEST_F(BitFlipTest, NothingWrongIsToldAndNothingIsLost) {
  const uint64_t seed = SeedOr(1);
  Fill(seed);
  if (HasFatalFailure()) return;
  Random random(seed);
  Outcomes outcomes;
  const bool every = std::getenv("TIDEMARK_FLIP_EVERY_READ") != nullptr;
  for (int n = 1; Flip(n, random.Below(UINT64_MAX), outcomes) && !HasFatalFailure();) {
    n += every ? 1 : static_cast<int>(random.In(4, 20));
  }
  EXPECT_GT(outcomes.refused_starts, 0);
  EXPECT_GT(outcomes.of_no_consequence, 0);
  printf("%d flipped bits: %d refused starts, %d refused reads, %d of no consequence\n",
         outcomes.flips, outcomes.refused_starts, outcomes.refused_reads,
         outcomes.of_no_consequence);
}

}  // namespace
}  // namespace tidemark::testing
