#include "bench/measure/process_usage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <limits>

namespace tidemark::bench {
namespace {

using ::testing::Optional;

TEST(ProcessUsageTest, AddsUserAndSystemTime) {
  EXPECT_THAT(CpuSecondsOfStat("12 (server) S 1 12 12 0 -1 4194560 9 0 0 0 250 50 0 0 20 0", 100),
              Optional(3.0));
}

TEST(ProcessUsageTest, FindsTheTimesBehindANameWithParenthesesAndBlanks) {
  EXPECT_THAT(CpuSecondsOfStat("12 (a) 7 (b c) R 1 1 1 0 -1 0 9 0 0 0 100 20 0 0 20 0", 100),
              Optional(1.2));
}

TEST(ProcessUsageTest, RefusesTextThatIsNotAStatLine) {
  EXPECT_EQ(CpuSecondsOfStat("", 100), std::nullopt);
  EXPECT_EQ(CpuSecondsOfStat("12 (server) S 1 12", 100), std::nullopt);
}

TEST(ProcessUsageTest, FindsTheValueOfALineByItsWholeName) {
  const char* const text = "VmHWMx:\t1 kB\nVmHWM:\t  5124 kB\nwrite_bytes: 40960\n";
  EXPECT_THAT(ValueOfLine(text, "VmHWM"), Optional(5124u));
  EXPECT_THAT(ValueOfLine(text, "write_bytes"), Optional(40960u));
  EXPECT_EQ(ValueOfLine(text, "bytes"), std::nullopt);
}

TEST(ProcessUsageTest, ReadsItsOwnProcess) {
  const auto usage = ReadProcessUsage(getpid());
  ASSERT_TRUE(usage.ok()) << usage.status();
  EXPECT_GE(usage->cpu_s, 0);
  EXPECT_GT(usage->rss_max_bytes, 1u << 20);
}

TEST(ProcessUsageTest, AddsTheTimeOfChildrenThatEnded) {
  EXPECT_THAT(CpuSecondsOfStat("12 (server) S 1 12 12 0 -1 4194560 9 0 0 0 250 50 30 20 20 0", 100,
                               /*with_ended=*/true),
              Optional(3.5));
}

TEST(ProcessUsageTest, FindsTheParent) {
  EXPECT_THAT(ParentOfStat("12 (a) 7 (b c) R 34 1 1"), Optional(34));
  EXPECT_EQ(ParentOfStat("12 (a"), std::nullopt);
}

// A child that has as much memory as its parent doubles what the tree has.
TEST(ProcessUsageTest, ATreeIsTheProcessAndItsChildren) {
  int until_closed[2];
  ASSERT_EQ(pipe(until_closed), 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte;
    close(until_closed[1]);
    _exit(read(until_closed[0], &byte, 1) == 0 ? 0 : 1);
  }
  const auto own = ReadProcessUsage(getpid());
  const auto of_child = ReadProcessUsage(child);
  const auto tree = ReadTreeUsage(getpid());
  close(until_closed[1]);
  waitpid(child, nullptr, 0);
  ASSERT_TRUE(own.ok() && of_child.ok() && tree.ok());
  EXPECT_GE(tree->rss_max_bytes, own->rss_max_bytes + of_child->rss_max_bytes);
}

TEST(ProcessUsageTest, SaysThatAProcessDoesNotExist) {
  const auto usage = ReadProcessUsage(std::numeric_limits<pid_t>::max());
  EXPECT_EQ(usage.status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace tidemark::bench
