// What a comparison with other systems says.
#include "bench/workload/peers_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidemark::bench {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

Result Rate(const std::string& name, double value) {
  Result result = {.name = name, .value = value, .unit = "events/s", .events = 2'000'000};
  result.durability = "fsync before ack";
  result.cost = Cost{.events = 2'000'000,
                     .client_cpu_s = 1,
                     .server_cpu_s = 3,
                     .server_rss_max_bytes = 100u << 20,
                     .server_write_bytes = 500'000'000};
  return result;
}

Result Tail(const std::string& name, double p99_us) {
  return {.name = name, .unit = "us", .percentiles = Percentiles{.p50_us = 1, .p99_us = p99_us}};
}

std::vector<Result> TidemarkAndOne(const std::string& peer, double append, double replay,
                                   double p99_us) {
  return {Rate("Tidemark, fsync: append", 1'000'000),
          Rate("Tidemark, fsync: replay", 3'000'000),
          Tail("Tidemark, fsync: tail", 1000),
          Rate(peer + ": append", append),
          Rate(peer + ": replay", replay),
          Tail(peer + ": tail", p99_us)};
}

TEST(PeersReportTest, GivesTidemarksFactorForEachWork) {
  const std::string tables = PeerTables(TidemarkAndOne("Other, default", 250'000, 2'000'000, 1500));
  EXPECT_THAT(tables,
              AllOf(HasSubstr("4.00"), HasSubstr("1.50"), HasSubstr("Tidemark wins every row.")));
}

TEST(PeersReportTest, SaysWhereTidemarkLoses) {
  const std::string tables = PeerTables(TidemarkAndOne("Other, default", 2'000'000, 1, 500));
  EXPECT_THAT(tables, HasSubstr("Tidemark loses to: append of Other, default (0.50); tail p99 of "
                                "Other, default (0.50)."));
}

TEST(PeersReportTest, GivesTheCostOfAMillionEvents) {
  const std::string tables = PeerTables({Rate("Tidemark, fsync: append", 1)});
  EXPECT_THAT(tables, AllOf(HasSubstr("1.50"), HasSubstr("0.50"), HasSubstr("250.00")));
}

TEST(PeersReportTest, IsEmptyWithoutASystem) { EXPECT_THAT(PeerTables({}), IsEmpty()); }

TEST(PeersReportTest, JudgesPeersWithoutTheirFsyncOnly) {
  const auto goals = PeerGoals(TidemarkAndOne("Kafka, default", 500'000, 1, 1));
  ASSERT_THAT(goals, SizeIs(1));
  EXPECT_EQ(goals[0].goal, 1);
  EXPECT_DOUBLE_EQ(goals[0].value, 2);
  EXPECT_TRUE(goals[0].Holds());
  EXPECT_THAT(PeerGoals(TidemarkAndOne("Kafka, fsync", 500'000, 1, 1)), IsEmpty());
}

TEST(PeersReportTest, ClaimsNoVictoryOverNobody) {
  EXPECT_THAT(PeerTables({Rate("Tidemark, fsync: append", 1'000'000)}),
              AllOf(HasSubstr("No other system"), Not(HasSubstr("wins"))));
}

TEST(PeersReportTest, JudgesReplayBesideJetStream) {
  const auto goals = PeerGoals(TidemarkAndOne("NATS JetStream, default", 1'000'000, 750'000, 1));
  ASSERT_THAT(goals, SizeIs(2));
  EXPECT_FALSE(goals[0].Holds());
  EXPECT_EQ(goals[1].goal, 3);
  EXPECT_DOUBLE_EQ(goals[1].value, 4);
}

}  // namespace
}  // namespace tidemark::bench
