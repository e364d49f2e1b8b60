// A power cut may take back acks, nacks and dead letters that were not confirmed; it keeps every
// one that was, and an event that is neither done nor dead comes again.
// Method: a KEY_ORDERED group works on a store whose disk forgets what was not synced, with the
// power cut at each sync in turn; then a new member gets what is left.
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/crash/cut_loop.h"
#include "tests/crash/office.h"
#include "tests/crash/worker.h"
#include "tests/support/random.h"

namespace tidemark::testing {
namespace {

using Loss = CrashFileSystem::Loss;
using When = CrashFileSystem::When;

constexpr uint64_t kEvents = 40;

LogHarness::Options OneEpoch() {
  LogHarness::Options options;
  options.store.epoch_bytes = 1 << 20;
  return options;
}

// A store with a group at work, until everything is handled or the power is cut.
class WorkSubject final : public CrashSubject {
 public:
  explicit WorkSubject(uint64_t seed) : random_(seed), office_(OneEpoch()) {
    worker_.SetGivesUp([this] { return office_.has_failed(); });
  }
  ~WorkSubject() override { Close(); }

  CrashFileSystem& disk() override { return office_.disk(); }
  absl::Status Open() override { return office_.Open(); }
  void Close() override {
    if (office_.is_open()) worker_.Leave();
    office_.Close();
  }
  void Work() override {
    if (!office_.harness().CreateTopic("hr", {.partitions = 1}).ok()) return;
    const auto topic = office_.log().FindTopic("hr");
    std::vector<TestEvent> events;
    for (uint64_t i = 0; i < kEvents; ++i) {
      events.push_back({.type = "t", .key = absl::StrCat("k", i % 7)});
    }
    if (!office_.harness().Append(*topic, 0, events).ok()) return;
    for (uint64_t i = 0; i < kEvents; ++i) {
      appended_.emplace((*topic)->log(PartitionIndex(0)), Offset(i));
    }
    if (worker_.Join(office_.groups())) worker_.Handle(random_, SIZE_MAX);
  }
  std::vector<std::string> Check(int) override {
    if (appended_.empty()) return {};
    return worker_.Check(office_.groups(), appended_, /*erased=*/{});
  }

 private:
  Random random_;
  Office office_;
  Worker worker_{"payroll", "hr"};
  std::set<Worker::Place> appended_;
};

TEST(WorkPowerCutTest, KeepsConfirmedAcksNacksAndDeadLettersAtEverySync) {
  const uint64_t seed = SeedOr(1);
  ExpectSurvives({.when = When::kBefore, .seed = seed, .cuts_min = 30},
                 [&] { return std::make_unique<WorkSubject>(seed); });
}

TEST(WorkPowerCutTest, KeepsThemBesideTornWritesAndWithoutAnAnswer) {
  const uint64_t seed = SeedOr(2);
  ExpectSurvives({.when = When::kAfter, .loss = Loss::kSomeUnsynced, .seed = seed, .cuts_min = 30},
                 [&] { return std::make_unique<WorkSubject>(seed); });
}

}  // namespace
}  // namespace tidemark::testing
