// A power cut at any sync of compactions and the appends between them: the newest event of each key
// is there, an event is gone only if a newer one of its key is there, and the index says so, too.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/crash/cut_loop.h"
#include "tests/support/log_harness.h"
#include "tests/support/temp_dir.h"

namespace tidemark::testing {
namespace {

using Loss = CrashFileSystem::Loss;
using When = CrashFileSystem::When;

constexpr int kRounds = 3;
constexpr int kAppendsOfRound = 5;

class CompactionSubject final : public CrashSubject {
 public:
  explicit CompactionSubject(bool encrypt) : disk_(dir_.path()) {
    LogHarness::Options options;
    options.store = {.path = dir_.path(),
                     .env = disk_.env(),
                     .epoch_bytes = 4 << 10,
                     .block_cache_bytes = 1 << 20};
    options.log.pipeline.tail_bytes_max = 1000;
    options.log.index.segment_events = 8;
    options.encrypt = encrypt;
    harness_.emplace(std::move(options));
  }

  CrashFileSystem& disk() override { return disk_; }
  absl::Status Open() override { return harness_->Open(); }
  void Close() override { harness_->Close(); }
  void Work() override {
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
  std::vector<std::string> Check(int start) override {
    CheckEvents(/*compacted=*/start > 0);
    const log::TopicPtr topic = harness_->log().catalog().Find("prices");
    if (start == 0 && topic != nullptr) {
      const absl::Status again = harness_->log().compactor().Compact(*topic);
      if (!again.ok()) wrong_.push_back(again.ToString());
    }
    return wrong_;
  }

 private:
  static TestEvent Event(int i) {
    return {.id = absl::StrCat("e", i),
            .type = "price",
            .key = absl::StrCat("k", i % 4),
            .data = std::string(300, static_cast<char>('a' + i % 26))};
  }

  void Wrong(size_t offset, absl::string_view what) {
    wrong_.push_back(absl::StrCat("offset ", offset, " ", what));
  }

  void CheckEvents(bool compacted) {
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

  TempDir dir_;
  CrashFileSystem disk_;
  std::optional<LogHarness> harness_;
  size_t acknowledged_ = 0;
  std::vector<std::string> wrong_;
};

// Both tests together cut at every sync.
TEST(CompactionPowerCutTest, KeepsTheNewestOfEachKey) {
  ExpectSurvives({.when = When::kBefore, .first = 1, .step = 2, .starts = 2, .cuts_min = 15},
                 [] { return std::make_unique<CompactionSubject>(/*encrypt=*/false); });
}

TEST(CompactionPowerCutTest, GoesOnAfterTornWrites) {
  ExpectSurvives({.when = When::kAfter,
                  .loss = Loss::kSomeUnsynced,
                  .first = 2,
                  .step = 2,
                  .starts = 2,
                  .cuts_min = 15},
                 [] { return std::make_unique<CompactionSubject>(/*encrypt=*/true); });
}

}  // namespace
}  // namespace tidemark::testing
