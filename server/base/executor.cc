#include "server/base/executor.h"

#include <linux/ioprio.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "server/base/history_pace.h"
#include "server/base/system_clock.h"

namespace tidemark::base {
namespace {

// Of -20 to 19: a tenth of the weight of a thread at 0, so that it soon has what others leave.
constexpr int kLowNice = 10;
constexpr int kLowestIoLevel = 7;  // Of the best-effort class, which is everybody's.

}  // namespace

ThreadPool::ThreadPool(const std::string& name, int threads, Priority priority, HistoryPace* pace)
    : priority_(priority), pace_(pace) {
  threads_.reserve(threads);
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this, thread_name = name + "/" + std::to_string(i)] {
      NameThisThread(thread_name);
      if (priority_ == Priority::kLow) LowerThisThread();
      Run();
    });
  }
}

ThreadPool::~ThreadPool() { Shutdown(); }

bool ThreadPool::crowded() const {
  if (queued_.load(std::memory_order_relaxed) > 0) return true;
  return pace_ != nullptr && pace_->holds_back(MonotonicNanos());
}

void ThreadPool::Schedule(Task task) {
  const int64_t now_nanos = pace_ == nullptr ? 0 : MonotonicNanos();
  absl::MutexLock lock(&mu_);
  if (stopping_) return;
  queue_.push_back({std::move(task), now_nanos});
  queued_.store(queue_.size(), std::memory_order_relaxed);
}

void ThreadPool::Shutdown() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void ThreadPool::Run() {
  while (true) {
    Queued next;
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(this, &ThreadPool::HasWorkLocked));
      if (queue_.empty()) return;  // Stopping, and everything queued has run.
      next = std::move(queue_.front());
      queue_.pop_front();
      queued_.store(queue_.size(), std::memory_order_relaxed);
    }
    RunTask(std::move(next));
  }
}

void ThreadPool::RunTask(Queued queued) {
  if (pace_ == nullptr) return std::move(queued.task)();
  if (priority_ == Priority::kNormal) {
    const int64_t now_nanos = MonotonicNanos();
    pace_->LiveWorkBegins(absl::Nanoseconds(now_nanos - queued.since_nanos), now_nanos);
    return std::move(queued.task)();
  }
  const int64_t before_nanos = ThreadNanos();
  std::move(queued.task)();
  const absl::Duration worked = absl::Nanoseconds(ThreadNanos() - before_nanos);
  Rest(pace_->RestAfter(worked, MonotonicNanos()));
}

void ThreadPool::Rest(absl::Duration rest) {
  if (rest <= absl::ZeroDuration()) return;
  absl::MutexLock lock(&mu_);
  mu_.AwaitWithTimeout(absl::Condition(&stopping_), rest);
}

void LowerThisThread() {
  // On Linux both are a thread's own. A system that refuses runs it as any other.
  const pid_t thread = gettid();
  setpriority(PRIO_PROCESS, static_cast<id_t>(thread), kLowNice);
  syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, thread,
          IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, kLowestIoLevel));
}

void NameThisThread(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace tidemark::base
