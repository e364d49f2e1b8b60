// HandlerPool: threads that call a consumer's handler, events of a key in order.
//
// Terms.    lane: one thread and what waits for it; every event of a key goes to the same lane. In
//           hand: given to the pool, and its result not taken yet.
// Invariant. Events of a lane are handled one after the other, in the order of Add. Each has one
//           result: done; dropped (its handler was not called, or it failed and was given up);
//           failed, and those of its key that waited behind it are dropped; or the failure that is
//           to end the consumer, after which its lane handles nothing more.
// Threads.   Add, Drop, DropAll, TakeResults and in_hand on one thread; `run` on the lanes'
// threads,
//            `wake` too, without locks.
// Lifetime.  The destructor drops what has not begun and waits for the handlers that run.
#ifndef TIDEMARK_CLIENT_SRC_HANDLER_POOL_H_
#define TIDEMARK_CLIENT_SRC_HANDLER_POOL_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/cpp/src/ack_book.h"
#include "client/cpp/src/handler_run.h"
#include "tidemark/stream.h"

namespace tidemark::internal {

class HandlerPool {
 public:
  struct Job {
    AckBook::Partition partition;
    ReceivedEvent event;
    Batch batch;            // Keeps the event's bytes.
    absl::string_view key;  // Those with the same one are handled in order; empty: none are.
    uint64_t delivery = 0;  // Comes back with the result.
  };
  struct Outcome {
    enum class Kind { kDone, kDropped, kFailed, kStop };
    Kind kind = Kind::kDone;
    absl::Status error;        // With kStop.
    FailureVerdict verdict{};  // With kFailed.
  };
  struct Result {
    AckBook::Partition partition;
    uint64_t offset = 0;
    std::string key;  // With kFailed.
    Outcome outcome;
    uint64_t delivery = 0;
  };
  // Waits; false as soon as the event is dropped.
  using Pause = absl::FunctionRef<bool(absl::Duration)>;
  using RunFn = std::function<Outcome(const ReceivedEvent& event, Pause pause)>;

  HandlerPool(int threads, RunFn run, std::function<void()> wake);
  ~HandlerPool();
  HandlerPool(const HandlerPool&) = delete;
  HandlerPool& operator=(const HandlerPool&) = delete;

  // Dropped at once behind a failed event of its key whose result is not taken.
  void Add(Job job) ABSL_LOCKS_EXCLUDED(mu_);
  // What has not begun is dropped, and a pause between two attempts ends.
  void Drop(const AckBook::Partition& partition) ABSL_LOCKS_EXCLUDED(mu_);
  void DropAll() ABSL_LOCKS_EXCLUDED(mu_);

  std::vector<Result> TakeResults() ABSL_LOCKS_EXCLUDED(mu_);
  size_t in_hand() const { return in_hand_; }
  size_t in_hand(const AckBook::Partition& partition) const;

 private:
  struct Lane {
    std::deque<Job> jobs;
    const AckBook::Partition* running = nullptr;  // Of the job whose handler runs.
    bool drop_running = false;
    bool stopped = false;  // After a failure that ends the consumer.
    std::thread thread;
  };
  void RunLane(Lane& lane) ABSL_LOCKS_EXCLUDED(mu_);
  bool PauseLane(Lane& lane, absl::Duration pause) ABSL_LOCKS_EXCLUDED(mu_);
  void DropJobsLocked(Lane& lane, absl::FunctionRef<bool(const Job&)> drop)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndJobLocked(Lane& lane, const Job& job, Outcome outcome) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const RunFn run_;
  const std::function<void()> wake_;
  size_t in_hand_ = 0;
  size_t next_lane_ = 0;  // For events without a key.
  std::map<AckBook::Partition, size_t> in_hand_of_;

  absl::Mutex mu_;                            // Leaf.
  std::vector<std::unique_ptr<Lane>> lanes_;  // Fixed; what is in them is guarded by mu_.
  std::vector<Result> results_ ABSL_GUARDED_BY(mu_);
  // Of results_, those that failed: what is added behind them is dropped.
  std::vector<std::pair<AckBook::Partition, std::string>> failed_ ABSL_GUARDED_BY(mu_);
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_HANDLER_POOL_H_
