// AnswerQueue: answers, and live deliveries, that a committing thread leaves to the thread of a
// completion queue.
//
// Why.       A commit answers many calls at once and wakes their readers. To write to a call takes
//            its connection's lock and a system call; done on the committing thread that delays the
//            next commit, and the queue's thread, which reads the same connection, runs into the
//            lock (gRPC then moves the write to a thread of its own).
// How.       Post lists a call; the first of a list wakes the queue's thread by an alarm that is
//            due at once. The thread answers all that are listed by then.
// Order.     That of Post.
// Threads.   Post from any thread; never blocks.
// Bounds.    As many as there are calls: each is listed at most once at a time.
// Lifetime.  Destroyed after the queue is drained.
#pragma once

#include <grpcpp/alarm.h>

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/base/history_pace.h"
#include "server/rpc/async_call.h"

namespace tidemark::rpc {

// A call that has something to write.
class Answering {
 public:
  virtual ~Answering() = default;
  // Called on the queue's thread, without locks.
  virtual void Answer() = 0;
};

class AnswerQueue final : public Tag {
 public:
  AnswerQueue(grpc::ServerCompletionQueue& queue, base::HistoryPace& pace)
      : queue_(queue), pace_(pace) {}

  void Post(std::shared_ptr<Answering> call) ABSL_LOCKS_EXCLUDED(mu_);
  void Complete(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  grpc::ServerCompletionQueue& queue_;
  base::HistoryPace& pace_;
  absl::Mutex mu_;  // Leaf, but for gRPC's own.
  grpc::Alarm alarm_ ABSL_GUARDED_BY(mu_);
  std::vector<std::shared_ptr<Answering>> listed_ ABSL_GUARDED_BY(mu_);  // Empty: no alarm is set.
  int64_t listed_since_nanos_ ABSL_GUARDED_BY(mu_) = 0;                  // The first of them.
  std::vector<std::shared_ptr<Answering>> answering_;  // Of the queue's thread; keeps its memory.
};

// A completion queue and what belongs to its thread.
struct CallQueue {
  CallQueue(std::unique_ptr<grpc::ServerCompletionQueue> queue, base::HistoryPace& pace)
      : calls(std::move(queue)), answers(*calls, pace) {}
  const std::unique_ptr<grpc::ServerCompletionQueue> calls;
  AnswerQueue answers;
};

}  // namespace tidemark::rpc
