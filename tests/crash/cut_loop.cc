#include "tests/crash/cut_loop.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/support/random.h"

namespace tidemark::testing {

namespace {

// Syncs of a start, about.
constexpr uint64_t kSyncsOfStart = 12;

absl::Status OpenAgain(CrashSubject& subject, const CutPlan& plan, Random* random) {
  if (random == nullptr) return subject.Open();
  CrashFileSystem& disk = subject.disk();
  disk.CutPowerAtSync(static_cast<int>(random->In(1, kSyncsOfStart)), plan.when);
  const absl::Status opened = subject.Open();
  disk.CutPowerAtSync(0, plan.when);
  if (!disk.power_is_cut()) return opened;
  subject.Close();
  disk.RestorePower(plan.loss, random->Below(UINT32_MAX));
  return subject.Open();
}

// After its work has ended: starts, and what is wrong then.
std::vector<std::string> GoOn(CrashSubject& subject, const CutPlan& plan, int salt) {
  CrashFileSystem& disk = subject.disk();
  Random random(plan.seed * 1000 + salt);
  std::vector<std::string> wrong;
  for (int start = 0; start < plan.starts && wrong.empty(); ++start) {
    if (start > 0) {
      disk.CutPower();
      subject.Close();
      disk.RestorePower(plan.loss, random.Below(UINT32_MAX));
    }
    const bool cuts = plan.cuts_starts && start == 0;
    const absl::Status opened = OpenAgain(subject, plan, cuts ? &random : nullptr);
    if (opened.ok()) {
      wrong = subject.Check(start);
    } else {
      wrong = {absl::StrCat("does not open: ", opened.ToString())};
    }
    for (std::string& what : wrong) what = absl::StrCat("start ", start + 1, ": ", what);
  }
  subject.Close();
  return wrong;
}

}  // namespace

std::vector<std::string> GoThroughCut(CrashSubject& subject, const CutPlan& plan, int cut_at,
                                      bool& was_cut) {
  CrashFileSystem& disk = subject.disk();
  if (cut_at > 0) disk.CutPowerAtSync(cut_at, plan.when);
  if (subject.Open().ok()) subject.Work();
  was_cut = disk.power_is_cut();
  subject.Close();
  disk.RestorePower(plan.loss, plan.seed * 1000 + cut_at);
  return GoOn(subject, plan, cut_at);
}

std::vector<std::string> GoThroughTrouble(CrashSubject& subject, const CutPlan& plan,
                                          const Trouble& trouble, bool& came) {
  CrashFileSystem& disk = subject.disk();
  disk.FailOnce(trouble.operation, "", trouble.at, trouble.error);
  if (subject.Open().ok()) subject.Work();
  came = disk.has_failed();
  disk.FailOnce(trouble.operation, "", 0);
  if (trouble.cut) disk.CutPower();
  subject.Close();
  if (trouble.cut) disk.RestorePower(plan.loss, plan.seed * 1000 + trouble.at);
  return GoOn(subject, plan, trouble.at);
}

CutReport CutEverywhere(const CutPlan& plan, MakeSubject make) {
  CutReport report;
  bool was_cut = true;
  for (int cut_at = plan.first; was_cut && report.wrong.empty(); cut_at += plan.step) {
    const std::unique_ptr<CrashSubject> subject = make();
    report.wrong = GoThroughCut(*subject, plan, cut_at, was_cut);
    for (std::string& what : report.wrong) {
      what = absl::StrCat("seed ", plan.seed, ", cut at sync ", cut_at, ", ", what);
    }
    report.cuts += was_cut;
  }
  return report;
}

void ExpectSurvives(const CutPlan& plan, MakeSubject make) {
  const CutReport report = CutEverywhere(plan, make);
  EXPECT_TRUE(report.wrong.empty()) << absl::StrJoin(report.wrong, "\n");
  EXPECT_GE(report.cuts, plan.cuts_min);
}

}  // namespace tidemark::testing
