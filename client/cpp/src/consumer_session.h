// ConsumerSession: a group member on one connection: joins, handles, acknowledges, leaves.
//
// Terms.    finishing: nothing more is begun; handlers finish what they have in hand. leaving:
//           nothing more is handled; the last acks and Leave are on their way. work: the group's
//           members acknowledge event by event (KEY_ORDERED, UNORDERED); told by Joined.
// Invariant. An event is handled only while its partition is owned, and acknowledged only after. In
//           work it is handled only while it is held, and not after a failed one of its key before
//           that one came again, or the server took back what was delivered behind it.
// Threads.  Run and everything it calls on one thread; Wake from any; RunOne on the pool's.
// Failure.  Told by End; the session is then of no further use.
#ifndef TIDEMARK_CLIENT_SRC_CONSUMER_SESSION_H_
#define TIDEMARK_CLIENT_SRC_CONSUMER_SESSION_H_

#include <atomic>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cpp/src/ack_book.h"
#include "client/cpp/src/batch.h"
#include "client/cpp/src/delivery_queue.h"
#include "client/cpp/src/handler_pool.h"
#include "client/cpp/src/offset_committer.h"
#include "client/cpp/src/raw_stream.h"
#include "client/cpp/src/work_book.h"
#include "tidemark/client.h"
#include "tidemark/consumer.h"
#include "tidemark/v1/consumer_groups.pb.h"

namespace tidemark::internal {

// What outlives a session; any thread may read it.
struct ConsumerCounters {
  std::atomic<bool> stop_requested = false;
  std::atomic<uint64_t> events_handled = 0;
  std::atomic<uint64_t> events_failed = 0;
  std::atomic<uint64_t> acks_fenced = 0;
  std::atomic<uint64_t> events_retried = 0;
  std::atomic<uint64_t> dead_letters = 0;
  std::atomic<uint64_t> gap_events = 0;
  std::atomic<uint64_t> connections = 0;
};

class ConsumerSession {
 public:
  enum class EndKind {
    kLeft,    // As asked: Stop, caught up, or a handler's error, which is `status`.
    kBroken,  // The connection is gone; join again.
    kFailed,  // What a new connection cannot cure.
  };
  struct End {
    EndKind kind;
    absl::Status status;
  };

  // Everything given outlives the session. `committer` may be null: then acks commit.
  ConsumerSession(const Client& client, const ConsumerOptions& options,
                  const Consumer::Handler& handler, bool until_caught_up,
                  OffsetCommitter* committer, ConsumerCounters* counters);

  End Run();
  // Makes Run look at ConsumerCounters::stop_requested.
  void Wake() { stream_.Wake(); }
  // The server answered the Join: the connection was of use.
  bool joined() const { return joined_; }
  // Every handled event is acknowledged, and the server said that this is durable.
  bool all_confirmed() const { return book_.all_confirmed() && work_book_.all_confirmed(); }

 private:
  // Time and signals.
  absl::Duration UntilNextDeadline() const;
  void OnSignal(RawStream::Signal signal);
  void OnTimeout();
  void ReadOn();
  void Finish(EndKind kind, const absl::Status& status);

  // What comes in.
  void OnMessage(const grpc::Slice& message);
  void OnDelivery(std::shared_ptr<BatchData> data);
  void OnNote(const v1::ConsumeResponse& note);
  void OnJoined(const v1::Joined& joined);
  void OnAssigned(const v1::Assigned& assigned);
  void OnRevoked(const v1::Revoked& revoked);
  void OnAckConfirmed(const v1::AckConfirmed& confirmed);
  void OnStreamEnd();

  // Handling.
  bool CanHandle() const;
  void HandleSome();
  void HandleEvent();
  void PassCurrent();
  void OnHandlerError(const absl::Status& error);
  void OnQueuedNote();
  static absl::Status FailedAt(const ReceivedEvent& event, const absl::Status& error);

  // Handling with a pool (consumer_parallel.cc).
  void StartPool();
  HandlerPool::Outcome RunOne(const ReceivedEvent& event, HandlerPool::Pause pause);
  bool CanDispatch() const;
  void Dispatch();
  void TakeResults();
  bool GaveBack(v1::Revoked& revoked);

  // Work (consumer_work.cc).
  static bool IsWork(GroupMode mode) {
    return mode == GroupMode::kKeyOrdered || mode == GroupMode::kUnordered;
  }
  bool is_work() const { return IsWork(mode_); }
  uint64_t dirty_events() const { return book_.dirty_events() + work_book_.dirty_events(); }
  void SetMode(const v1::GroupConfig& group);
  void Hold(const BatchData& batch);
  HandlerPool::Outcome RunWork(const ReceivedEvent& event);
  bool IsBehindFailed(const AckBook::Partition& partition, const ReceivedEvent& event);
  void DispatchWork();
  void TakeWorkResult(const HandlerPool::Result& result);
  void SendNack(const HandlerPool::Result& result);
  void SendEventAcks();
  void SendExtensionsIfDue();
  void OnNackConfirmed(const v1::NackConfirmed& confirmed);
  void OnExtendConfirmed(const v1::ExtendConfirmed& confirmed);

  // What goes out.
  void Send(const v1::ConsumeRequest& request);
  void SendJoin();
  void SendAcks();
  void Commit(const std::vector<TopicPartitionOffset>& acks);
  bool AcksAreDue() const;
  void SendAcksIfDue();
  void SendCreditsIfDue();
  void GiveBack(const v1::Revoked& revoked);
  // Handles nothing more; leaves once nothing is in hand.
  void BeginLeaving(const absl::Status& reason);
  void Leave();
  void PumpOut();

  const Client client_;
  const ConsumerOptions& options_;
  const Consumer::Handler& handler_;
  const bool until_caught_up_;
  OffsetCommitter* const committer_;
  ConsumerCounters& counters_;

  RawStream stream_;
  GroupMode mode_ = GroupMode::kUnspecified;
  AckBook book_;
  WorkBook work_book_;
  // A failed event of a key. What came of the key behind it, up to the answer to its nack, is not
  // ours any more.
  struct Failed {
    uint64_t offset = 0;
    uint64_t nack = 0;                  // Of nacks_sent_.
    uint64_t batches_max = UINT64_MAX;  // What came before the answer; unset: it has not come.
  };
  std::map<std::pair<AckBook::Partition, std::string>, Failed> failed_;
  uint64_t nacks_sent_ = 0;
  uint64_t nacks_answered_ = 0;
  DeliveryQueue queue_;
  std::deque<grpc::ByteBuffer> out_;
  std::optional<End> end_;
  bool joined_ = false;
  bool draining_ = false;
  bool finishing_ = false;  // To leave, once the pool is empty.
  bool leaving_ = false;
  absl::Status leave_reason_;
  uint64_t assignments_ = 0;
  std::string member_id_;
  std::map<AckBook::Partition, uint64_t> assignment_of_;  // As the server numbers them.
  int acks_unanswered_ = 0;
  absl::Time last_contact_;
  absl::Time retry_at_;    // Of the current event, after its handler failed.
  uint32_t attempts_ = 0;  // Of the current event, without a pool.
  absl::Time leave_deadline_ = absl::InfiniteFuture();
  std::list<v1::Revoked> to_release_;  // Of which handlers are at work.
  std::unique_ptr<HandlerPool> pool_;  // Null: the handler runs on Run's thread. The first to go.
};

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_CONSUMER_SESSION_H_
