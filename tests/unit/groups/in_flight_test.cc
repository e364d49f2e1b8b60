#include "server/groups/in_flight.h"

#include "gtest/gtest.h"

namespace tidemark::groups {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

TEST(InFlightTest, CountsDeliveriesUntilTheyAreAcked) {
  InFlight in_flight;
  in_flight.Add(Offset(0), Offset(10), 10, kNow);
  in_flight.Add(Offset(10), Offset(15), 5, kNow);
  EXPECT_EQ(in_flight.events(), 15u);
  in_flight.Ack(Offset(4));
  EXPECT_EQ(in_flight.events(), 11u);
  in_flight.Ack(Offset(15));
  EXPECT_EQ(in_flight.events(), 0u);
}

TEST(InFlightTest, IsExactBetweenDeliveriesWithHoles) {
  InFlight in_flight;
  in_flight.Add(Offset(0), Offset(100), 3, kNow);
  in_flight.Add(Offset(100), Offset(200), 2, kNow);
  in_flight.Ack(Offset(100));
  EXPECT_EQ(in_flight.events(), 2u);
}

TEST(InFlightTest, NeverCountsMoreThanFits) {
  InFlight in_flight;
  in_flight.Add(Offset(0), Offset(100), 10, kNow);
  in_flight.Ack(Offset(97));
  EXPECT_EQ(in_flight.events(), 3u);
  in_flight.Ack(Offset(90));  // An older ack changes nothing.
  EXPECT_EQ(in_flight.events(), 3u);
}

TEST(InFlightTest, StaysRightInSumBeyondItsBound) {
  InFlight in_flight;
  const uint64_t deliveries = 4 * InFlight::kDeliveriesMax;
  for (uint64_t i = 0; i < deliveries; ++i)
    in_flight.Add(Offset(10 * i), Offset(10 * i + 10), 1, kNow);
  EXPECT_EQ(in_flight.events(), deliveries);
  in_flight.Ack(Offset(10 * deliveries));
  EXPECT_EQ(in_flight.events(), 0u);
}

TEST(InFlightTest, TellsSinceWhenTheOldestIsHeld) {
  InFlight in_flight;
  EXPECT_EQ(in_flight.since(), std::nullopt);
  in_flight.Add(Offset(0), Offset(10), 10, kNow);
  in_flight.Add(Offset(10), Offset(20), 10, kNow + absl::Seconds(3));
  in_flight.Ack(Offset(5));
  EXPECT_EQ(in_flight.since(), kNow);
  in_flight.Ack(Offset(10));
  EXPECT_EQ(in_flight.since(), kNow + absl::Seconds(3));
  in_flight.Ack(Offset(20));
  EXPECT_EQ(in_flight.since(), std::nullopt);
}

}  // namespace
}  // namespace tidemark::groups
