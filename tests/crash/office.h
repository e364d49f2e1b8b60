// Office: a store on a CrashFileSystem with what a server has beside it, consumer groups and
// backups, that can be closed and opened again.
//
// Threads. One at a time, but for what EventLog and GroupCoordinator themselves allow.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/base/executor.h"
#include "server/groups/group_coordinator.h"
#include "server/storage/backup.h"
#include "tests/support/crash_file_system.h"
#include "tests/support/log_harness.h"
#include "tests/support/temp_dir.h"

namespace tidemark::testing {

class Office {
 public:
  // The store's path and env are set here: "data" in the root of its disk, "backups" beside it.
  explicit Office(LogHarness::Options options);
  ~Office() { Close(); }

  absl::Status Open();
  void Close();
  bool is_open() const { return groups_ != nullptr; }
  // Nothing can be written any more.
  bool has_failed() { return disk_.power_is_cut() || !log().health().ok(); }

  CrashFileSystem& disk() { return disk_; }
  const std::string& root() const { return dir_.path(); }
  std::string data() const { return dir_.Sub("data"); }
  LogHarness& harness() { return *harness_; }
  log::EventLog& log() { return harness_->log(); }
  groups::GroupCoordinator& groups() { return *groups_; }

  storage::Backups& backups() { return *backups_; }

  // What VerifyStore finds.
  std::vector<std::string> Verify();

 private:
  TempDir dir_;
  CrashFileSystem disk_;
  std::optional<LogHarness> harness_;
  std::unique_ptr<storage::Backups> backups_;
  std::unique_ptr<base::ThreadPool> executor_;
  std::unique_ptr<groups::GroupCoordinator> groups_;
};

}  // namespace tidemark::testing
