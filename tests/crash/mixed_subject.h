// MixedSubject: one store on which everything goes on at once: appends, transactions, topics that
// come, change and go, retention, compaction, erasure, encryption, groups of both kinds, backups.
// One ledger knows what was promised.
//
// Threads. One at a time; the store's own work in the background beside it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/crash/cut_loop.h"
#include "tests/crash/office.h"
#include "tests/crash/worker.h"
#include "tests/crash/workload.h"

namespace tidemark::testing {

class MixedSubject final : public CrashSubject {
 public:
  // Of everything that goes on all choices come from `seed`.
  MixedSubject(uint64_t seed, int steps, CrashFileSystem::Lie lie = CrashFileSystem::Lie::kNone);
  ~MixedSubject() override { Close(); }

  CrashFileSystem& disk() override { return office_.disk(); }
  absl::Status Open() override { return office_.Open(); }
  void Work() override;
  void Close() override;
  // Goes on working; the power fails once more on the way, but not after the last start.
  std::vector<std::string> Check(int start) override;

  // Answers that were kept, and were looked for after each start.
  size_t acknowledged() const { return acknowledged_; }

 private:
  // What could be read when a backup was made.
  using Snapshot = std::map<std::pair<std::string, uint32_t>, std::vector<ReadEvent>>;
  struct Backup {
    Snapshot snapshot;
    bool deletion_tried = false;
    bool deleted = false;
  };

  LogHarness& harness() { return office_.harness(); }
  Random& random() { return workload_.random(); }
  Ledger& ledger() { return workload_.ledger(); }

  // Fixed topics and groups. False: nothing can be written any more. Safe to repeat.
  bool SetUp();
  bool Step();
  void Transact();
  void Commit();
  // A place for an offset commit of the group, if there is anything to be committed.
  std::optional<Ledger::OffsetCommit> NextCommit(const char* topic);
  void NoteCommit(const Ledger::OffsetCommit& commit, const absl::Status& status);
  void Erase();
  void Compact();
  void MakeOrDeleteBackup();
  Snapshot TakeSnapshot();

  void CheckWorker();
  void CheckErasures();
  void CheckBackups();
  void RestoreAndCompare(uint32_t id, const Backup& backup);
  void CheckEverything();
  void Wrong(std::string what) { wrong_.push_back(std::move(what)); }
  void Wrong(absl::string_view when, const std::vector<std::string>& wrong);

  const int steps_;
  Office office_;
  Workload workload_;
  Worker worker_{"work", "hr"};
  std::map<uint32_t, Backup> backups_;
  uint64_t transactions_ = 0;
  size_t acknowledged_ = 0;
  int restores_ = 0;
  std::vector<std::string> wrong_;
};

}  // namespace tidemark::testing
