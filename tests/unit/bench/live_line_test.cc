// The line on the terminal.
#include "bench/workload/live_line.h"

#include <gtest/gtest.h>

namespace tidemark::bench {
namespace {

TEST(LiveLineTest, SaysHowFastItGoes) {
  EXPECT_EQ(LiveText("append", 12.4, 1'520'000, 0), "append ... 12 s, 1.52 M events/s");
  EXPECT_EQ(LiveText("replay", 1, 0, 2'000'000'000), "replay ... 1 s, 2000 MB/s");
  EXPECT_EQ(LiveText("idle", 3, 0, 0), "idle ... 3 s");
}

}  // namespace
}  // namespace tidemark::bench
