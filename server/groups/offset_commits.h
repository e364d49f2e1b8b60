// OffsetCommits: a group's committed offsets and their way to the disk.
//
// Terms.     durable: on disk. newest: what was set last; ahead of durable until it is written.
// How.       One write of a group is under way at a time; what is set meanwhile is merged into the
//            next one. So offsets reach the disk in the order they were set, whatever the pipeline
//            refuses, and a group has a bounded share of the commit queue.
// Transactions. An offset that another request of the pipeline writes (Put) is newest as soon as
//            that request is prepared. What this has on its way and is not prepared yet is outdated
//            then: Revise takes it out. Orders say what was prepared after what, because the ends
//            of two commits may be told in the other order.
// Failure.   After a full queue the same is tried again when Retry is called. After any other
//            failure the newest offset is the durable one again: what was not confirmed is
//            delivered again.
// Threads.   One thread at a time (its group's mutex).
#pragma once

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "server/base/ids.h"
#include "server/groups/member.h"
#include "server/log/append_request.h"
#include "server/storage/records.h"

namespace tidemark::groups {

// An ack that waits for the disk.
struct PendingAck {
  struct Part {
    TopicPartition partition;
    LogId log;
  };
  std::vector<Part> accepted;
  std::vector<AckResult::Rejected> rejected;
  AckCallback done;
};

class OffsetCommits {
 public:
  using Waiting = std::variant<PendingAck, log::DoneCallback>;
  struct Ready {
    Waiting waiting;
    absl::Status status;
  };

  // What the store holds; before anything is set.
  void Load(LogId log, Offset durable) { offsets_[log].durable = durable; }
  std::optional<Offset> Durable(LogId log) const;
  std::optional<Offset> Newest(LogId log) const;

  void Set(LogId log, Offset offset);
  // Set by a transaction that is being prepared and writes it; its order, for EndPut.
  uint64_t Put(LogId log, Offset offset);
  void EndPut(LogId log, Offset offset, uint64_t order, bool committed);
  // Forgets a deleted log.
  void Forget(LogId log);
  // Gives `waiting` back from TakeReady once all that is set is durable.
  void WhenDurable(Waiting waiting);

  // True while something is set that no write holds, or somebody waits for one.
  bool pending() const { return !unwritten_.empty() || !next_.empty(); }
  bool writing() const { return writing_; }
  // Empty: nothing to write now. Else the write is under way until EndWrite.
  std::vector<log::OffsetWrite> BeginWrite(storage::GroupId group);
  // Of the write under way: acks are patient, CommitOffsets is not.
  log::Haste haste() const;
  // The write is being prepared: takes out what transactions have set since.
  void Revise(std::vector<log::OffsetWrite>& writes);
  void EndWrite(const absl::Status& status);
  void Retry() { queue_was_full_ = false; }
  // Drops what is not written, and answers everybody with `status`. Requires !writing().
  void Abandon(const absl::Status& status);

  std::vector<Ready> TakeReady() { return std::exchange(ready_, {}); }

 private:
  struct State {
    std::optional<Offset> durable;
    std::optional<Offset> newest;  // Empty: as durable.
    uint64_t durable_order = 0;
    uint32_t puts = 0;  // On their way.
  };
  struct Written {
    Offset offset;
    uint64_t order = 0;
    bool outdated = false;
  };
  // Nothing is on its way to the disk any more.
  void SettleNewest(LogId log, State& state);
  void BecomesDurable(State& state, Offset offset, uint64_t order);
  void WriteSucceeded();
  void WriteFailed(const absl::Status& status);

  absl::btree_map<LogId, State> offsets_;
  bool writing_ = false;
  bool queue_was_full_ = false;
  bool revised_ = false;                      // The write under way is prepared.
  uint64_t order_ = 0;                        // Of what was prepared last.
  absl::btree_map<LogId, Written> written_;   // By the write under way.
  absl::btree_map<LogId, Offset> unwritten_;  // For the next one.
  std::vector<Waiting> current_;              // Wait for the write under way.
  std::vector<Waiting> next_;                 // Wait for the next one.
  std::vector<Ready> ready_;
};

}  // namespace tidemark::groups
