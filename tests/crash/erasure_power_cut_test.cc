// A power cut at any sync of an erasure: it happened as a whole or not at all; once it was answered
// it is there, goes on after the start until it is complete, and then no file holds the bytes.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/crash/cut_loop.h"
#include "tests/support/files_with.h"
#include "tests/support/log_harness.h"
#include "tests/support/temp_dir.h"

namespace tidemark::testing {
namespace {

using Loss = CrashFileSystem::Loss;
using When = CrashFileSystem::When;

constexpr char kAnn[] = "key-of-ann";
constexpr char kPayload[] = "payload-of-ann";

class ErasureSubject final : public CrashSubject {
 public:
  explicit ErasureSubject(bool encrypt) : encrypt_(encrypt), disk_(dir_.path()) {
    LogHarness::Options options;
    options.store = {.path = dir_.path(),
                     .env = disk_.env(),
                     .epoch_bytes = 4 << 10,
                     .block_cache_bytes = 1 << 20};
    options.log.pipeline.tail_bytes_max = 2000;
    options.encrypt = encrypt;
    harness_.emplace(std::move(options));
  }

  CrashFileSystem& disk() override { return disk_; }
  absl::Status Open() override { return harness_->Open(); }
  void Close() override { harness_->Close(); }
  void Work() override {
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
  std::vector<std::string> Check(int) override {
    CheckAll();
    return wrong_;
  }

 private:
  void CheckAll() {
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
    if (encrypt_) {
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

  const bool encrypt_;
  TempDir dir_;
  CrashFileSystem disk_;
  std::optional<LogHarness> harness_;
  size_t acknowledged_ = 0;
  bool erased_ = false;
  std::vector<std::string> wrong_;
};

// Each pair of tests cuts at every sync.
void ExpectNothingWrong(bool encrypt, const CutPlan& plan) {
  ExpectSurvives(plan, [encrypt] { return std::make_unique<ErasureSubject>(encrypt); });
}

constexpr CutPlan kOdd{.first = 1, .step = 2, .starts = 2, .cuts_min = 7};
constexpr CutPlan kEven{
    .loss = Loss::kSomeUnsynced, .first = 2, .step = 2, .starts = 2, .cuts_min = 7};

CutPlan With(CutPlan plan, When when) {
  plan.when = when;
  return plan;
}

TEST(ErasurePowerCutTest, HappensAsAWholeOrNotAtAll) {
  ExpectNothingWrong(/*encrypt=*/false, With(kOdd, When::kBefore));
}

TEST(ErasurePowerCutTest, GoesOnAfterWhatNobodyLearnedOf) {
  ExpectNothingWrong(/*encrypt=*/false, With(kEven, When::kAfter));
}

TEST(ErasurePowerCutTest, DestroysKeysWithTheEvents) {
  ExpectNothingWrong(/*encrypt=*/true, With(kOdd, When::kAfter));
}

TEST(ErasurePowerCutTest, LosesNoKeyThatIsNeeded) {
  ExpectNothingWrong(/*encrypt=*/true, With(kEven, When::kBefore));
}

}  // namespace
}  // namespace tidemark::testing
