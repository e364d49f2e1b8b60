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
  struct Rule {
    std::optional<uint64_t> max_age_us;
    std::optional<uint64_t> max_bytes;
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
    Rule rule;             // Its retention, unless an update is unknown.
    bool rule_is_known = true;
    // The strictest it ever had or may have had.
    Rule strictest;
    bool HasRule() const { return strictest.max_age_us || strictest.max_bytes; }
    // It has, or may have, this rule from now on.
    void AddRule(const Rule& added, bool known);
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

  // A log begins at `start`, or later, from now on.
  void SawStart(LogId log, Offset start);

  // What is wrong with the log as it is now; empty: nothing. Names the promise that is broken.
  std::vector<std::string> Violations(LogHarness& harness);

 private:
  struct LogContents {
    log::Partition::Kept kept;
    std::vector<ReadEvent> events;  // From the start to the end.
    // Null: it is not there.
    const TestEvent* At(Offset offset) const;
  };
  using Contents = std::map<LogId, LogContents>;

  // The index says the same as the events do.
  void CheckIndex(LogHarness& harness, const Contents& contents, std::vector<std::string>& wrong);
  void CheckTopics(LogHarness& harness, std::vector<std::string>& wrong);
  Contents ReadEverything(LogHarness& harness, std::vector<std::string>& wrong);
  void CheckAppends(const Contents& contents, std::vector<std::string>& wrong);
  void CheckKnown(const Append& append, const Contents& contents, std::vector<std::string>& wrong);
  // Everything there that is wrong because of retention, or in spite of it.
  void CheckRetention(LogHarness& harness, const Contents& contents,
                      std::vector<std::string>& wrong);
  // True if retention may have passed an acknowledged event of this append.
  bool MayBePassed(const Append& append, LogId log, Offset offset) const;
  // Encoded bytes of the events of `log` at or after `offset`, counting all whose place is unknown.
  uint64_t BytesFrom(LogId log, Offset offset) const;
  void CheckOffsets(LogHarness& harness, std::vector<std::string>& wrong);
  void CheckSeen(const Contents& contents, std::vector<std::string>& wrong);
  // True if what was known of a topic's events may be taken back.
  static bool MayLose(const Topic& topic) { return topic.deletion_tried || topic.memory; }

  std::vector<Append> appends_;
  std::map<TopicId, Topic> topics_;
  std::map<std::pair<uint64_t, LogId>, Committed> offsets_;
  std::map<LogId, Offset> starts_;  // The latest that was seen.
  uint64_t now_us_ = 0;             // While violations are looked for.
  absl::Mutex mu_;
  std::map<LogId, std::map<Offset, TestEvent>> seen_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tidemark::testing
