// One member's stream of ConsumerGroups.Consume.
//
// How.     Like read_stream.cc one thing goes out at a time. What comes in (group events, confirmed
//          acks, the client's messages) goes into an inbox or outbox under the lock and kicks the
//          pump, which takes from the inbox first, then writes the outbox, then deliveries while
//          there are credits.
// Threads. The client's messages are handled on the queue's thread, group events and confirmations
//          come on any thread and must not block, so they only fill the boxes. What is in memory is
//          given out on the queue's thread (answer_queue.h); a work queue's deliveries, which cost
//          more, on a live thread; history on a reader thread.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/support/async_stream.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/base/system_clock.h"
#include "server/delivery/partition_feed.h"
#include "server/groups/live_work.h"
#include "server/rpc/batch_encoder.h"
#include "server/rpc/data_plane.h"

namespace tidemark::rpc {

struct Revocation {
  std::vector<LogId> logs;
  absl::Time deadline;
  uint64_t number;
};
struct Taking {
  std::vector<LogId> logs;
};
using GroupEvent = std::variant<std::vector<groups::AssignedPartition>, Revocation, Taking>;

class ConsumeCall final : public Drainable,
                          public groups::MemberListener,
                          public Answering,
                          public std::enable_shared_from_this<ConsumeCall> {
 public:
  ConsumeCall(const RpcContext& context, groups::GroupCoordinator& groups,
              ConsumerGroupsBase& service, CallQueue& queue);

  void Accept();

  void Drain() override;
  void Answer() override;

  // groups::MemberListener
  void OnAssigned(std::vector<groups::AssignedPartition> partitions) override;
  void OnRevoked(std::vector<LogId> logs, absl::Time deadline, uint64_t number) override;
  void OnTaken(std::vector<LogId> logs) override;
  void OnPaused(bool paused) override;
  void OnClosed(absl::Status status) override;
  void OnWork() override;

 private:
  void OnAccepted(bool ok);

  // --- What the client says.

  void StartReadLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnRead(bool ok);
  absl::Status Handle(const v1::ConsumeRequest& request, std::shared_ptr<groups::Member> member);
  absl::Status StartJoin(const v1::Join& join);
  void OnJoined(absl::StatusOr<groups::JoinResult> result);
  void AddCredits(const v1::Credits& credits);
  absl::Status StartAck(const v1::Ack& ack, groups::Member& member);
  void OnAcked(absl::StatusOr<groups::AckResult> result);

  // KEY_ORDERED, UNORDERED (consume_work.cc).
  absl::Status StartEventAck(const v1::AckIds& ids);
  absl::Status StartNack(const v1::Nack& nack);
  absl::Status StartExtend(const v1::Extend& extend);
  // A callback that sends what `make` makes of the result.
  groups::EventsCallback AnswerEvents(
      absl::AnyInvocable<v1::ConsumeResponse(const groups::EventsResult&) &&> make);
  std::shared_ptr<groups::WorkMember> work();
  absl::StatusOr<bool> DeliverWork(groups::WorkMember& work, uint64_t credit_events,
                                   uint64_t credit_bytes);

  // No more messages come; what is acked is still confirmed. Without a word it may have crashed.
  enum class Goodbye { kSaid, kNone };
  void Leave(Goodbye goodbye);

  // --- What goes out.

  void Receive(GroupEvent event);
  void Kick();

  // Never pumps on the caller's thread, which may be a committing one.
  void KickLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // On the queue's thread.
  void KickHere() ABSL_LOCKS_EXCLUDED(mu_);
  // True: the pump is ours now. False: who has it will look again.
  bool TakePumpLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Requires that pumping_ is ours. `in_turn`: on a reader thread, whose rests pace history.
  void Pump(log::MayWait may_wait, bool in_turn = false);
  void PumpOnLive();
  void PumpOnReader();
  // What is at hand, when history's turn comes.
  void PumpInTurn();
  // Others are live, and this one has yet to catch up. Requires that pumping_ is ours.
  bool HoldsBack() const;

  // Ends the stream or writes what waits; false if it did.
  bool StepLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Apply(const GroupEvent& event);
  absl::Status ApplyAssigned(const std::vector<groups::AssignedPartition>& partitions);
  // Delivers nothing more of it.
  void Forget(LogId log);
  void UseFilter(const std::shared_ptr<const log::Filter>& filter);

  // Writes the next delivery, if there is one and the client has credit for it.
  // True: a write is under way or the work is handed to a reader thread.
  absl::StatusOr<bool> Deliver(log::MayWait may_wait);
  absl::StatusOr<bool> DeliverSlice(const log::EventSlice& slice,
                                    const delivery::FeedPartition& partition);
  absl::StatusOr<bool> WriteGap(const delivery::FeedItem& item);
  absl::StatusOr<bool> OnNothingLeft();
  void WriteDeliveries(DeliveryMessage& message);
  void ReportScan(const delivery::FeedPartition& partition);
  std::shared_ptr<groups::Member> member();
  void WriteLocked(const grpc::ByteBuffer& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnWritten(bool ok);

  // --- Time and ends.

  void SetAlarmLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnAlarm(bool ok);
  void OnDone(bool);

  // From any thread: the stream ends with `status` as soon as nothing is being written.
  void EndSoon(absl::Status status);

  // Requires that pumping_ is ours.
  void EndNow(const absl::Status& status);
  void EndLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnFinished(bool);
  const RpcContext& context_;
  groups::GroupCoordinator& groups_;
  ConsumerGroupsBase& service_;
  CallQueue& queue_;
  CallCount count_;
  std::optional<ActiveCall> active_;
  metrics::MethodMetrics& metrics_;
  grpc::ServerContext grpc_context_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_;
  grpc::ByteBuffer request_;  // Of the read under way.
  bool registered_ = false;

  // Of who pumps.
  std::shared_ptr<delivery::PartitionFeed> feed_;  // Null until something is assigned.
  std::shared_ptr<const log::Filter> filter_;      // The feed's.
  absl::flat_hash_map<LogId, groups::TopicPartition> assigned_;  // And not revoked.
  bool caught_up_ = false;
  uint32_t deliveries_max_ = 1;  // Of one message; set before there is a member.
  absl::Mutex mu_;               // Then CallRegistry's.
  grpc::Alarm alarm_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<groups::Member> member_ ABSL_GUARDED_BY(mu_);    // Set once joined.
  std::shared_ptr<groups::WorkMember> work_ ABSL_GUARDED_BY(mu_);  // With it, in such groups.
  std::deque<GroupEvent> inbox_ ABSL_GUARDED_BY(mu_);
  std::deque<v1::ConsumeResponse> outbox_ ABSL_GUARDED_BY(mu_);
  uint64_t credit_events_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t credit_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  int pending_acks_ ABSL_GUARDED_BY(mu_) = 0;
  bool reading_ ABSL_GUARDED_BY(mu_) = false;
  bool joining_ ABSL_GUARDED_BY(mu_) = false;
  bool pumping_ ABSL_GUARDED_BY(mu_) = false;  // Or writing: somebody will look.
  bool kicked_ ABSL_GUARDED_BY(mu_) = false;
  bool heartbeat_due_ ABSL_GUARDED_BY(mu_) = false;
  bool paused_ ABSL_GUARDED_BY(mu_) = false;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  bool end_when_quiet_ ABSL_GUARDED_BY(mu_) = false;  // Once pending acks are confirmed.
  bool end_now_ ABSL_GUARDED_BY(mu_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status end_status_ ABSL_GUARDED_BY(mu_);
  int64_t last_write_nanos_ ABSL_GUARDED_BY(mu_) = base::MonotonicNanos();
  Op<ConsumeCall> accepted_{&ConsumeCall::OnAccepted};
  Op<ConsumeCall> read_{&ConsumeCall::OnRead};
  Op<ConsumeCall> written_{&ConsumeCall::OnWritten};
  Op<ConsumeCall> alarm_op_{&ConsumeCall::OnAlarm};
  Op<ConsumeCall> done_{&ConsumeCall::OnDone};
  Op<ConsumeCall> finished_{&ConsumeCall::OnFinished};
};

}  // namespace tidemark::rpc
