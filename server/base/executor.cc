#include "server/base/executor.h"

#include <linux/ioprio.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

namespace tidemark::base {
namespace {

// Of -20 to 19: a tenth of the weight of a thread at 0, so that it soon has what others leave.
constexpr int kLowNice = 10;
constexpr int kLowestIoLevel = 7;  // Of the best-effort class, which is everybody's.

}  // namespace

ThreadPool::ThreadPool(const std::string& name, int threads, Priority priority) {
  threads_.reserve(threads);
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this, thread_name = name + "/" + std::to_string(i), priority] {
      NameThisThread(thread_name);
      if (priority == Priority::kLow) LowerThisThread();
      Run();
    });
  }
}

ThreadPool::~ThreadPool() { Shutdown(); }

void ThreadPool::Schedule(Task task) {
  absl::MutexLock lock(&mu_);
  if (stopping_) return;
  queue_.push_back(std::move(task));
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
    Task task;
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(this, &ThreadPool::HasWorkLocked));
      if (queue_.empty()) return;  // Stopping, and everything queued has run.
      task = std::move(queue_.front());
      queue_.pop_front();
      queued_.store(queue_.size(), std::memory_order_relaxed);
    }
    std::move(task)();
  }
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
