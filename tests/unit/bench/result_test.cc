#include "bench/measure/result.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bench/measure/goals.h"
#include "bench/measure/table.h"

namespace tidemark::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;

Result AppendResult() {
  return {.name = "append",
          .value = 500'000,
          .unit = "events/s",
          .seconds = 2,
          .events = 1'000'000,
          .bytes = 140'000'000,
          .durability = kFsyncBeforeAck,
          .stores = true,
          .cost = Cost{.events = 1'000'000,
                       .bytes = 140'000'000,
                       .client_cpu_s = 1,
                       .server_cpu_s = 2,
                       .server_write_bytes = 294'000'000}};
}

TEST(ResultTest, NamesItsBaselineAndTheRatioToIt) {
  Result result = AppendResult();
  CompareTo({.name = "RocksDB", .value = 1'000'000, .unit = "events/s"}, result);
  EXPECT_EQ(result.baseline, "RocksDB");
  EXPECT_THAT(result.ratio, Optional(0.5));
}

TEST(ResultDeathTest, RefusesARatioOfTwoUnits) {
  Result result = AppendResult();
  EXPECT_DEATH(CompareTo({.name = "disk", .value = 1, .unit = "MB/s"}, result), "");
}

TEST(ResultTest, CountsDiskBytesForEachStoredByte) {
  EXPECT_THAT(DiskBytesPerStoredByte(AppendResult()), Optional(2.1));
  Result replay = AppendResult();
  replay.stores = false;
  EXPECT_EQ(DiskBytesPerStoredByte(replay), std::nullopt);
}

TEST(ResultTest, IsOneLineOfJson) {
  Histogram histogram;
  for (int64_t us = 1; us <= 100; ++us) histogram.Record(us * 1000);
  Result result = AppendResult();
  result.percentiles = PercentilesOf(histogram);
  result.events_by_second = {400'000, 600'000};
  result.config = {{"partitions", 8}};
  const std::string line = ToJsonLine(result);
  EXPECT_THAT(line, Not(HasSubstr("\n")));
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["name"], "append");
  EXPECT_EQ(json["value"], 500'000);
  EXPECT_EQ(json["unit"], "events/s");
  EXPECT_EQ(json["mb_per_s"], 70);
  EXPECT_EQ(json["durability"], kFsyncBeforeAck);
  EXPECT_NEAR(json["latency_us"]["p50"], 50, 0.05);
  EXPECT_NEAR(json["latency_us"]["max"], 100, 0.05);
  EXPECT_EQ(json["events_by_second"], nlohmann::json({400'000, 600'000}));
  EXPECT_EQ(json["config"]["partitions"], 8);
  EXPECT_NEAR(json["disk_bytes_per_stored_byte"], 2.1, 1e-9);
}

TEST(GoalCheckTest, HoldsOnTheRightSideOfItsTarget) {
  GoalCheck check = {.goal = 1, .name = "n", .value = 0.85, .target = 0.85};
  EXPECT_TRUE(check.Holds());
  check.value = 0.84;
  EXPECT_FALSE(check.Holds());
  check.sense = GoalSense::kAtMost;
  EXPECT_TRUE(check.Holds());
}

TEST(GoalCheckTest, IsOneLineOfJsonWithExactlyItsFiveFields) {
  EXPECT_EQ(ToJsonLine({.goal = 8,
                        .name = "n",
                        .value = 3,
                        .target = 2.5,
                        .sense = GoalSense::kAtMost,
                        .unit = "x"}),
            R"({"goal":8,"name":"n","value":3.0,"target":2.5,"holds":false})");
}

TEST(GoalCheckTest, NamesTheUnitOfWhatIsNoRatio) {
  const auto json = nlohmann::json::parse(ToJsonLine({.goal = 7, .name = "memory", .unit = "MiB"}));
  EXPECT_EQ(json["name"], "memory, MiB");
}

TEST(GoalCheckTest, IsSortedByTheGoalAndKeepsTheOrderOfItsClauses) {
  std::vector<GoalCheck> checks = {{.goal = 7, .name = "a"},
                                   {.goal = 1, .name = "b"},
                                   {.goal = 7, .name = "c"},
                                   {.goal = 1, .name = "d"}};
  SortByGoal(checks);
  std::string order;
  for (const GoalCheck& check : checks) order += check.name;
  EXPECT_EQ(order, "bdac");
}

TEST(TableTest, WritesNumbersWithThreeDigits) {
  EXPECT_EQ(HumanNumber(1.234), "1.23");
  EXPECT_EQ(HumanNumber(12.34), "12.3");
  EXPECT_EQ(HumanNumber(1234), "1234");
  EXPECT_EQ(HumanNumber(12'340), "12.3 k");
  EXPECT_EQ(HumanNumber(1'234'000), "1.23 M");
  EXPECT_EQ(HumanMicroseconds(999), "999 us");
  EXPECT_EQ(HumanMicroseconds(12'340), "12.3 ms");
  EXPECT_EQ(HumanMicroseconds(1'234'000), "1.23 s");
}

TEST(TableTest, HasThePercentilesUpToTheMaximum) {
  Result result = AppendResult();
  result.percentiles = Percentiles{
      .p50_us = 1, .p90_us = 2, .p99_us = 3, .p99_9_us = 4, .p99_99_us = 5, .max_us = 6};
  EXPECT_THAT(ResultTable({result}),
              HasSubstr("1.00 us  2.00 us  3.00 us  4.00 us  5.00 us  6.00 us"));
}

TEST(TableTest, GivesLatenciesThatAreValuesInAReadableUnit) {
  EXPECT_THAT(ResultTable({{.name = "tail", .value = 81'500, .unit = "us"}}), HasSubstr("81.5 ms"));
}

TEST(TableTest, GivesMemoryAndDiskBytesOfWhatHasCosts) {
  EXPECT_EQ(ResultCostTable({{.name = "disk"}}), "");
  Result result = AppendResult();
  result.cost->client_rss_max_bytes = 3 << 20;
  result.cost->server_rss_max_bytes = 234 << 20;
  const std::string table = ResultCostTable({result});
  for (const char* figure : {" 3 MiB", " 234 MiB", " 2.10\n"}) {
    EXPECT_THAT(table, HasSubstr(figure));
  }
}

TEST(TableTest, GivesCpuForAnEventOrForAByte) {
  EXPECT_THAT(ResultCostTable({AppendResult()}), HasSubstr("1.00 us/ev  2.00 us/ev"));
  Result replay = AppendResult();
  replay.unit = "MB/s";
  replay.cost->bytes = 1'000'000'000;
  EXPECT_THAT(ResultCostTable({replay}), HasSubstr("1.00 ns/B   2.00 ns/B"));
}

TEST(TableTest, ShowsWhichGoalsDoNotHold) {
  const std::string table = GoalTable({{.goal = 1, .name = "good", .value = 1, .target = 0.5},
                                       {.goal = 2, .name = "bad", .value = 0.1, .target = 0.5}});
  EXPECT_THAT(table, HasSubstr("1. good"));
  EXPECT_THAT(table, HasSubstr("yes\n"));
  EXPECT_THAT(table, HasSubstr("NO\n"));
}

}  // namespace
}  // namespace tidemark::bench
