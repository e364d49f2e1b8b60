// Ledger: what a client of an event log may rely on, kept while it works, and checked against what
// is there after a power cut.
//
// Terms.   Known: answered, so it is durable. Unknown: not answered, or answered UNAVAILABLE: it
//          may have happened, whole or not at all. After a start it is settled which.
//          Blank: an event that was erased or compacted; its offset is still there.
// Threads. One at a time, but for Saw.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "tests/support/log_harness.h"

namespace tidemark::testing {

class Ledger {
 public:
  // Events of a request for one partition.
  struct TopicPart {
    TopicId topic;
    Part part;
  };
  // The offset that a request sets for a group; above the one before.
  struct OffsetCommit {
    std::string group;
    uint64_t group_id = 0;
    std::string topic;
    uint32_t partition = 0;
    LogId log;
    Offset offset;
  };
  // One append; its events carry ids "<name>/<index>;" and are found by them.
  struct Append {
    std::string name;
    std::vector<TopicPart> parts;  // Of one topic, by partition, or of several: a transaction.
    std::optional<log::ProducerSequence> producer;
    std::optional<OffsetCommit> commit;
    std::optional<log::AppendResult> known;
    bool refused = false;  // Answered so that nothing was written, or settled so.
  };
  // Of events that could be read when it was asked for.
  struct Erasure {
    std::string name;
    std::map<std::pair<LogId, Offset>, std::string> events;  // With their ids.
    bool known = false;
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
    bool compact = false;  // Of each key the newest event stays.
    bool fixed = false;    // Nobody updates or deletes it.
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
  std::vector<Erasure>& erasures() { return erasures_; }

  // A reader got these events of a log.
  void Saw(LogId log, const std::vector<ReadEvent>& events) ABSL_LOCKS_EXCLUDED(mu_);

  // A log begins at `start`, or later, from now on.
  void SawStart(LogId log, Offset start);

  struct LogContents {
    log::Partition::Kept kept;
    std::vector<ReadEvent> events;  // From the start to the end; of a blank what it was.
    std::set<Offset> blanks;
    // Null: it is not there.
    const TestEvent* At(Offset offset) const;
  };
  using Contents = std::map<LogId, LogContents>;

  // What is wrong with the log as it is now; empty: nothing. Names the promise that is broken.
  std::vector<std::string> Violations(LogHarness& harness);
  // After a start: the same, and what was unknown has happened or not from now on.
  std::vector<std::string> Settle(LogHarness& harness);
  // Of the last look.
  const Contents& contents() const { return contents_; }

 private:
  // What is known, or was seen, to be at an offset; null: nothing.
  const TestEvent* Placed(LogId log, Offset offset) const;
  void CollectPlaced() ABSL_LOCKS_EXCLUDED(mu_);
  void FillBlanks(std::vector<std::string>& wrong);
  // Blanks are events that may or must be gone.
  void CheckBlanks(std::vector<std::string>& wrong);
  void CheckErasure(Erasure& erasure, std::vector<std::string>& wrong);
  bool IsSuperseded(LogId log, Offset offset) const;
  const Topic* TopicOf(LogId log) const;
  LogId LogOf(const TopicPart& part) const {
    return topics_.at(part.topic).first_log + part.part.partition;
  }
  // The index says the same as the events do.
  void CheckIndex(LogHarness& harness, const Contents& contents, std::vector<std::string>& wrong);
  void CheckTopics(LogHarness& harness, std::vector<std::string>& wrong);
  Contents ReadEverything(LogHarness& harness, std::vector<std::string>& wrong);
  void CheckAppends(const Contents& contents, std::vector<std::string>& wrong);
  void CheckCommit(Append& append, bool there, std::vector<std::string>& wrong);
  void CheckKnown(const Append& append, const Contents& contents, std::vector<std::string>& wrong);
  // Everything there that is wrong because of retention, or in spite of it.
  void CheckRetention(LogHarness& harness, const Contents& contents,
                      std::vector<std::string>& wrong);
  // True if retention may have passed an acknowledged event of this append.
  bool MayBePassed(const Topic& topic, const Append& append, LogId log, Offset offset) const;
  // Encoded bytes of the events of `log` at or after `offset`, counting all whose place is unknown.
  uint64_t BytesFrom(LogId log, Offset offset) const;
  void CheckOffsets(LogHarness& harness, std::vector<std::string>& wrong);
  void CheckSeen(const Contents& contents, std::vector<std::string>& wrong);
  // True if what was known of a topic's events may be taken back.
  static bool MayLose(const Topic& topic) { return topic.deletion_tried || topic.memory; }

  std::vector<Append> appends_;
  std::map<TopicId, Topic> topics_;
  std::map<std::pair<uint64_t, LogId>, Committed> offsets_;
  std::vector<Erasure> erasures_;
  std::map<LogId, Offset> starts_;  // The latest that was seen.
  // While violations are looked for.
  uint64_t now_us_ = 0;
  bool settles_ = false;
  std::optional<LogId> receipts_;  // Of erasures: events of the server's own.
  std::map<std::pair<uint64_t, LogId>, Offset> committed_;
  std::map<LogId, std::map<Offset, TestEvent>> placed_;
  std::map<LogId, std::map<std::string, Offset>> newest_;  // By key.
  Contents contents_;
  absl::Mutex mu_;
  std::map<LogId, std::map<Offset, TestEvent>> seen_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tidemark::testing
