// A power cut while a backup is made, or restored: the store is as it was, older backups are whole,
// the new one is there whole or not at all, and half of a store is never taken for a store.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/storage/backup.h"
#include "tests/crash/cut_loop.h"
#include "tests/support/log_harness.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"

namespace tidemark::testing {
namespace {

using Lie = CrashFileSystem::Lie;
using Loss = CrashFileSystem::Loss;
using When = CrashFileSystem::When;
using storage::BackupInfo;
using storage::Backups;

constexpr uint64_t kFast = 1ull << 40;
constexpr auto kNeverStopped = [] { return false; };
constexpr uint64_t kEventsOfOlder = 6;
constexpr uint64_t kEvents = 10;

// A store with a backup of its first events, and a newer one being made.
class BackupSubject final : public CrashSubject {
 public:
  explicit BackupSubject(Lie lie = Lie::kNone) {
    disk_.LieAbout(lie);
    Must(Open());
    Append(kEventsOfOlder);
    const auto older = Create();
    Must(older.status());
    if (older.ok()) older_ = older->id;
    Append(kEvents);
  }
  ~BackupSubject() override { harness_.Close(); }

  CrashFileSystem& disk() override { return disk_; }
  absl::Status Open() override {
    if (harness_.is_open()) return absl::OkStatus();
    if (absl::Status opened = harness_.Open(); !opened.ok()) return opened;
    absl::StatusOr<log::TopicPtr> topic = harness_.log().FindTopic("hr");
    if (!topic.ok()) topic = harness_.CreateTopic("hr");
    if (topic.ok()) topic_ = *topic;
    return topic.status();
  }
  void Work() override {
    const auto made = Create();
    if (made.ok()) made_ = made->id;
  }
  void Close() override { harness_.Close(); }

  std::vector<std::string> Check(int) override {
    CheckEvents("the store", harness_, kEvents);
    const absl::StatusOr<std::vector<BackupInfo>> list = backups_.List();
    if (!list.ok()) return {list.status().ToString()};
    if (list->empty() || list->back().id != older_) Wrong("the older backup is gone");
    if (made_ != 0 && (list->empty() || list->front().id != made_)) Wrong("the newer one is gone");
    for (const BackupInfo& backup : *list) CheckIntact(backup);
    if (wrong_.empty()) CheckWhole(list->front(), list->size() == 1 ? kEventsOfOlder : kEvents);
    Append(kEvents + 1);
    const absl::StatusOr<BackupInfo> next = Create();
    Must(next.status());
    if (next.ok()) CheckIntact(*next);
    return wrong_;
  }

  const std::vector<std::string>& wrong() const { return wrong_; }
  void Wrong(std::string what) { wrong_.push_back(std::move(what)); }
  void Must(const absl::Status& status) {
    if (!status.ok()) Wrong(status.ToString());
  }
  void CheckStore(const std::string& path, uint64_t events) {
    LogHarness restored({.store = {.path = path, .env = disk_.env()}});
    const absl::Status opened = restored.Open();
    if (!opened.ok()) return Wrong(absl::StrCat(path, ": ", opened.ToString()));
    CheckEvents(path, restored, events);
  }
  absl::Status Restore(const std::string& to, std::optional<uint32_t> id = {}) {
    return storage::RestoreBackup(
               {.from = backups_.directory(), .id = id, .to = to, .env = disk_.env()})
        .status();
  }
  std::string Sub(absl::string_view name) const { return dir_.Sub(name); }

 private:
  // Until there are so many.
  void Append(uint64_t events) {
    for (; events_ < events && wrong_.empty(); ++events_) {
      Must(harness_
               .Append(topic_, 0, {{.id = absl::StrCat(events_), .data = std::string(2000, 'x')}})
               .status());
    }
  }
  absl::StatusOr<BackupInfo> Create() {
    return backups_.Create(harness_.store(), kFast, kNeverStopped);
  }
  void CheckIntact(const BackupInfo& backup) {
    if (backup.damaged) Wrong(absl::StrCat("backup ", backup.id, " is damaged"));
    Must(backups_.Verify(backup.id, kFast, kNeverStopped).status());
  }
  void CheckEvents(const std::string& what, LogHarness& store, uint64_t events) {
    const absl::StatusOr<log::TopicPtr> topic = store.log().FindTopic("hr");
    if (!topic.ok()) return Wrong(absl::StrCat(what, ": ", topic.status().ToString()));
    const auto read = store.ReadAll(**topic, 0);
    if (!read.ok()) return Wrong(absl::StrCat(what, ": ", read.status().ToString()));
    if (read->size() != events) Wrong(absl::StrCat(what, " has ", read->size(), " events"));
    for (size_t i = 0; i < read->size(); ++i) {
      if ((*read)[i].event.id != absl::StrCat(i)) Wrong(absl::StrCat(what, ": another event ", i));
    }
  }
  // Restores it, on a disk without troubles, and reads it all.
  void CheckWhole(const BackupInfo& backup, uint64_t events) {
    const std::string to = dir_.Sub("whole");
    const absl::Status restored = Restore(to, backup.id);
    if (!restored.ok()) return Wrong(absl::StrCat("backup ", backup.id, ": ", restored.ToString()));
    CheckStore(to, events);
  }

