#include "server/log/compactor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/unit/log/log_fixture.h"

namespace tidemark::log {
namespace {

using ::testing::ElementsAre;

class CompactorTest : public LogFixture {
 protected:
  static testing::TestEvent Event(const std::string& key, const std::string& data,
                                  const std::string& type = "price") {
    return {.id = absl::StrCat("id-", data), .type = type, .key = key, .data = data};
  }
  void Append(const TopicPtr& topic, std::vector<testing::TestEvent> events) {
    ASSERT_TRUE(harness_.Append(topic, 0, std::move(events)).ok());
  }
  void Compact(const TopicPtr& topic) {
    const absl::Status status = log().compactor().Compact(*topic);
    EXPECT_TRUE(status.ok()) << status;
  }
  TopicPtr MakeCompact() { return MakeTopic("prices", {.compact = true}); }
};

TEST_F(CompactorTest, KeepsTheNewestEventOfEachKeyAndThoseWithoutKey) {
  const TopicPtr topic = MakeCompact();
  Append(topic, {Event("a", "a0"), Event("b", "b0"), Event("", "none"), Event("a", "a1")});
  Append(topic, {Event("c", "c0"), Event("a", "a2")});
  Compact(topic);
  EXPECT_THAT(DataOf(topic), ElementsAre("-", "b0", "none", "-", "c0", "a2"));
  Append(topic, {Event("b", ""), Event("c", "c1")});
  Compact(topic);
  const auto left = ElementsAre("-", "-", "none", "-", "-", "a2", "", "c1");
  EXPECT_THAT(DataOf(topic), left);
  Reopen();
  EXPECT_THAT(DataOf(log().catalog().Find("prices")), left);
}

TEST_F(CompactorTest, LeavesRevisionsAndCountsWhatIsLeftOfTypes) {
  const TopicPtr topic = MakeCompact();
  Append(topic, {Event("a", "a0"), Event("a", "a1", "other"), Event("a", "a2")});
  Compact(topic);
  const auto figures = log().index().FindKey(*Open(topic, 0), "a");
  ASSERT_TRUE(figures.ok() && figures->has_value());
  EXPECT_EQ((*figures)->events, 3);
  EXPECT_EQ((*figures)->first, Offset(2));
  const absl::StatusOr<TypeTable> types = log().ListTypes(*topic, "", 10);
  ASSERT_TRUE(types.ok());
  ASSERT_EQ(types->size(), 1);
  EXPECT_EQ(types->at("price").count, 1);
}

TEST_F(CompactorTest, BeginsOnceEnoughCameOrAnHourLater) {
  const TopicPtr topic = MakeCompact();
  Append(topic, {Event("a", "a0"), Event("a", "a1")});
  log().compactor().Step();
  EXPECT_THAT(DataOf(topic), ElementsAre("a0", "a1"));
  harness_.clock().Advance(Compactor::kPauseMax);
  log().compactor().Step();
  EXPECT_THAT(DataOf(topic), ElementsAre("-", "a1"));
  Append(topic, std::vector<testing::TestEvent>(Compactor::kDirtyMin, Event("a", "more")));
  log().compactor().Step();
  EXPECT_EQ(DataOf(topic).at(1), "-");
}

// What a batch was before is garbage of its file, and that is cleared.
TEST_F(CompactorTest, GivesTheSpaceBack) {
  harness_.Close();
  harness_.options().store.epoch_bytes = 64 << 10;
  LogFixture::Open();
  const TopicPtr topic = MakeCompact();
  const auto bytes = [&] {
    uint64_t sum = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
      if (entry.path().extension() == ".sst") sum += entry.file_size();
    }
    return sum;
  };
  for (int i = 0; i < 64; ++i) Append(topic, {Event("a", std::string(16 << 10, 'x'))});
  Append(topic, {Event("a", "newest")});
  Compact(topic);
  Reopen();  // Everything is in files now.
  log().reclaimer().WaitUntilIdle();
  Reopen();  // What was rewritten is deleted by now.
  EXPECT_LT(bytes(), 512 << 10);
  EXPECT_EQ(DataOf(log().catalog().Find("prices")).at(64), "newest");
}

}  // namespace
}  // namespace tidemark::log
