// What a data file says of itself, and what it is worth: the runs of logs, and the filter.
#include "server/storage/log_runs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/storage/garbage_filter.h"
#include "server/storage/log_starts.h"
#include "tests/support/random.h"

namespace tidemark::storage {
namespace {

using ::testing::ElementsAre;

TEST(LogRunsTest, JoinsTheBatchesOfALogInAnEpoch) {
  RunBuilder runs;
  runs.Add({Epoch(1), LogId(1), Offset(10)}, 100);
  runs.Add({Epoch(1), LogId(1), Offset(20)}, 50);
  runs.Add({Epoch(1), LogId(7), Offset(0)}, 30);
  runs.Add({Epoch(2), LogId(7), Offset(5)}, 1);
  EXPECT_THAT(runs.runs(), ElementsAre(LogRun{LogId(1), Offset(10), Offset(20), 150},
                                       LogRun{LogId(7), Offset(0), Offset(0), 30},
                                       LogRun{LogId(7), Offset(5), Offset(5), 1}));
}

TEST(LogRunsTest, RoundTripsAndRefusesWhatIsCut) {
  testing::Random random(testing::SeedOr(1));
  for (int i = 0; i < 200; ++i) {
    std::vector<LogRun> runs;
    for (uint64_t n = random.Below(5); n > 0; --n) {
      const Offset first(random.Below(UINT64_MAX) >> random.Below(64));
      runs.push_back({.log = LogId(static_cast<uint32_t>(random.Below(UINT32_MAX))),
                      .first_base = first,
                      .last_base = first + random.Below(UINT64_MAX - first.value()),
                      .bytes = random.Below(UINT64_MAX) >> random.Below(64)});
    }
    const std::string bytes = EncodeRuns(runs);
    ASSERT_EQ(DecodeRuns(bytes), runs) << i;
    for (size_t cut = 1; cut < bytes.size(); ++cut) {
      const auto read = DecodeRuns(bytes.substr(0, bytes.size() - cut));
      EXPECT_TRUE(!read.has_value() || read->size() < runs.size()) << i << " " << cut;
    }
  }
  EXPECT_EQ(DecodeRuns(std::string(40, '\xff')), std::nullopt);
}

TEST(LogStartsTest, NeverFall) {
  LogStarts starts;
  EXPECT_TRUE(starts.empty());
  EXPECT_EQ(starts.StartOf(LogId(1)), Offset(0));
  starts.Raise(LogId(1), Offset(5));
  starts.Raise(LogId(1), Offset(3));
  EXPECT_EQ(starts.StartOf(LogId(1)), Offset(5));
  starts.Delete(LogId(1), 2);
  EXPECT_EQ(starts.StartOf(LogId(2)), LogStarts::kAll);
  starts.Raise(LogId(1), Offset(9));
  EXPECT_EQ(starts.StartOf(LogId(1)), LogStarts::kAll);
  starts.Forget(LogId(1), 2);
  EXPECT_TRUE(starts.empty());
}

TEST(GarbageFilterTest, LeavesOutWhatIsBelowTheStartOfItsLog) {
  const auto starts = std::make_shared<LogStarts>();
  starts->Raise(LogId(2), Offset(10));
  starts->Delete(LogId(3), 1);
  const auto filter = MakeGarbageFilter(starts, PlaceOfDataKey)->CreateCompactionFilter({});
  const auto dropped = [&](const std::string& key) {
    return filter->Filter(1, key, "value", nullptr, nullptr);
  };
  EXPECT_FALSE(dropped(DataKey(Epoch(1), LogId(1), Offset(0))));
  EXPECT_TRUE(dropped(DataKey(Epoch(1), LogId(2), Offset(9))));
  EXPECT_FALSE(dropped(DataKey(Epoch(1), LogId(2), Offset(10))));
  EXPECT_TRUE(dropped(DataKey(Epoch(1), LogId(3), Offset(UINT64_MAX - 1))));
  EXPECT_FALSE(dropped(DataKey(Epoch(2), LogId(4), Offset(1))));
  EXPECT_FALSE(dropped("short"));
}

}  // namespace
}  // namespace tidemark::storage
