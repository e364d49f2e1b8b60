// A power cut may take back what was not acknowledged; it keeps everything that was, with no holes,
// nothing half and nothing twice.
// Method: CrashFileSystem forgets what was not synced. The same workload runs again and again, with
// the power cut at each sync in turn; then the store is opened and the ledger compared.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/crash/workload.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/log_harness.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"

namespace tidemark::testing {
namespace {

using Lie = CrashFileSystem::Lie;
using Loss = CrashFileSystem::Loss;
using When = CrashFileSystem::When;

struct Plan {
  uint64_t seed = 1;
  int steps = 30;
  int cut_at = 0;  // Sync, 1 being the first; 0: never.
  When when = When::kBefore;
  Loss loss = Loss::kAllUnsynced;
  Lie lie = Lie::kNone;
  const char* directory = "";  // Below the disk's root; made by the store unless it is the root.
  bool retention = false;
};

struct Outcome {
  bool was_cut = false;
  std::vector<std::string> wrong;
};

// One store through a power cut, and on.
class CrashRun {
 public:
  explicit CrashRun(const Plan& plan)
      : plan_(plan), disk_(dir_.path()), workload_(plan.seed, plan.steps, plan.retention) {
    LogHarness::Options options;
    options.store = {.path = absl::StrCat(dir_.path(), plan.directory),
                     .env = disk_.env(),
                     .epoch_bytes = 16 << 10,
                     .block_cache_bytes = 1 << 20};
    options.log.pipeline.batch_bytes_max = 1500;
    options.log.pipeline.commit_bytes_max = 8000;
    options.log.pipeline.tail_bytes_max = 20'000;
    options.log.partitions_cached_max = 1;
    options.log.index = {.segment_events = 20, .open_bytes_max = 1 << 20};
    harness_.emplace(std::move(options));
    disk_.LieAbout(plan.lie);
  }

  Outcome Go() {
    if (plan_.cut_at > 0) disk_.CutPowerAtSync(plan_.cut_at, plan_.when);
    if (harness_->Open().ok()) workload_.Run(*harness_);
    outcome_.was_cut = disk_.power_is_cut();
    if (!ComesBack("after the cut")) return outcome_;
    // What can be read now was perhaps never acknowledged. It must not go away again.
    SeeEverything();
    disk_.CutPower();
    if (!ComesBack("after a second cut")) return outcome_;
    Add("retries", workload_.Retry(*harness_));
    workload_.Run(*harness_);
    Add("going on", workload_.ledger().Violations(*harness_));
    harness_->Close();
    return outcome_;
  }

 private:
  void Add(absl::string_view when, const std::vector<std::string>& wrong) {
    for (const std::string& what : wrong) outcome_.wrong.push_back(absl::StrCat(when, ": ", what));
  }
  // True if the store can be opened; then it is checked.
  bool ComesBack(absl::string_view when) {
    harness_->Close();
    disk_.RestorePower(plan_.loss, plan_.seed * 1000 + plan_.cut_at);
    const absl::Status opened = harness_->Open();
    if (!opened.ok()) {
      Add(when, {absl::StrCat("does not open: ", opened.ToString())});
      return false;
    }
    Add(when, workload_.ledger().Violations(*harness_));
    return outcome_.wrong.empty();
  }
  void SeeEverything() {
    for (const auto& [id, topic] : workload_.ledger().topics()) {
      const log::TopicPtr found = harness_->log().catalog().FindById(id);
      if (found == nullptr) continue;
      for (uint32_t p = 0; p < topic.partitions; ++p) {
        const auto events = harness_->ReadAll(*found, p);
        if (events.ok()) workload_.ledger().Saw(topic.first_log + p, *events);
      }
    }
  }

  const Plan plan_;
  TempDir dir_;
  CrashFileSystem disk_;
  Workload workload_;
  std::optional<LogHarness> harness_;
  Outcome outcome_;
};

// Runs `plan` with a cut at each sync until the workload ends before the cut. Empty: all went well.
std::vector<std::string> CutEverywhere(Plan plan, size_t enough, int& cuts) {
  std::vector<std::string> wrong;
  for (plan.cut_at = 1; wrong.size() < enough; ++plan.cut_at) {
    const Outcome outcome = CrashRun(plan).Go();
    for (const std::string& what : outcome.wrong) {
      wrong.push_back(absl::StrCat("seed ", plan.seed, ", cut at sync ", plan.cut_at, ", ", what));
    }
    cuts = plan.cut_at;
    if (!outcome.was_cut) break;
  }
  return wrong;
}

void ExpectNothingWrong(const Plan& plan) {
  int cuts = 0;
  const std::vector<std::string> wrong = CutEverywhere(plan, 1, cuts);
  EXPECT_TRUE(wrong.empty()) << absl::StrJoin(wrong, "\n");
  EXPECT_GT(cuts, plan.steps / 2);  // Else the workload did not do much.
}

TEST(PowerCutTest, KeepsWhatWasAcknowledgedAtEverySync) {
  ExpectNothingWrong({.seed = SeedOr(1), .when = When::kBefore});
}

// The disk was faster than the answer: what happened is known to nobody, and repeated.
TEST(PowerCutTest, KeepsWhatWasSyncedWithoutAnAnswer) {
  ExpectNothingWrong({.seed = SeedOr(2), .when = When::kAfter});
}

// Some of what was not synced is on the disk all the same.
TEST(PowerCutTest, KeepsWhatWasAcknowledgedBesideTornWrites) {
  ExpectNothingWrong({.seed = SeedOr(3), .when = When::kBefore, .loss = Loss::kSomeUnsynced});
}

// Starts move, partitions run empty, files are dropped and rewritten: what retention has not passed
// is there, starts never move back, and offsets go on where they were.
TEST(PowerCutTest, KeepsWhatRetentionHasNotPassed) {
  ExpectNothingWrong({.seed = SeedOr(6), .when = When::kBefore, .retention = true});
}

TEST(PowerCutTest, KeepsWhatRetentionHasNotPassedBesideTornWrites) {
  ExpectNothingWrong(
      {.seed = SeedOr(7), .when = When::kAfter, .loss = Loss::kSomeUnsynced, .retention = true});
}

TEST(PowerCutTest, KeepsADirectoryThatTheStoreMade) {
  ExpectNothingWrong({.seed = SeedOr(4), .steps = 6, .directory = "/data"});
}

TEST(PowerCutTest, KeepsEverythingAfterAnOrderlyEnd) {
  for (uint64_t seed = SeedOr(5), end = seed + 6; seed < end; ++seed) {
    const Outcome outcome = CrashRun({.seed = seed, .steps = 60, .retention = seed % 2 == 0}).Go();
    EXPECT_TRUE(outcome.wrong.empty()) << "seed " << seed << "\n"
                                       << absl::StrJoin(outcome.wrong, "\n");
  }
}

// The checks above can fail: a disk that only pretends to sync is found out.
TEST(PowerCutTest, FindsOutADiskThatLiesAboutFiles) {
  int cuts = 0;
  EXPECT_FALSE(CutEverywhere({.steps = 10, .lie = Lie::kFileSync}, 1, cuts).empty());
  EXPECT_FALSE(
      CutEverywhere({.steps = 10, .lie = Lie::kFileSync, .retention = true}, 1, cuts).empty());
}

TEST(PowerCutTest, FindsOutADiskThatLiesAboutDirectories) {
  int cuts = 0;
  EXPECT_FALSE(CutEverywhere({.steps = 10, .lie = Lie::kDirectorySync}, 1, cuts).empty());
}

}  // namespace
}  // namespace tidemark::testing
