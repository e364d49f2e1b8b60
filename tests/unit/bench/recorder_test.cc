#include "bench/measure/recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/measure/clock.h"
#include "bench/measure/pacer.h"
#include "bench/measure/progress.h"

namespace tidemark::bench {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kStartNs = 1000 * kNsPerSecond;
constexpr int64_t kMs = 1'000'000;

TEST(RecorderTest, LeavesOutWhatEndedBeforeTheStart) {
  Recorder recorder(kStartNs);
  recorder.Complete(kStartNs - 1, kMs, 10, 100);
  EXPECT_EQ(recorder.events(), 0u);
  EXPECT_EQ(recorder.latency().count(), 0u);
  EXPECT_EQ(recorder.EventsPerSecond(), 0);
  EXPECT_EQ(recorder.events_with_warmup(), 10u);  // Its cost is measured all the same.
  EXPECT_EQ(recorder.bytes_with_warmup(), 100u);
}

TEST(RecorderTest, DividesByTheTimeToTheLastCompletion) {
  Recorder recorder(kStartNs);
  recorder.Complete(kStartNs + 500 * kMs, kMs, 10, 1000);
  recorder.Complete(kStartNs + 2000 * kMs, kMs, 30, 3000);
  EXPECT_DOUBLE_EQ(recorder.Seconds(), 2);
  EXPECT_DOUBLE_EQ(recorder.EventsPerSecond(), 20);
  EXPECT_DOUBLE_EQ(recorder.BytesPerSecond(), 2000);
  EXPECT_DOUBLE_EQ(recorder.CompletionsPerSecond(), 1);
}

TEST(RecorderTest, CountsEventsInTheSecondTheyEndedIn) {
  Recorder recorder(kStartNs);
  recorder.Complete(kStartNs, kMs, 1, 0);
  recorder.Complete(kStartNs + 999 * kMs, kMs, 2, 0);
  recorder.Complete(kStartNs + 2000 * kMs, kMs, 4, 0);
  EXPECT_THAT(recorder.events_by_second(), ElementsAre(3, 0, 4));
}

TEST(RecorderTest, MergesSeriesOfDifferentLengths) {
  Recorder one(kStartNs);
  one.Complete(kStartNs + 100 * kMs, 1 * kMs, 1, 10);
  Recorder two(kStartNs);
  two.Complete(kStartNs + 1100 * kMs, 3 * kMs, 2, 20);
  one.Merge(two);
  EXPECT_THAT(one.events_by_second(), ElementsAre(1, 2));
  EXPECT_EQ(one.events(), 3u);
  EXPECT_EQ(one.bytes(), 30u);
  EXPECT_EQ(one.latency().max(), 3 * kMs);
  EXPECT_DOUBLE_EQ(one.Seconds(), 1.1);
}

TEST(RecorderTest, CountsAsProgressOnlyWhatIsShown) {
  const uint64_t before = Progress::OfProcess().events();
  Recorder(kStartNs).Complete(kStartNs, kMs, 10, 100);
  Recorder(kStartNs, /*shown=*/false).Complete(kStartNs, kMs, 10, 100);
  EXPECT_EQ(Progress::OfProcess().events(), before + 10);
}

TEST(PacerTest, IntendedTimesDoNotMoveWithDelays) {
  const int64_t start_ns = NowNs() - kNsPerSecond;  // A second late already.
  const Pacer pacer(start_ns, /*per_second=*/1000);
  EXPECT_EQ(pacer.IntendedNs(3), start_ns + 3'000'000);
  EXPECT_EQ(pacer.Await(500), start_ns + 500'000'000);
  EXPECT_EQ(pacer.Await(1010), start_ns + 1'010'000'000);
  EXPECT_GE(NowNs(), start_ns + 1'010'000'000);
}

}  // namespace
}  // namespace tidemark::bench
