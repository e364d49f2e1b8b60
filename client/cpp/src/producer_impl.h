// Producer::Impl: the two sides of a producer. Callers fill the open request under a lock; one
// thread, the sender, moves requests through a SendWindow over AppendStream and tells outcomes.
//
// Terms.     ready: sealed and never sent. window: sent at least once (send_window.h).
//            epoch: which Flush a request belongs to.
// Invariant. buffered_events_ is the sum of events that are open, ready or in the window.
// Threads.   producer.cc runs on callers' threads, the other files on the sender. Callbacks are
// called
//            on the sender with no lock held.
#ifndef TIDEMARK_CLIENT_SRC_PRODUCER_IMPL_H_
#define TIDEMARK_CLIENT_SRC_PRODUCER_IMPL_H_

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/cpp/src/backoff.h"
#include "client/cpp/src/producer_request.h"
#include "client/cpp/src/raw_stream.h"
#include "client/cpp/src/send_window.h"
#include "tidemark/client.h"
#include "tidemark/producer.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark {

class Producer::Impl {
 public:
  Impl(const Client& client, const TopicInfo& topic, const ServerLimits& limits,
       ProducerOptions options, std::optional<uint64_t> last_sequence);
  ~Impl();

  // As in Producer; no callback if `done` is null.
  absl::Status Send(const Event& event, AckCallback done, bool at_once) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Flush(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Close(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);
  void OnRequestDone(RequestCallback callback) ABSL_LOCKS_EXCLUDED(mu_);
  ProducerStats stats() const ABSL_LOCKS_EXCLUDED(mu_);
  std::string producer_id() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using RequestPtr = std::unique_ptr<internal::ProducerRequest>;

  // Callers' side.
  absl::Status Validate(const Event& event, size_t encoded_size) const;
  absl::Status WaitForSpaceLocked(size_t size) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SealLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void NotifyLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool OnSenderThread() const { return std::this_thread::get_id() == sender_.get_id(); }

  // The sender: producer_sender.cc, and what becomes of events in producer_outcome.cc.
  void RunSender();
  bool AwaitWork();
  void Connect();
  void Pump();
  RequestPtr TakeReady() ABSL_LOCKS_EXCLUDED(mu_);
  void Write(const internal::ProducerRequest& request);
  absl::Duration UntilNextDeadline() ABSL_LOCKS_EXCLUDED(mu_);
  void OnSignal(internal::RawStream::Signal signal);
  void OnMessage(const grpc::Slice& message);
  void OnAnswer(const absl::StatusOr<AppendResult>& answer);
  void OnStreamEnd(const absl::Status& status);
  void Break(const absl::Status& cause);
  void Pause(absl::Duration at_least);
  void ExpireOld();
  void FailEverything(const absl::Status& status);
  void FailLost(std::vector<RequestPtr> requests);
  void Fail(std::vector<RequestPtr> requests, const absl::Status& status);
  void Finish(RequestPtr request, const absl::StatusOr<AppendResult>& result);
  void FinishEvents(uint32_t count, size_t bytes, uint64_t epoch, bool all_have_callbacks,
                    bool request_done, const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);
  void TellStored(internal::ProducerRequest* request, const AppendResult& result);
  void TellRequestDone(const absl::StatusOr<AppendResult>& result) ABSL_LOCKS_EXCLUDED(mu_);
  void ReplaceStream(std::unique_ptr<internal::RawStream> stream) ABSL_LOCKS_EXCLUDED(mu_);

  const Client client_;
  const std::string topic_;
  const ServerLimits limits_;
  const ProducerOptions options_;

  // The sender's own.
  internal::SendWindow window_;
  internal::Backoff backoff_;
  v1::AppendStreamResponse response_;
  uint32_t partitions_;
  absl::Time resume_at_;  // No connecting and no writing before; SteadyNow().
  absl::Time last_answer_at_;
  absl::Status last_break_;  // Why there is no connection, for the events that time out.

  mutable absl::Mutex mu_;  // RawStream's wake lock may be taken under it.
  internal::RequestBuilder open_ ABSL_GUARDED_BY(mu_);
  absl::Time open_since_ ABSL_GUARDED_BY(mu_);
  std::deque<RequestPtr> ready_ ABSL_GUARDED_BY(mu_);
  bool open_is_due_ ABSL_GUARDED_BY(mu_) = false;
  bool notified_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  size_t buffered_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t buffered_events_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t epoch_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<uint64_t, uint64_t> events_by_epoch_ ABSL_GUARDED_BY(mu_);  // Only unanswered ones.
  absl::Status first_failure_ ABSL_GUARDED_BY(mu_);  // Since the last Flush, without callback.
  std::optional<absl::Status> close_status_ ABSL_GUARDED_BY(mu_);
  RequestCallback request_callback_ ABSL_GUARDED_BY(mu_);
  ProducerStats stats_ ABSL_GUARDED_BY(mu_);
  std::string producer_id_ ABSL_GUARDED_BY(mu_);
  // Written by the sender under mu_, so the sender may read it without.
  std::unique_ptr<internal::RawStream> stream_;

  std::thread sender_;  // Last: it uses everything above.
};

}  // namespace tidemark

#endif  // TIDEMARK_CLIENT_SRC_PRODUCER_IMPL_H_
