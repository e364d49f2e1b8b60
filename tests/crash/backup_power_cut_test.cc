// A power cut while a backup is made, or restored: the store is as it was, older backups are whole,
// the new one is there whole or not at all, and half of a store is never taken for a store.
// Method: CrashFileSystem forgets what was not synced; the power is cut at each sync in turn.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/storage/backup.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/log_harness.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"

namespace tidemark::testing {
namespace {

using Loss = CrashFileSystem::Loss;
using When = CrashFileSystem::When;
using storage::BackupInfo;
using storage::Backups;

constexpr uint64_t kFast = 1ull << 40;
constexpr auto kNeverStopped = [] { return false; };

class BackupPowerCut : public ::testing::Test {
 protected:
  void NewDisk() {
    harness_.reset();
    disk_.reset();
    dir_ = std::make_unique<TempDir>();
    disk_ = std::make_unique<CrashFileSystem>(dir_->path());
    harness_ = std::make_unique<LogHarness>(LogHarness::Options{
        .store = {.path = dir_->Sub("data"), .env = disk_->env(), .epoch_bytes = 8 << 10}});
    backups_ = std::make_unique<Backups>(dir_->Sub("backups"), disk_->env());
    events_ = 0;
    OpenLog();
  }
  void OpenLog() {
    const absl::Status opened = harness_->Open();
    ASSERT_TRUE(opened.ok()) << opened;
    absl::StatusOr<log::TopicPtr> topic = harness_->log().FindTopic("hr");
    if (!topic.ok()) topic = harness_->CreateTopic("hr");
    ASSERT_TRUE(topic.ok()) << topic.status();
    topic_ = *topic;
  }
  void Append(int requests) {
    for (int i = 0; i < requests; ++i) {
      const absl::Status appended =
          harness_
              ->Append(topic_, 0, {{.id = absl::StrCat(events_), .data = std::string(2000, 'x')}})
              .status();
      ASSERT_TRUE(appended.ok()) << appended;
      ++events_;
    }
  }
  absl::StatusOr<BackupInfo> Create() {
    return backups_->Create(harness_->store(), kFast, kNeverStopped);
  }
  void ExpectIntact(const BackupInfo& backup) {
    SCOPED_TRACE(absl::StrCat("backup ", backup.id));
    const absl::StatusOr<BackupInfo> verified = backups_->Verify(backup.id, kFast, kNeverStopped);
    EXPECT_TRUE(verified.ok()) << verified.status();
  }
  // Restores a backup, on a disk without troubles, and reads it all.
  void ExpectWhole(const BackupInfo& backup, uint64_t events) {
    SCOPED_TRACE(absl::StrCat("backup ", backup.id));
    const std::string to = dir_->Sub(absl::StrCat("whole", ++restores_));
    const absl::Status restored = Restore(to, backup.id);
    ASSERT_TRUE(restored.ok()) << restored;
    ExpectEvents(to, events);
  }
  absl::Status Restore(const std::string& to, std::optional<uint32_t> id = {}) {
    return storage::RestoreBackup(
               {.from = backups_->directory(), .id = id, .to = to, .env = disk_->env()})
        .status();
  }
  void ExpectEvents(const std::string& path, uint64_t events) {
    LogHarness restored({.store = {.path = path, .env = disk_->env()}});
    const absl::Status opened = restored.Open();
    ASSERT_TRUE(opened.ok()) << opened;
    absl::StatusOr<log::TopicPtr> topic = restored.log().FindTopic("hr");
    ASSERT_TRUE(topic.ok()) << topic.status();
    const auto read = restored.ReadAll(**topic, 0);
    ASSERT_TRUE(read.ok()) << read.status();
    ASSERT_EQ(read->size(), events);
    for (uint64_t i = 0; i < events; ++i) EXPECT_EQ((*read)[i].event.id, absl::StrCat(i));
  }

