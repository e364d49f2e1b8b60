// Member: one consumer's place in a group, and how the group talks to it.
//
// Terms.     Owner: the member that a partition is assigned to; nobody else is sent its events.
//            In flight: delivered and not acked. Drained: nothing in flight. Fenced: an ack of a
//            partition that is not (or no longer) the member's; it has no effect.
// The life of an assignment: OnAssigned, deliveries (each claimed by Progress) and acks; when the
//            partition is to move OnRevoked, then OnTaken as soon as it is drained, released or the
//            deadline passes. Only then does the next owner get OnAssigned. The next owner may be
//            the same member: after a seek, or when the group's filter changed.
// A seek is a revocation whose acks are fenced from the start; to ack what is in hand, or to
// release
//            it, answers it. A member that does not until the deadline is closed: nothing it says
//            later can be taken for an ack of the new place.
// Threads.   Safe from any thread. Progress calls nobody, so it may be called under the caller's
//            locks. Ack, Release and Leave may call listeners (also of other members) and ack
//            callbacks before they return: call them without a lock that a listener takes.
// Lifetime.  The last handle's destructor leaves the group. Handles are gone before the
//            GroupCoordinator's end.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/ids.h"
#include "server/groups/assignment.h"
#include "server/log/filter.h"
#include "server/log/topic.h"

namespace tidemark::groups {

class LiveGroup;

struct AssignedPartition {
  log::TopicPtr topic;
  PartitionIndex partition;
  LogId log;
  // Delivery continues here: the committed offset, else the partition's start. Below the start
  // offset only if retention passed it: announce the gap.
  Offset from;
  // What of it is wanted. All that a member owns and that is not revoked has the same filter, which
  // changes only with an assignment. Never null.
  std::shared_ptr<const log::Filter> filter;
  // By which it is owned; the same for all that are assigned together, and never used again.
  uint64_t assignment = 0;
};

// What a group tells one member.
//
// Threads. Called from any thread, one call at a time and in order, without locks held. Must not
//          block: it may be a commit pipeline's thread. After Leave a call under way may still
//          finish; none begins.
class MemberListener {
 public:
  virtual ~MemberListener() = default;
  // These are the member's now.
  virtual void OnAssigned(std::vector<AssignedPartition> partitions) = 0;
  // Stop sending these; acks count until OnTaken. From now on Progress refuses them. `number` rises
  // from one revocation to the next.
  virtual void OnRevoked(std::vector<LogId> logs, absl::Time deadline, uint64_t number) = 0;
  // These are not the member's any more; forget them.
  virtual void OnTaken(std::vector<LogId> logs) = 0;
  // True: deliver nothing until it is called with false; what is in hand may be acked. Not called:
  // false.
  virtual void OnPaused(bool paused) = 0;
  // The membership is over, and the stream must end with `status`: the group or one of its topics
  // was deleted, or the member did not answer a seek. The last call.
  virtual void OnClosed(absl::Status status) = 0;
  // KEY_ORDERED, UNORDERED: there may be something to take (LiveWork::Take). Also without a lock
  // held, but perhaps beside the others.
  virtual void OnWork() {}
};

struct TopicPartition {
  std::string topic;
  PartitionIndex partition;
  friend bool operator==(const TopicPartition&, const TopicPartition&) = default;
};
struct TopicPartitionOffset {
  std::string topic;
  PartitionIndex partition;
  Offset offset;
  friend bool operator==(const TopicPartitionOffset&, const TopicPartitionOffset&) = default;
};

enum class AckRejection {
  kFenced,      // The partition is not the member's.
  kOutOfRange,  // The offset is past what was delivered to it.
};
struct AckResult {
  // Durable offsets of the acked partitions; perhaps above what was acked, when the filter passed
  // further events.
  std::vector<TopicPartitionOffset> committed;
  struct Rejected {
    TopicPartitionOffset ack;
    AckRejection reason;
  };
  std::vector<Rejected> rejected;
};
// Once, from any thread, without locks held: must not block.
using AckCallback = absl::AnyInvocable<void(absl::StatusOr<AckResult>) &&>;

class Member {
 public:
  Member(std::shared_ptr<LiveGroup> group, MemberNumber number);
  ~Member();
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  // Its name in GetGroup.
  std::string id() const;

  // Claims a delivery, before it is handed to the client: `delivered_events` more events, the last
  // of them right before `delivered_end`; the filter has passed everything before `scanned_to`
  // (>= delivered_end). Also called with delivered_events 0 when only `scanned_to` moved; then
  // `delivered_end` is ignored. False: the partition is revoked or not the member's; send nothing.
  [[nodiscard]] bool Progress(LogId log, Offset delivered_end, Offset scanned_to,
                              uint64_t delivered_events);

  // The same for a Gap from `from` until `until`, which is about to be told. Nobody acks a Gap, and
  // the client may be gone before it has it: the group stays before it until something behind it is
  // acked, so that the next owner is told, too.
  [[nodiscard]] bool PassGap(LogId log, Offset from, Offset until);

  // Cumulative: everything before each offset is done. `done` is called when what is accepted is
  // durable. An offset below the committed one is confirmed without effect. Waits out a full
  // commit queue.
  // UNAVAILABLE  (in `done`) the store stops or failed: perhaps written.
  // NOT_FOUND    (in `done`) the group was deleted.
  void Ack(std::vector<TopicPartitionOffset> offsets, AckCallback done);

  // Gives revoked partitions back at once; what is in flight goes to the next owner. Others are
  // ignored, and so are those that were revoked by another than `revocation`, if that is set.
  void Release(const std::vector<TopicPartition>& partitions,
               std::optional<uint64_t> revocation = std::nullopt);

  // Ends the membership: what it owns goes to others. Acks already given are still confirmed.
  // Further calls have no effect.
  void Leave();

 private:
  const std::shared_ptr<LiveGroup> group_;
  const MemberNumber number_;
};

// A member's name: "member-17".
std::string MemberId(MemberNumber number);

}  // namespace tidemark::groups
