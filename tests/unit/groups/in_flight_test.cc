#include "server/groups/in_flight.h"

#include "gtest/gtest.h"

namespace tidemark::groups {
namespace {

TEST(InFlightTest, CountsDeliveriesUntilTheyAreAcked) {
  InFlight in_flight;
  in_flight.Add(Offset(0), Offset(10), 10);
  in_flight.Add(Offset(10), Offset(15), 5);
  EXPECT_EQ(in_flight.events(), 15u);
  in_flight.Ack(Offset(4));
  EXPECT_EQ(in_flight.events(), 11u);
  in_flight.Ack(Offset(15));
  EXPECT_EQ(in_flight.events(), 0u);
}

TEST(InFlightTest, IsExactBetweenDeliveriesWithHoles) {
  InFlight in_flight;
  in_flight.Add(Offset(0), Offset(100), 3);
  in_flight.Add(Offset(100), Offset(200), 2);
  in_flight.Ack(Offset(100));
  EXPECT_EQ(in_flight.events(), 2u);
}

TEST(InFlightTest, NeverCountsMoreThanFits) {
  InFlight in_flight;
  in_flight.Add(Offset(0), Offset(100), 10);
  in_flight.Ack(Offset(97));
  EXPECT_EQ(in_flight.events(), 3u);
  in_flight.Ack(Offset(90));  // An older ack changes nothing.
  EXPECT_EQ(in_flight.events(), 3u);
}

TEST(InFlightTest, StaysRightInSumBeyondItsBound) {
  InFlight in_flight;
  const uint64_t deliveries = 4 * InFlight::kDeliveriesMax;
  for (uint64_t i = 0; i < deliveries; ++i) in_flight.Add(Offset(10 * i), Offset(10 * i + 10), 1);
  EXPECT_EQ(in_flight.events(), deliveries);
  in_flight.Ack(Offset(10 * deliveries));
  EXPECT_EQ(in_flight.events(), 0u);
}

}  // namespace
}  // namespace tidemark::groups