  std::unique_ptr<TempDir> dir_;
  std::unique_ptr<CrashFileSystem> disk_;
  std::unique_ptr<LogHarness> harness_;
  std::unique_ptr<Backups> backups_;
  log::TopicPtr topic_;
  uint64_t events_ = 0;
  int restores_ = 0;
};

// Cuts at each sync of Create, as `loss` has it; returns how often it did.
class BackupPowerCutTest : public BackupPowerCut, public ::testing::WithParamInterface<Loss> {
 protected:
  // Torn writes are tried at every third sync: it costs a second each.
  static int Step() { return GetParam() == Loss::kAllUnsynced ? 1 : 3; }
};

TEST_P(BackupPowerCutTest, ABackupIsThereWholeOrNotAtAll) {
  for (int cut = 1;; cut += Step()) {
    SCOPED_TRACE(absl::StrCat("cut at sync ", cut));
    NewDisk();
    Append(6);
    const absl::StatusOr<BackupInfo> older = Create();
    ASSERT_TRUE(older.ok()) << older.status();
    Append(4);
    disk_->CutPowerAtSync(cut, cut % 2 == 0 ? When::kBefore : When::kAfter);
    const absl::StatusOr<BackupInfo> made = Create();
    const bool was_cut = disk_->power_is_cut();
    harness_->Close();
    disk_->RestorePower(GetParam(), SeedOr(cut));
    OpenLog();
    EXPECT_EQ(harness_->ReadAll(*topic_, 0)->size(), events_);
    const absl::StatusOr<std::vector<BackupInfo>> list = backups_->List();
    ASSERT_TRUE(list.ok()) << list.status();
    ASSERT_FALSE(list->empty());
    EXPECT_EQ(list->back().id, older->id);
    if (made.ok()) {
      EXPECT_EQ(list->front().id, made->id);
    }
    for (const BackupInfo& backup : *list) {
      ASSERT_FALSE(backup.damaged) << backup.id;
      ExpectIntact(backup);
    }
    ExpectWhole(list->front(), list->size() == 1 ? 6 : 10);
    Append(1);
    const absl::StatusOr<BackupInfo> next = Create();
    ASSERT_TRUE(next.ok()) << next.status();
    ExpectIntact(*next);
    if (HasFailure()) return;
    if (!was_cut) {
      EXPECT_GT(cut, 8);
      return;
    }
  }
}

TEST_P(BackupPowerCutTest, ARestoreIsAStoreOnlyWhenItIsWhole) {
  NewDisk();
  Append(10);
  ASSERT_TRUE(Create().ok());
  harness_->Close();
  for (int cut = 1;; cut += Step()) {
    SCOPED_TRACE(absl::StrCat("cut at sync ", cut));
    const std::string to = dir_->Sub(absl::StrCat("restored", cut));
    disk_->CutPowerAtSync(cut, cut % 2 == 0 ? When::kBefore : When::kAfter);
    const absl::Status restored = Restore(to);
    const bool was_cut = disk_->power_is_cut();
    EXPECT_EQ(restored.ok(), !was_cut) << restored;
    disk_->RestorePower(GetParam(), SeedOr(cut));
    const bool begun = std::filesystem::exists(to) && !std::filesystem::is_empty(to);
    if (begun && storage::Store::Open({.path = to, .env = disk_->env()}).ok()) {
      ExpectEvents(to, 10);
    } else {
      EXPECT_TRUE(was_cut);
      const absl::Status again = Restore(to);
      ASSERT_TRUE(again.ok()) << again;
      ExpectEvents(to, 10);
    }
    if (HasFailure()) return;
    if (!was_cut) {
      EXPECT_GT(cut, 8);
      return;
    }
  }
}

// The checks above can fail: a disk that only pretends to sync loses an acknowledged backup.
TEST_F(BackupPowerCut, FindsOutADiskThatLies) {
  for (const auto lie : {CrashFileSystem::Lie::kFileSync, CrashFileSystem::Lie::kDirectorySync}) {
    NewDisk();
    Append(3);
    disk_->LieAbout(lie);
    const absl::StatusOr<BackupInfo> made = Create();
    ASSERT_TRUE(made.ok()) << made.status();
    harness_->Close();
    disk_->CutPower();
    disk_->RestorePower(Loss::kAllUnsynced);
    EXPECT_FALSE(backups_->Verify(made->id, kFast, kNeverStopped).ok());
  }
}

INSTANTIATE_TEST_SUITE_P(Losses, BackupPowerCutTest,
                         ::testing::Values(Loss::kAllUnsynced, Loss::kSomeUnsynced));

}  // namespace
}  // namespace tidemark::testing
