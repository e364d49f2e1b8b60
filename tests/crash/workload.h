// Workload: a seeded client of an event log that does a bit of everything and keeps a Ledger:
// appends to several partitions and topics, some pipelined, producers that repeat themselves,
// offsets, topics created, changed and deleted; with a reader on every partition.
// With retention, if asked to.
//
// Threads. One at a time.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

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
  // Repeats what a client would after a crash: the newest append of each producer. New answers go
  // into the ledger. Returns what is wrong with them.
  std::vector<std::string> Retry(LogHarness& harness);

  Ledger& ledger() { return ledger_; }

 private:
  class Watcher;

  void Step(LogHarness& harness);
  void CreateTopic(LogHarness& harness);
  void UpdateTopic(LogHarness& harness);
  void DeleteTopic(LogHarness& harness);
  void CommitOffsets(LogHarness& harness);
  void StepRetention(LogHarness& harness);
  Ledger::Rule MakeRule();
  void Append(LogHarness& harness);
  // The topics that are there for certain.
  std::vector<TopicId> Topics() const;
  Ledger::Append MakeAppend(TopicId topic);
  void Watch(LogHarness& harness, const log::Topic& topic);

  Random random_;
  const int steps_;
  const bool retention_;
  int names_ = 0;
  std::map<std::string, uint64_t> sequences_;
  Ledger ledger_;
  std::vector<std::shared_ptr<Watcher>> watchers_;
};

}  // namespace tidemark::testing
