#include "server/base/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "absl/synchronization/barrier.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"

namespace tidemark::base {
namespace {

TEST(ThreadPoolTest, RunsEachTaskOnce) {
  constexpr int kTasks = 1000;
  std::vector<std::atomic<int>> runs(kTasks);
  ThreadPool pool("test", 3);
  absl::BlockingCounter left(kTasks);
  for (int i = 0; i < kTasks; ++i) {
    pool.Schedule([&, i] {
      ++runs[i];
      left.DecrementCount();
    });
  }
  left.Wait();
  for (int i = 0; i < kTasks; ++i) EXPECT_EQ(runs[i], 1) << i;
}

// Would not end if one thread had to run both.
TEST(ThreadPoolTest, RunsAsManyTasksAtOnceAsItHasThreads) {
  ThreadPool pool("test", 2);
  auto* barrier = new absl::Barrier(2);
  absl::BlockingCounter left(2);
  for (int i = 0; i < 2; ++i) {
    pool.Schedule([&, barrier] {
      if (barrier->Block()) delete barrier;
      left.DecrementCount();
    });
  }
  left.Wait();
}

TEST(ThreadPoolTest, OneThreadRunsTasksInOrder) {
  ThreadPool pool("test", 1);
  std::vector<int> order;
  absl::Notification done;
  for (int i = 0; i < 100; ++i) pool.Schedule([&order, i] { order.push_back(i); });
  pool.Schedule([&done] { done.Notify(); });
  done.WaitForNotification();
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[i], i);
}

TEST(ThreadPoolTest, ShutdownRunsWhatIsQueued) {
  std::atomic<int> runs = 0;
  ThreadPool pool("test", 1);
  absl::Notification go;
  pool.Schedule([&go] { go.WaitForNotification(); });
  for (int i = 0; i < 10; ++i) pool.Schedule([&runs] { ++runs; });
  std::thread stopper([&pool] { pool.Shutdown(); });
  go.Notify();
  stopper.join();
  EXPECT_EQ(runs, 10);
}

// Dropped, not kept: what the task holds is released.
TEST(ThreadPoolTest, DropsTasksAfterShutdown) {
  ThreadPool pool("test", 1);
  pool.Shutdown();
  auto held = std::make_shared<int>(1);
  bool ran = false;
  pool.Schedule([held, &ran] { ran = true; });
  EXPECT_EQ(held.use_count(), 1);
  pool.Shutdown();
  EXPECT_FALSE(ran);
}

TEST(ThreadPoolTest, ATaskMaySchedule) {
  ThreadPool pool("test", 1);
  absl::Notification done;
  pool.Schedule([&] { pool.Schedule([&done] { done.Notify(); }); });
  done.WaitForNotification();
}

TEST(ThreadPoolTest, TakesTasksThatCannotBeCopied) {
  ThreadPool pool("test", 1);
  absl::Notification done;
  int seen = 0;
  pool.Schedule([&, value = std::make_unique<int>(7)] {
    seen = *value;
    done.Notify();
  });
  done.WaitForNotification();
  EXPECT_EQ(seen, 7);
}

}  // namespace
}  // namespace tidemark::base
