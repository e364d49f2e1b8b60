// Workload: a seeded client of an event log that does a bit of everything and keeps a Ledger:
// appends to several partitions and topics, some pipelined, producers that repeat themselves,
// offsets, topics created, changed and deleted; with a reader on every partition.
// With retention, if asked to.
//
// Threads. One at a time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/crash/ledger.h"
#include "tests/support/random.h"

namespace tidemark::testing {

class Workload {
 public:
  // With `retention` topics have rules, and they are enforced.
  Workload(uint64_t seed, int steps, bool retention)
      : random_(seed), steps_(steps), retention_(retention) {}
  ~Workload();

  // Does its steps, or as many as the disk lets it.
  void Run(LogHarness& harness);
  // Watches everything; before steps are taken one by one.
  void Begin(LogHarness& harness);
  void Step(LogHarness& harness);
  // Makes a topic that nobody changes, unless it is there. False: nothing can be written any more.
  bool MakeFixed(LogHarness& harness, const std::string& name, storage::TopicConfig config);
  // Repeats what a client would after a crash: the newest append of each producer. New answers go
  // into the ledger. Returns what is wrong with them.
  std::vector<std::string> Retry(LogHarness& harness);

  Ledger& ledger() { return ledger_; }
  Random& random() { return random_; }
  // The topics that are there for certain; only those that may be changed.
  std::vector<TopicId> Topics(bool with_fixed = true) const;
  std::string NewName(absl::string_view prefix) { return absl::StrCat(prefix, names_++); }
  // Events of an append for a part of the topic's partitions.
  void AddParts(TopicId topic, Ledger::Append& append);
  // Who is to make requests of appends that commit an offset.
  using MakeCommit =
      std::function<std::shared_ptr<log::CommitParticipant>(const Ledger::OffsetCommit&)>;
  void SetMakeCommit(MakeCommit make) { make_commit_ = std::move(make); }
  // A transaction, of several topics, has the condition that its first event's key is new.
  // Empty: a topic is gone.
  std::optional<log::AppendRequest> RequestOf(LogHarness& harness, const Ledger::Append& append);
  // What became of an append.
  static void Note(const absl::StatusOr<log::AppendResult>& result, Ledger::Append& append);

 private:
  class Watcher;

  void CreateTopic(LogHarness& harness);
  void UpdateTopic(LogHarness& harness);
  void DeleteTopic(LogHarness& harness);
  void CommitOffsets(LogHarness& harness);
  void StepRetention(LogHarness& harness);
  Ledger::Rule MakeRule();
  void Append(LogHarness& harness);
  Ledger::Append MakeAppend(TopicId topic);
  void Watch(LogHarness& harness, const log::Topic& topic);

  Random random_;
  const int steps_;
  const bool retention_;
  int names_ = 0;
  std::map<std::string, uint64_t> sequences_;
  Ledger ledger_;
  MakeCommit make_commit_;
  std::vector<std::shared_ptr<Watcher>> watchers_;
};

}  // namespace tidemark::testing
