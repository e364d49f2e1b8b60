#include "server/log/commit_horizon.h"

#include <gtest/gtest.h>

namespace tidemark::log {
namespace {

struct Counter final : Waiter {
  void OnReady(uint32_t slot) override { told.push_back(slot); }
  std::vector<uint32_t> told;
};

TEST(CommitHorizonTest, TellsOnceWhenAPositionIsReached) {
  CommitHorizon horizon(Position(4));
  const auto waiter = std::make_shared<Counter>();
  EXPECT_TRUE(horizon.Wait(Position(6), waiter, 7));
  horizon.Advance(Position(5));
  EXPECT_TRUE(waiter->told.empty());
  horizon.Advance(Position(9));
  horizon.Advance(Position(10));
  EXPECT_EQ(waiter->told, std::vector<uint32_t>{7});
  EXPECT_EQ(horizon.published(), Position(10));
}

TEST(CommitHorizonTest, RegistersNobodyForWhatWasReached) {
  CommitHorizon horizon(Position(4));
  const auto waiter = std::make_shared<Counter>();
  EXPECT_FALSE(horizon.Wait(Position(4), waiter, 0));
  horizon.Advance(Position(5));
  EXPECT_TRUE(waiter->told.empty());
}

TEST(CommitHorizonTest, ForgetsWhoIsGone) {
  CommitHorizon horizon(Position(4));
  auto waiter = std::make_shared<Counter>();
  EXPECT_TRUE(horizon.Wait(Position(5), waiter, 0));
  waiter.reset();
  horizon.Advance(Position(5));
}

}  // namespace
}  // namespace tidemark::log
