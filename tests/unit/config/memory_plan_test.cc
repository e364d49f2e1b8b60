#include "server/config/memory_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tidemark::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

uint64_t SumOf(const Settings& settings) { return MemorySum(MemoryPlan(settings)); }

TEST(MemoryPlanTest, TheDefaultsFitIntoTheDefaultLimit) {
  EXPECT_TRUE(CheckMemory(Settings{}, "default").ok());
  EXPECT_EQ(Settings{}.memory_limit, 512 * kMiB);
}

// Whoever raises a setting that costs memory sees it in the sum.
TEST(MemoryPlanTest, CountsEverySettingThatCostsMemory) {
  for (uint64_t Settings::*setting :
       {&Settings::queue_bytes_max, &Settings::commit_bytes_max, &Settings::tail_bytes_max,
        &Settings::index_open_bytes_max, &Settings::send_bytes_max, &Settings::block_cache_bytes,
        &Settings::write_buffer_bytes}) {
    Settings more;
    more.*setting += kMiB;
    EXPECT_GT(SumOf(more), SumOf(Settings{}));
  }
  Settings more;
  more.partitions_cached_max += 1000;
  EXPECT_GT(SumOf(more), SumOf(Settings{}) + 1000 * 1000);
}

TEST(MemoryPlanTest, RefusesPartsThatDoNotFitAndShowsThem) {
  Settings settings;
  settings.queue_bytes_max = 300 * kMiB;
  const absl::Status status = CheckMemory(settings, "flag --memory-limit");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("memory_limit = 512MiB (flag --memory-limit)"),
                    HasSubstr("300.0 MiB  queue        queue_bytes_max"), HasSubstr("sum"),
                    HasSubstr("Raise memory_limit")));
  settings.memory_limit = kGiB;
  EXPECT_TRUE(CheckMemory(settings, "default").ok());
}

TEST(MemoryPlanTest, TheSmallServerOfTheDocumentationFits) {
  Settings settings;
  settings.memory_limit = 384 * kMiB;
  EXPECT_FALSE(CheckMemory(settings, "default").ok());
  settings.write_buffer_bytes = 16 * kMiB;
  settings.queue_bytes_max = 16 * kMiB;
  settings.commit_bytes_max = 2 * kMiB;
  settings.tail_bytes_max = 16 * kMiB;
  settings.block_cache_bytes = 8 * kMiB;
  EXPECT_TRUE(CheckMemory(settings, "default").ok());
}

TEST(MemoryPlanTest, AllowsExactlyTheSum) {
  Settings settings;
  settings.memory_limit = SumOf(settings);
  EXPECT_TRUE(CheckMemory(settings, "default").ok());
  --settings.memory_limit;
  EXPECT_FALSE(CheckMemory(settings, "default").ok());
}

TEST(MemoryPlanTest, ASumBeyondEveryNumberIsAboveEveryLimit) {
  Settings settings;
  settings.queue_bytes_max = UINT64_MAX - 1;
  settings.tail_bytes_max = UINT64_MAX - 1;
  settings.memory_limit = UINT64_MAX - 1;
  EXPECT_FALSE(CheckMemory(settings, "default").ok());
}

TEST(MemoryPlanTest, TheTableEndsWithTheSum) {
  const std::string table =
      MemoryTable({{"queue", "queue_bytes_max", 3 * kMiB}, {"tail", "tail_bytes_max", kMiB / 2}});
  EXPECT_EQ(table,
            "     3.0 MiB  queue        queue_bytes_max\n"
            "     0.5 MiB  tail         tail_bytes_max\n"
            "     3.5 MiB  sum\n");
}

}  // namespace
}  // namespace tidemark::config
