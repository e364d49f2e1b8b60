// A power cut may take back what was not acknowledged; it keeps everything that was, with no holes,
// nothing half and nothing twice.
// Method: CrashFileSystem forgets what was not synced. The same workload runs again and again, with
// the power cut at each sync in turn; then the store is opened and the ledger compared.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/crash/cut_loop.h"
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
  When when = When::kBefore;
  Loss loss = Loss::kAllUnsynced;
  Lie lie = Lie::kNone;
  const char* directory = "";  // Below the disk's root; made by the store unless it is the root.
  bool retention = false;
};

// One store through a power cut, and on.
class WorkloadSubject final : public CrashSubject {
 public:
  explicit WorkloadSubject(const Plan& plan)
      : disk_(dir_.path()), workload_(plan.seed, plan.steps, plan.retention) {
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

  CrashFileSystem& disk() override { return disk_; }
  absl::Status Open() override { return harness_->Open(); }
  void Close() override { harness_->Close(); }
  void Work() override { workload_.Run(*harness_); }
  std::vector<std::string> Check(int start) override {
    std::vector<std::string> wrong = workload_.ledger().Settle(*harness_);
    if (start == 0 || !wrong.empty()) return wrong;
    wrong = workload_.Retry(*harness_);
    if (!wrong.empty()) return wrong;
    Work();
    return workload_.ledger().Violations(*harness_);
  }

 private:
  TempDir dir_;
  CrashFileSystem disk_;
  Workload workload_;
  std::optional<LogHarness> harness_;
};

CutReport CutAll(const Plan& plan) {
  return CutEverywhere({.when = plan.when, .loss = plan.loss, .seed = plan.seed, .starts = 2},
                       [&] { return std::make_unique<WorkloadSubject>(plan); });
}

void ExpectNothingWrong(const Plan& plan) {
  ExpectSurvives({.when = plan.when,
                  .loss = plan.loss,
                  .seed = plan.seed,
                  .starts = 2,
                  .cuts_min = plan.steps / 2},
                 [&] { return std::make_unique<WorkloadSubject>(plan); });
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
    WorkloadSubject subject({.seed = seed, .steps = 60, .retention = seed % 2 == 0});
    bool was_cut = false;
    const auto wrong = GoThroughCut(subject, {.seed = seed, .starts = 2}, 0, was_cut);
    EXPECT_TRUE(wrong.empty()) << "seed " << seed << "\n" << absl::StrJoin(wrong, "\n");
  }
}

// The checks above can fail: a disk that only pretends to sync is found out.
TEST(PowerCutTest, FindsOutADiskThatLiesAboutFiles) {
  for (const bool retention : {false, true}) {
    const Plan plan{.steps = 10, .lie = Lie::kFileSync, .retention = retention};
    EXPECT_FALSE(CutAll(plan).wrong.empty());
  }
}

TEST(PowerCutTest, FindsOutADiskThatLiesAboutDirectories) {
  EXPECT_FALSE(CutAll({.steps = 10, .lie = Lie::kDirectorySync}).wrong.empty());
}

}  // namespace
}  // namespace tidemark::testing
