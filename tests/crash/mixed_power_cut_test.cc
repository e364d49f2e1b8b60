// Everything at once, and the power fails at any moment, or the disk refuses: what was acknowledged
// is there, what is there was sent, dense, whole and once; what was erased is gone; backups are
// whole; and it goes on.
// Method: a seeded workload on one store (MixedSubject) with one model (Ledger). The disk forgets
// what was not synced, whole or in part; then the power fails again during the start, and again in
// the work that follows.
//
// TIDEMARK_CUT_SEEDS=N: N seeds, each cut at every sync, and as many operations that fail; else a
// sample of a few seeds. TIDEMARK_CUT_FIRST=N: the first seed from its N-th sync on, so that a
// campaign that was interrupted goes on; how far it is it says.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/crash/mixed_subject.h"
#include "tests/support/random.h"

namespace tidemark::testing {
namespace {

using Error = CrashFileSystem::Error;
using Lie = CrashFileSystem::Lie;
using Loss = CrashFileSystem::Loss;
using Operation = CrashFileSystem::Operation;
using When = CrashFileSystem::When;

constexpr int kSteps = 40;
constexpr uint64_t kSample = 8;
constexpr int kRunsOfReport = 10;
// In a campaign: as many as a seed has cuts.
constexpr uint64_t kTroublesOfSeed = 200;
// Syncs of a run, about.
constexpr uint64_t kSyncs = 260;

uint64_t NumberOr(const char* name, uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}
uint64_t SeedsOr(uint64_t fallback) { return NumberOr("TIDEMARK_CUT_SEEDS", fallback); }
bool IsCampaign() { return SeedsOr(0) > 0; }

CutPlan PlanOf(uint64_t seed) {
  return {.when = seed % 2 == 0 ? When::kBefore : When::kAfter,
          .loss = seed % 3 == 0 ? Loss::kAllUnsynced : Loss::kSomeUnsynced,
          .seed = seed,
          .starts = 2,
          .cuts_starts = true};
}

// What became of all runs of a test.
struct Sum {
  int runs = 0;
  int reached = 0;
  uint64_t acknowledged = 0;

  ~Sum() { Print("all"); }
  void Print(const std::string& name) const {
    std::printf("%s: %d runs, %d of them cut or in trouble, %llu acknowledged requests checked\n",
                name.c_str(), runs, reached, static_cast<unsigned long long>(acknowledged));
    std::fflush(stdout);
  }
  bool Add(const MixedSubject& subject, bool reached_it, const std::string& name,
           const std::vector<std::string>& wrong) {
    ++runs;
    reached += reached_it;
    acknowledged += subject.acknowledged();
    if (IsCampaign() && runs % kRunsOfReport == 0) Print(name);
    EXPECT_TRUE(wrong.empty()) << name << ":\n" << absl::StrJoin(wrong, "\n");
    return wrong.empty();
  }
};

bool Cut(uint64_t seed, int cut_at, Sum& sum, bool& was_cut) {
  MixedSubject subject(seed, kSteps);
  const auto wrong = GoThroughCut(subject, PlanOf(seed), cut_at, was_cut);
  return sum.Add(subject, was_cut, absl::StrCat("seed ", seed, ", cut at sync ", cut_at), wrong);
}

TEST(MixedPowerCutTest, KeepsEveryPromiseAtEverySync) {
  Sum sum;
  const uint64_t first = SeedOr(1);
  for (uint64_t seed = first; seed < first + SeedsOr(kSample); ++seed) {
    bool was_cut = true;
    int cut_at = seed == first ? static_cast<int>(NumberOr("TIDEMARK_CUT_FIRST", 1)) : 1;
    if (!IsCampaign()) {
      ASSERT_TRUE(Cut(seed, static_cast<int>(Random(seed).In(1, kSyncs)), sum, was_cut));
      continue;
    }
    for (; was_cut; ++cut_at) ASSERT_TRUE(Cut(seed, cut_at, sum, was_cut));
  }
}

Trouble TroubleOf(uint64_t seed) {
  Random random(seed);
  std::vector<Operation> operations = {Operation::kWrite, Operation::kWrite, Operation::kSync,
                                       Operation::kCreate, Operation::kRename};
  std::vector<Error> errors = {Error::kIo, Error::kNoSpace, Error::kShortWrite};
  Trouble trouble;
  trouble.operation = random.Of(operations);
  trouble.error = random.Of(errors);
  const bool rare = trouble.operation == Operation::kCreate ||  //
                    trouble.operation == Operation::kRename;
  trouble.at = static_cast<int>(random.In(1, rare ? kSyncs / 8 : kSyncs));
  trouble.cut = random.OneIn(2);
  return trouble;
}

// EIO, a full disk, or half of a write; then perhaps a cut.
TEST(MixedPowerCutTest, KeepsEveryPromiseWhenTheDiskFails) {
  Sum sum;
  const uint64_t first = SeedOr(1);
  const uint64_t seeds = IsCampaign() ? kTroublesOfSeed * SeedsOr(0) : kSample;
  for (uint64_t seed = first; seed < first + seeds; ++seed) {
    const Trouble trouble = TroubleOf(seed);
    MixedSubject subject(seed, kSteps);
    bool came = false;
    const auto wrong = GoThroughTrouble(subject, PlanOf(seed), trouble, came);
    const std::string name = absl::StrCat("seed ", seed, ", operation ", trouble.operation,
                                          " number ", trouble.at, " fails by ", trouble.error);
    ASSERT_TRUE(sum.Add(subject, came, name, wrong));
  }
}

// The checks above can fail: without fsync the same workload loses what it promised.
TEST(MixedPowerCutTest, FindsOutADiskThatLies) {
  for (const Lie lie : {Lie::kFileSync, Lie::kDirectorySync}) {
    const CutReport report = CutEverywhere(
        {.first = 40, .step = 20}, [&] { return std::make_unique<MixedSubject>(1, kSteps, lie); });
    EXPECT_FALSE(report.wrong.empty());
  }
}

}  // namespace
}  // namespace tidemark::testing
