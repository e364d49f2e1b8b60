#include "server/rpc/send_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace tidemark::rpc {
namespace {

struct Stream final : SendBudget::Waiter {
  void OnRoom() override { ++told; }
  std::atomic<int> told = 0;
};

TEST(SendBudgetTest, LetsInWhileThereIsRoom) {
  SendBudget budget(100);
  const auto stream = std::make_shared<Stream>();
  EXPECT_TRUE(budget.Enter(stream, false));
  budget.Change(0, 99);
  EXPECT_TRUE(budget.Enter(stream, false));
  budget.Change(99, 100);
  EXPECT_FALSE(budget.crowded());
  EXPECT_FALSE(budget.Enter(stream, false));
  EXPECT_TRUE(budget.crowded());
  EXPECT_EQ(stream->told, 0);
}

TEST(SendBudgetTest, RoomGoesToThoseWhoWaitInTurn) {
  SendBudget budget(100);
  const auto first = std::make_shared<Stream>();
  const auto second = std::make_shared<Stream>();
  budget.Change(0, 150);
  EXPECT_FALSE(budget.Enter(first, false));
  EXPECT_FALSE(budget.Enter(second, false));
  budget.Change(150, 100);
  EXPECT_EQ(first->told, 0);  // Still full.
  budget.Change(100, 50);
  EXPECT_EQ(first->told, 1);
  EXPECT_EQ(second->told, 0);
  budget.Leave();  // The first did not need it.
  EXPECT_EQ(second->told, 1);
  EXPECT_FALSE(budget.crowded());
  budget.Leave();
  EXPECT_EQ(first->told + second->told, 2);
}

TEST(SendBudgetTest, ACrowdOfNewOnesLetsThoseThatTakeSomethingThrough) {
  SendBudget budget(10);
  budget.Change(0, 10);
  std::vector<std::shared_ptr<Stream>> crowd;
  for (int i = 0; i < 10; ++i) {
    crowd.push_back(std::make_shared<Stream>());
    EXPECT_FALSE(budget.Enter(crowd.back(), false));
  }
  const auto good = std::make_shared<Stream>();
  EXPECT_FALSE(budget.Enter(good, true));
  budget.Change(10, 0);
  budget.Leave();
  EXPECT_EQ(good->told, 1);
  EXPECT_EQ(crowd[0]->told, 1);
  EXPECT_EQ(crowd[1]->told, 0);
}

TEST(SendBudgetTest, PassesOverThoseThatAreGone) {
  SendBudget budget(10);
  budget.Change(0, 10);
  auto gone = std::make_shared<Stream>();
  const auto alive = std::make_shared<Stream>();
  EXPECT_FALSE(budget.Enter(gone, false));
  EXPECT_FALSE(budget.Enter(alive, false));
  gone.reset();
  budget.Change(10, 0);
  EXPECT_EQ(alive->told, 1);
}

TEST(SendBudgetTest, HurryTellsOneThatWaitsAndNoOther) {
  SendBudget budget(10);
  budget.Change(0, 10);
  const auto one = std::make_shared<Stream>();
  const auto other = std::make_shared<Stream>();
  EXPECT_FALSE(budget.Enter(one, false));
  EXPECT_FALSE(budget.Enter(other, false));
  budget.Hurry(other.get());
  budget.Hurry(other.get());
  EXPECT_EQ(other->told, 1);
  EXPECT_EQ(one->told, 0);
}

// Nobody is forgotten: whoever was refused is told once, however the others come and go.
TEST(SendBudgetTest, TellsEveryoneUnderThreads) {
  constexpr int kThreads = 4;
  constexpr int kTurns = 5000;
  SendBudget budget(3);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      const auto stream = std::make_shared<Stream>();
      for (int turn = 0; turn < kTurns; ++turn) {
        const int before = stream->told;
        if (!budget.Enter(stream, false)) {
          while (stream->told == before) std::this_thread::yield();
        }
        budget.Change(0, 2);
        budget.Change(2, 0);
        budget.Leave();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(budget.bytes(), 0u);
  EXPECT_FALSE(budget.crowded());
}

}  // namespace
}  // namespace tidemark::rpc
