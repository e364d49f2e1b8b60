// Executor: runs work elsewhere. ThreadPool is the real one; tests step a manual one.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace tidemark::base {

class HistoryPace;

// Threads.  Schedule is safe from any thread and never blocks on the work.
// Order.    None is promised between two tasks.
class Executor {
 public:
  using Task = absl::AnyInvocable<void() &&>;
  virtual ~Executor() = default;
  virtual void Schedule(Task task) = 0;
  // False: no task waits for a thread, so a long one need not make way. May be outdated at once.
  virtual bool crowded() const { return true; }
};

// kLow gives way to others for the processor and the disk.
enum class Priority { kNormal, kLow };

// A fixed number of threads and one queue.
//
// Bounds.    The queue is as long as callers make it: schedule at most one task for each stream.
// Lifetime.  Shutdown (or destruction) runs what is queued, then joins. Tasks scheduled after that
//            are dropped.
class ThreadPool final : public Executor {
 public:
  // `name` shows in debuggers, at most 12 bytes. With a `pace`, which outlives it: tasks of kNormal
  // are for live readers, so it is told how long they wait; tasks of kLow read history, and after
  // each its thread rests as it says.
  ThreadPool(const std::string& name, int threads, Priority priority = Priority::kNormal,
             HistoryPace* pace = nullptr);
  ~ThreadPool() override;

  void Schedule(Task task) override ABSL_LOCKS_EXCLUDED(mu_);
  bool crowded() const override;
  void Shutdown() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Queued {
    Task task;
    int64_t since_nanos;  // With a pace.
  };
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  void RunTask(Queued queued) ABSL_LOCKS_EXCLUDED(mu_);
  // Ends early when the pool stops.
  void Rest(absl::Duration rest) ABSL_LOCKS_EXCLUDED(mu_);
  bool HasWorkLocked() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return stopping_ || !queue_.empty();
  }

  const Priority priority_;
  HistoryPace* const pace_;
  absl::Mutex mu_;
  std::deque<Queued> queue_ ABSL_GUARDED_BY(mu_);
  std::atomic<size_t> queued_ = 0;  // queue_.size(), to be looked at without the lock.
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

// Lowers the calling thread's claim to the processor and the disk, as far as the system has such.
void LowerThisThread();

// Names the calling thread for debuggers and `top -H`; cut to 15 bytes.
void NameThisThread(const std::string& name);

}  // namespace tidemark::base
