// A power cut at any sync of compactions and the appends between them: the newest event of each key
// is there, an event is gone only if a newer one of its key is there, and the index says so, too.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/log_harness.h"
#include "tests/support/temp_dir.h"

namespace tidemark::testing {
namespace {

using Loss = CrashFileSystem::Loss;
using When = CrashFileSystem::When;

constexpr int kRounds = 3;
constexpr int kAppendsOfRound = 5;

struct Plan {
  int cut_at = 0;
  When when = When::kBefore;
  Loss loss = Loss::kAllUnsynced;
  bool encrypt = false;
};

class CompactionCrashRun {
 public:
  explicit CompactionCrashRun(const Plan& plan) : plan_(plan), disk_(dir_.path()) {
    LogHarness::Options options;
    options.store = {.path = dir_.path(),
                     .env = disk_.env(),
                     .epoch_bytes = 4 << 10,
                     .block_cache_bytes = 1 << 20};
    options.log.pipeline.tail_bytes_max = 1000;
    options.log.index.segment_events = 8;
    options.encrypt = plan.encrypt;
    harness_.emplace(std::move(options));
  }

  // What is wrong.
  std::vector<std::string> Go() {
    disk_.CutPowerAtSync(plan_.cut_at, plan_.when);
    if (harness_->Open().ok()) Work();
    was_cut_ = disk_.power_is_cut();
    for (int start = 0; start < 2 && wrong_.empty(); ++start) {
      harness_->Close();
      disk_.RestorePower(plan_.loss, plan_.cut_at);
      const absl::Status opened = harness_->Open();
      if (!opened.ok()) return {opened.ToString()};
      Check(/*compacted=*/start > 0);
      if (start > 0) continue;
      const log::TopicPtr topic = harness_->log().catalog().Find("prices");
      if (topic == nullptr) continue;
      const absl::Status again = harness_->log().compactor().Compact(*topic);
      if (!again.ok()) wrong_.push_back(again.ToString());
    }
    return wrong_;
  }
  bool was_cut() const { return was_cut_; }

 private:
  static TestEvent Event(int i) {
    return {.id = absl::StrCat("e", i),
            .type = "price",
            .key = absl::StrCat("k", i % 4),
            .data = std::string(300, static_cast<char>('a' + i % 26))};
  }

  void Work() {
    const auto topic = harness_->CreateTopic("prices", {.compact = true});
    if (!topic.ok()) return;
    for (int round = 0; round < kRounds; ++round) {
      for (int i = 0; i < kAppendsOfRound; ++i) {
        const int at = static_cast<int>(acknowledged_);
        if (!harness_->Append(*topic, 0, {Event(at), Event(at + 1)}).ok()) return;
        acknowledged_ += 2;
      }
      if (!harness_->log().compactor().Compact(**topic).ok()) return;
    }
  }

  void Wrong(size_t offset, absl::string_view what) {
    wrong_.push_back(absl::StrCat("offset ", offset, " ", what));
  }

  void Check(bool compacted) {
    const log::TopicPtr topic = harness_->log().catalog().Find("prices");
    if (topic == nullptr) {
      if (acknowledged_ > 0) wrong_.push_back("the topic is gone");
      return;
    }
    const auto events = harness_->ReadAll(*topic, 0);
    if (!events.ok()) return wrong_.push_back(events.status().ToString());
    if (events->size() < acknowledged_) wrong_.push_back("events are gone");
    std::map<std::string, size_t> newest;
    for (size_t i = 0; i < events->size(); ++i) newest[Event(static_cast<int>(i)).key] = i;
    uint64_t left = 0;
    for (size_t i = 0; i < events->size(); ++i) {
      const TestEvent expected = Event(static_cast<int>(i));
      const bool gone = (*events)[i].event.type.empty();
      if (!gone) ++left;
      if (gone && newest[expected.key] == i) Wrong(i, "is the newest of its key, and gone");
      if (!gone && (*events)[i].event != expected) Wrong(i, "is another event");
      if (!gone && compacted && newest[expected.key] != i) Wrong(i, "should be gone");
    }
    const auto types = harness_->log().ListTypes(*topic, "", 10);
    if (!types.ok()) return wrong_.push_back(types.status().ToString());
    const uint64_t counted = types->empty() ? 0 : types->begin()->second.count;
    if (counted != left) wrong_.push_back(absl::StrCat(counted, " of ", left, " are counted"));
    for (const auto& [key, at] : newest) {
      const auto partition = harness_->log().OpenPartition(*topic, PartitionIndex(0));
      if (!partition.ok()) return wrong_.push_back(partition.status().ToString());
      const auto figures = harness_->log().index().FindKey(**partition, key);
      if (!figures.ok() || !figures->has_value()) return wrong_.push_back("a key is not found");
      if ((*figures)->last != Offset(at)) Wrong(at, "is not the last of its key");
      if ((*figures)->events != at / 4 + 1) Wrong(at, "has another revision than before");
    }
  }

  const Plan plan_;
  TempDir dir_;
  CrashFileSystem disk_;
  std::optional<LogHarness> harness_;
  size_t acknowledged_ = 0;
  bool was_cut_ = false;
  std::vector<std::string> wrong_;
};

// From plan.cut_at on, at every second sync.
void ExpectNothingWrong(Plan plan) {
  bool was_cut = true;
  for (; was_cut; plan.cut_at += 2) {
    CompactionCrashRun run(plan);
    const std::vector<std::string> wrong = run.Go();
    ASSERT_TRUE(wrong.empty()) << "cut at sync " << plan.cut_at << ": "
                               << absl::StrJoin(wrong, "\n");
    was_cut = run.was_cut();
  }
  EXPECT_GT(plan.cut_at, 30);  // Else there was not much of a compaction.
}

TEST(CompactionPowerCutTest, KeepsTheNewestOfEachKey) {
  ExpectNothingWrong({.cut_at = 1, .when = When::kBefore});
}

TEST(CompactionPowerCutTest, GoesOnAfterTornWrites) {
  ExpectNothingWrong(
      {.cut_at = 2, .when = When::kAfter, .loss = Loss::kSomeUnsynced, .encrypt = true});
}

}  // namespace
}  // namespace tidemark::testing
