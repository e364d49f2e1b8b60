// Ledger: what a client of an event log may rely on, kept while it works, and checked against what
// is there after a power cut.
//
// Terms.   Known: answered, so it is durable. Unknown: not answered, or answered UNAVAILABLE; it
// may
//          have happened, whole or not at all.
// Threads. One at a time, but for Saw.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "tests/support/log_harness.h"

namespace tidemark::testing {

class Ledger {
 public:
  // One append; its events carry ids "<name>/<index>" and are found by them.
  struct Append {
    std::string name;
    TopicId topic;
    std::vector<Part> parts;
    std::optional<log::ProducerSequence> producer;
    std::optional<log::AppendResult> known;
    bool refused = false;  // Answered so that nothing was written.
  };
  struct Topic {
    std::string name;
    TopicId id;
    uint32_t partitions = 0;
    LogId first_log;
    std::string description;               // Known.
    std::optional<std::string> described;  // Unknown update.
    bool deletion_tried = false;
    bool deleted = false;  // Known.
    bool memory = false;   // Durability MEMORY: its newest events may go, the rest holds.
  };
  struct Committed {
    std::optional<Offset> known;
    std::vector<Offset> unknown;  // Tried since.
  };

  std::vector<Append>& appends() { return appends_; }
  std::map<TopicId, Topic>& topics() { return topics_; }
  std::map<std::pair<uint64_t, LogId>, Committed>& offsets() { return offsets_; }

  // A reader got these events of a log.
  void Saw(LogId log, const std::vector<ReadEvent>& events) ABSL_LOCKS_EXCLUDED(mu_);

  // What is wrong with the log as it is now; empty: nothing. Names the promise that is broken.
  std::vector<std::string> Violations(LogHarness& harness);

 private:
  using Contents = std::map<LogId, std::vector<ReadEvent>>;

  void CheckTopics(LogHarness& harness, std::vector<std::string>& wrong);
  Contents ReadEverything(LogHarness& harness, std::vector<std::string>& wrong);
  void CheckAppends(const Contents& contents, std::vector<std::string>& wrong);
  void CheckKnown(const Append& append, const Contents& contents, std::vector<std::string>& wrong);
  void CheckOffsets(LogHarness& harness, std::vector<std::string>& wrong);
  void CheckSeen(const Contents& contents, std::vector<std::string>& wrong);
  // True if what was known of a topic's events may be taken back.
  static bool MayLose(const Topic& topic) { return topic.deletion_tried || topic.memory; }

  std::vector<Append> appends_;
  std::map<TopicId, Topic> topics_;
  std::map<std::pair<uint64_t, LogId>, Committed> offsets_;
  absl::Mutex mu_;
  std::map<LogId, std::map<Offset, TestEvent>> seen_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tidemark::testing
