// ThreadSanitizer reports a race, and no correct use of abseil's locks: what it does not find
// elsewhere is then not there, as far as the tests go.
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace tidemark {
namespace {

constexpr int kThreads = 4;
constexpr int kRounds = 200;
constexpr int kExitCodeOfAFinding = 66;

void InThreads(const std::function<void()>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back(work);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

// Plain memory, so that an order that is not seen is a report, which fails this process.
class Counter {
 public:
  void Raise() {
    for (int i = 0; i < kRounds; ++i) {
      absl::MutexLock lock(&mu_);
      ++count_;
    }
  }
  void RaiseWithoutLock() {
    for (int i = 0; i < kRounds; ++i) {
      ++count_;
    }
  }
  void RaiseUnderReaderLock() {
    for (int i = 0; i < kRounds; ++i) {
      absl::ReaderMutexLock lock(&mu_);
      ++count_;
    }
  }
  void AwaitAll() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(this, &Counter::AllCame));
    EXPECT_EQ(count_, kThreads * kRounds);
  }
  absl::Mutex& mu() { return mu_; }
  int& count() { return count_; }

 private:
  bool AllCame() const { return count_ == kThreads * kRounds; }

  absl::Mutex mu_;
  int count_ = 0;
};

TEST(TsanDeathTest, ReportsARace) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        Counter counter;
        InThreads([&] { counter.RaiseWithoutLock(); });
        std::exit(0);
      },
      ::testing::ExitedWithCode(kExitCodeOfAFinding), "data race");
}

TEST(TsanDeathTest, ReportsWritersUnderAReaderLock) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        Counter counter;
        InThreads([&] { counter.RaiseUnderReaderLock(); });
        std::exit(0);
      },
      ::testing::ExitedWithCode(kExitCodeOfAFinding), "data race");
}

TEST(TsanDeathTest, ReportsLocksInTwoOrders) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        absl::Mutex first;
        absl::Mutex second;
        {
          absl::MutexLock outer(&first);
          absl::MutexLock inner(&second);
        }
        {
          absl::MutexLock outer(&second);
          absl::MutexLock inner(&first);
        }
        std::exit(0);
      },
      ::testing::ExitedWithCode(kExitCodeOfAFinding), "lock-order-inversion");
}

TEST(TsanTest, SeesALockAndAConditionOfIt) {
  Counter counter;
  std::thread waiting([&] { counter.AwaitAll(); });
  InThreads([&] { counter.Raise(); });
  waiting.join();
}

TEST(TsanTest, SeesReadersAndWriters) {
  Counter counter;
  InThreads([&] {
    counter.Raise();
    absl::ReaderMutexLock lock(&counter.mu());
    EXPECT_GE(counter.count(), kRounds);
  });
}

TEST(TsanTest, AConditionThatDoesNotComeIsLate) {
  Counter counter;
  bool never = false;
  absl::MutexLock lock(&counter.mu());
  EXPECT_FALSE(counter.mu().AwaitWithTimeout(absl::Condition(&never), absl::Milliseconds(1)));
  counter.mu().AssertHeld();
}

TEST(TsanTest, SeesCondVars) {
  Counter counter;
  absl::CondVar changed;
  std::thread waiting([&] {
    absl::MutexLock lock(&counter.mu());
    while (counter.count() < kThreads) {
      changed.Wait(&counter.mu());
    }
  });
  InThreads([&] {
    absl::MutexLock lock(&counter.mu());
    ++counter.count();
    changed.SignalAll();
  });
  waiting.join();
}

TEST(TsanTest, SeesNotifications) {
  for (int round = 0; round < kRounds; ++round) {
    int value = 0;
    absl::Notification polled;
    absl::Notification waited_for;
    std::thread notifying([&] {
      value = 1;
      polled.Notify();
      value = 2;
      waited_for.Notify();
    });
    waited_for.WaitForNotification();
    EXPECT_TRUE(polled.HasBeenNotified());
    EXPECT_EQ(value, 2);
    notifying.join();
  }
}

TEST(TsanTest, SeesBlockingCounters) {
  std::vector<int> values(kThreads);
  absl::BlockingCounter all(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      values[i] = i;
      all.DecrementCount();
    });
  }
  all.Wait();
  for (int i = 0; i < kThreads; ++i) {
    EXPECT_EQ(values[i], i);
    threads[i].join();
  }
}

TEST(TsanTest, SeesWhoOwnsAnError) {
  for (int round = 0; round < kRounds; ++round) {
    absl::Status error = absl::InternalError("the disk says no");
    std::thread other([copy = error] { EXPECT_EQ(copy.message().size(), 16u); });
    error = absl::OkStatus();
    other.join();
  }
}

}  // namespace
}  // namespace tidemark
