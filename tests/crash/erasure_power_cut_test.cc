// A power cut at any sync of an erasure: it happened as a whole or not at all; once it was answered
// it is there, goes on after the start until it is complete, and then no file holds the bytes.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/files_with.h"
#include "tests/support/log_harness.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"

namespace tidemark::testing {
namespace {

using Loss = CrashFileSystem::Loss;
using When = CrashFileSystem::When;

constexpr char kAnn[] = "key-of-ann";
constexpr char kPayload[] = "payload-of-ann";

struct Plan {
  int cut_at = 0;
  When when = When::kBefore;
  Loss loss = Loss::kAllUnsynced;
  bool encrypt = false;
};

class ErasureCrashRun {
 public:
  explicit ErasureCrashRun(const Plan& plan) : plan_(plan), disk_(dir_.path()) {
    LogHarness::Options options;
    options.store = {.path = dir_.path(),
                     .env = disk_.env(),
                     .epoch_bytes = 4 << 10,
                     .block_cache_bytes = 1 << 20};
    options.log.pipeline.tail_bytes_max = 2000;
    options.encrypt = plan.encrypt;
    harness_.emplace(std::move(options));
  }

  // What is wrong.
  std::vector<std::string> Go() {
    if (plan_.cut_at > 0) disk_.CutPowerAtSync(plan_.cut_at, plan_.when);
    if (harness_->Open().ok()) Work();
    was_cut_ = disk_.power_is_cut();
    for (int start = 0; start < 2 && wrong_.empty(); ++start) {
      harness_->Close();
      disk_.RestorePower(plan_.loss, plan_.cut_at);
      const absl::Status opened = harness_->Open();
      if (!opened.ok()) {
        wrong_.push_back(opened.ToString());
        break;
      }
      Check();
    }
    return wrong_;
  }
  bool was_cut() const { return was_cut_; }

 private:
  void Work() {
    const auto topic = harness_->CreateTopic("hr");
    if (!topic.ok()) return;
    for (int i = 0; i < 6; ++i) {
      const std::vector<TestEvent> events = {
          {.id = absl::StrCat("b", i), .key = "bob", .data = std::string(600, 'b')},
          {.id = absl::StrCat("a", i), .key = kAnn, .data = absl::StrCat(kPayload, i)}};
      if (!harness_->Append(*topic, 0, events).ok()) return;
      acknowledged_ += 2;
    }
    const auto erased =
        harness_->log().eraser().Erase({.topic = *topic, .key = kAnn, .reason = "r", .actor = "a"});
    if (!erased.ok()) return;
    erased_ = true;
    harness_->log().eraser().WaitUntilIdle();
  }

  void Check() {
    const log::TopicPtr topic = harness_->log().catalog().Find("hr");
    if (topic == nullptr) {
      if (acknowledged_ > 0) wrong_.push_back("the topic is gone");
      return;
    }
    harness_->log().eraser().WaitUntilIdle();
    const auto records = harness_->store().ReadErasures();
    if (!records.ok()) return wrong_.push_back(records.status().ToString());
    if (erased_ && records->size() != 1) wrong_.push_back("an answered erasure is gone");
    for (const storage::ErasureRecord& record : *records) {
      if (record.state != storage::ErasureState::kComplete) wrong_.push_back("it is not complete");
    }
    const auto events = harness_->ReadAll(*topic, 0);
    if (!events.ok()) return wrong_.push_back(events.status().ToString());
    if (events->size() < acknowledged_) wrong_.push_back("events are gone");
    for (size_t i = 0; i < events->size(); ++i) {
      const bool of_ann = i % 2 == 1;
      const bool blank = (*events)[i].event.type.empty();
      if (blank != (of_ann && !records->empty())) {
        wrong_.push_back(absl::StrCat("offset ", i, blank ? " is" : " is not", " erased"));
      }
    }
    if (records->empty()) return;
    if (plan_.encrypt) {
      const auto keys = harness_->vault().IdsOf({topic->id(), kAnn});
      if (!keys.ok()) return wrong_.push_back(keys.status().ToString());
      if (!keys->empty()) wrong_.push_back("the key of what was erased is not destroyed");
    }
    for (const char* needle : {kAnn, kPayload}) {
      for (const std::string& file : FilesWith(dir_.path(), needle)) {
        wrong_.push_back(absl::StrCat(file, " holds ", needle));
      }
    }
  }

  const Plan plan_;
  TempDir dir_;
  CrashFileSystem disk_;
  std::optional<LogHarness> harness_;
  size_t acknowledged_ = 0;
  bool erased_ = false;
  bool was_cut_ = false;
  std::vector<std::string> wrong_;
};

// From plan.cut_at on, at every second sync.
void ExpectNothingWrong(Plan plan) {
  bool was_cut = true;
  for (; was_cut; plan.cut_at += 2) {
    ErasureCrashRun run(plan);
    const std::vector<std::string> wrong = run.Go();
    ASSERT_TRUE(wrong.empty()) << "cut at sync " << plan.cut_at << ": "
                               << absl::StrJoin(wrong, "\n");
    was_cut = run.was_cut();
  }
  EXPECT_GT(plan.cut_at, 15);  // Else there was not much of an erasure.
}

TEST(ErasurePowerCutTest, HappensAsAWholeOrNotAtAll) {
  ExpectNothingWrong({.cut_at = 1, .when = When::kBefore});
}

TEST(ErasurePowerCutTest, GoesOnAfterWhatNobodyLearnedOf) {
  ExpectNothingWrong({.cut_at = 2, .when = When::kAfter, .loss = Loss::kSomeUnsynced});
}

TEST(ErasurePowerCutTest, DestroysKeysWithTheEvents) {
  ExpectNothingWrong({.cut_at = 1, .when = When::kAfter, .encrypt = true});
}

TEST(ErasurePowerCutTest, LosesNoKeyThatIsNeeded) {
  ExpectNothingWrong(
      {.cut_at = 2, .when = When::kBefore, .loss = Loss::kSomeUnsynced, .encrypt = true});
}

}  // namespace
}  // namespace tidemark::testing