  TempDir dir_;
  CrashFileSystem disk_{dir_.path()};
  LogHarness harness_{
      {.store = {.path = dir_.Sub("data"), .env = disk_.env(), .epoch_bytes = 8 << 10}}};
  Backups backups_{dir_.Sub("backups"), disk_.env()};
  log::TopicPtr topic_;
  uint64_t events_ = 0;
  uint32_t older_ = 0;
  uint32_t made_ = 0;
  std::vector<std::string> wrong_;
};

// The newest of its backups becomes a store.
class RestoreSubject final : public CrashSubject {
 public:
  RestoreSubject(BackupSubject& from, std::string to) : from_(from), to_(std::move(to)) {}

  CrashFileSystem& disk() override { return from_.disk(); }
  absl::Status Open() override { return absl::OkStatus(); }
  void Work() override {
    answer_ = from_.Restore(to_);
    was_cut_ = disk().power_is_cut();
  }
  void Close() override {}

  std::vector<std::string> Check(int) override {
    if (answer_.ok() == was_cut_) from_.Wrong(absl::StrCat("the answer is ", answer_.ToString()));
    const bool begun = std::filesystem::exists(to_) && !std::filesystem::is_empty(to_);
    const bool is_store = begun && storage::Store::Open({.path = to_, .env = disk().env()}).ok();
    if (!is_store && answer_.ok()) from_.Wrong("what was restored does not open");
    if (!is_store) from_.Must(from_.Restore(to_));
    from_.CheckStore(to_, kEvents);
    return from_.wrong();
  }

 private:
  BackupSubject& from_;
  const std::string to_;
  absl::Status answer_;
  bool was_cut_ = false;
};

// Each sync is cut, before and after in turn; with torn writes, which cost more, each third.
class BackupPowerCutTest : public ::testing::TestWithParam<Loss> {
 protected:
  static void ExpectSurvivesCuts(MakeSubject make) {
    const int step = GetParam() == Loss::kAllUnsynced ? 1 : 3;
    for (const When when : {When::kAfter, When::kBefore}) {
      ExpectSurvives({.when = when,
                      .loss = GetParam(),
                      .seed = SeedOr(1),
                      .first = when == When::kAfter ? 1 : 1 + step,
                      .step = 2 * step,
                      .cuts_min = step == 1 ? 4 : 1},
                     make);
    }
  }
};

TEST_P(BackupPowerCutTest, ABackupIsThereWholeOrNotAtAll) {
  ExpectSurvivesCuts([] { return std::make_unique<BackupSubject>(); });
}

TEST_P(BackupPowerCutTest, ARestoreIsAStoreOnlyWhenItIsWhole) {
  BackupSubject from;
  from.Work();
  from.Close();
  int restores = 0;
  ExpectSurvivesCuts([&] {
    return std::make_unique<RestoreSubject>(from, from.Sub(absl::StrCat("restored", ++restores)));
  });
}

// The checks above can fail: a disk that only pretends to sync loses an acknowledged backup.
TEST(BackupPowerCut, FindsOutADiskThatLies) {
  for (const Lie lie : {Lie::kFileSync, Lie::kDirectorySync}) {
    const CutReport report =
        CutEverywhere({}, [&] { return std::make_unique<BackupSubject>(lie); });
    EXPECT_FALSE(report.wrong.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Losses, BackupPowerCutTest,
                         ::testing::Values(Loss::kAllUnsynced, Loss::kSomeUnsynced));

}  // namespace
}  // namespace tidemark::testing
