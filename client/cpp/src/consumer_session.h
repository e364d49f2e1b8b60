// ConsumerSession: a group member on one connection: joins, handles, acknowledges, leaves.
//
// Terms.    finishing: nothing more is begun; handlers finish what they have in hand. leaving:
//           nothing more is handled; the last acks and Leave are on their way.
// Invariant. An event is handled only while its partition is owned, and acknowledged only after.
// Threads.  Run and everything it calls on one thread; Wake from any; RunOne on the pool's.
// Failure.  Told by End; the session is then of no further use.
#ifndef TIDEMARK_CLIENT_SRC_CONSUMER_SESSION_H_
#define TIDEMARK_CLIENT_SRC_CONSUMER_SESSION_H_

#include <atomic>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cpp/src/ack_book.h"
#include "client/cpp/src/delivery_queue.h"
#include "client/cpp/src/handler_pool.h"
#include "client/cpp/src/raw_stream.h"
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

  // Everything given outlives the session.
  ConsumerSession(const Client& client, const ConsumerOptions& options,
                  const Consumer::Handler& handler, bool until_caught_up,
                  ConsumerCounters* counters);

  End Run();
  // Makes Run look at ConsumerCounters::stop_requested.
  void Wake() { stream_.Wake(); }
  // The server answered the Join: the connection was of use.
  bool joined() const { return joined_; }
  // Every handled event is acknowledged, and the server said that this is durable.
  bool all_confirmed() const { return book_.all_confirmed(); }

 private:
  // Time and signals.
  absl::Duration UntilNextDeadline() const;
  void OnSignal(RawStream::Signal signal);
  void OnTimeout();
  void ReadOn();
  void Finish(EndKind kind, const absl::Status& status);

  // What comes in.
  void OnMessage(const grpc::Slice& message);
  void OnDelivery(const grpc::Slice& message, absl::string_view delivery);
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

  // What goes out.
  void Send(const v1::ConsumeRequest& request);
  void SendJoin();
  void SendAcks();
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
  ConsumerCounters& counters_;

  RawStream stream_;
  AckBook book_;
  DeliveryQueue queue_;
  std::deque<grpc::ByteBuffer> out_;
  v1::ConsumeResponse note_;
  std::optional<End> end_;
  bool joined_ = false;
  bool draining_ = false;
  bool finishing_ = false;  // To leave, once the pool is empty.
  bool leaving_ = false;
  absl::Status leave_reason_;
  uint64_t assignments_ = 0;
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
