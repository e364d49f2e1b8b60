// Executor: runs work elsewhere. ThreadPool is the real one; tests step a manual one.
#pragma once

#include <atomic>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace tidemark::base {

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
  // `name` shows in debuggers, at most 12 bytes.
  ThreadPool(const std::string& name, int threads, Priority priority = Priority::kNormal);
  ~ThreadPool() override;

  void Schedule(Task task) override ABSL_LOCKS_EXCLUDED(mu_);
  bool crowded() const override { return queued_.load(std::memory_order_relaxed) > 0; }
  void Shutdown() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  bool HasWorkLocked() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return stopping_ || !queue_.empty();
  }

  absl::Mutex mu_;
  std::deque<Task> queue_ ABSL_GUARDED_BY(mu_);
  std::atomic<size_t> queued_ = 0;  // queue_.size(), to be looked at without the lock.
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

// Lowers the calling thread's claim to the processor and the disk, as far as the system has such.
void LowerThisThread();

// Names the calling thread for debuggers and `top -H`; cut to 15 bytes.
void NameThisThread(const std::string& name);

}  // namespace tidemark::base
