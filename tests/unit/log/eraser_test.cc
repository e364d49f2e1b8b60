#include "server/log/eraser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/log/erasure_receipt.h"
#include "tests/support/files_with.h"
#include "tests/unit/log/log_fixture.h"

namespace tidemark::log {
namespace {

using storage::ErasureState;
using ::testing::ElementsAre;
using testing::FilesWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class EraserTest : public LogFixture {
 protected:
  static testing::TestEvent Event(const std::string& key, const std::string& data,
                                  const std::string& type = "employee.created") {
    return {.id = absl::StrCat("id-", data), .type = type, .key = key, .data = data};
  }
  void Append(const TopicPtr& topic, uint32_t partition, std::vector<testing::TestEvent> events) {
    ASSERT_TRUE(harness_.Append(topic, partition, std::move(events)).ok());
    harness_.clock().Advance(absl::Seconds(1));
  }
  ErasureAnswer Erase(ErasureRequest request) {
    if (request.reason.empty()) request.reason = "asked for";
    if (request.actor.empty()) request.actor = "dpo";
    absl::StatusOr<ErasureAnswer> answer = log().eraser().Erase(request);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? *answer : ErasureAnswer{};
  }
  static storage::ErasureRecord::Span Span(uint32_t partition, uint64_t from, uint64_t until) {
    return {.partition = PartitionIndex(partition), .offsets = {Offset(from), Offset(until)}};
  }
  // "type count" of each type.
  std::vector<std::string> TypesOf(const TopicPtr& topic) {
    const absl::StatusOr<TypeTable> types = log().ListTypes(*topic, "", 100);
    EXPECT_TRUE(types.ok()) << types.status();
    std::vector<std::string> counts;
    if (!types.ok()) return counts;
    for (const auto& [type, figures] : *types) {
      counts.push_back(absl::StrCat(type, " ", figures.count));
    }
    return counts;
  }
  std::optional<KeyFigures> KeyOf(const TopicPtr& topic, uint32_t partition,
                                  const std::string& key) {
    const auto figures = log().index().FindKey(*Open(topic, partition), key);
    EXPECT_TRUE(figures.ok()) << figures.status();
    return figures.ok() ? *figures : std::nullopt;
  }
  ErasureView ViewOf(uint64_t id) {
    const auto views = log().eraser().List(id - 1, 1);
    EXPECT_TRUE(views.ok()) << views.status();
    return views.ok() && !views->empty() ? views->front() : ErasureView{};
  }
  void Complete() { log().eraser().WaitUntilIdle(); }
};

TEST_F(EraserTest, TakesTheEventsOfAKeyAtOnce) {
  const TopicPtr topic = MakeTopic("hr", {.partitions = 2});
  Append(topic, 0, {Event("ann", "a0"), Event("bob", "b0"), Event("ann", "a1")});
  Append(topic, 1, {Event("ann", "a2"), Event("bob", "b1")});
  const ErasureAnswer answer = Erase({.topic = topic, .key = "ann"});
  EXPECT_EQ(answer.events, 3);
  EXPECT_EQ(answer.id, 1);
  EXPECT_THAT(DataOf(topic, 0), ElementsAre("-", "b0", "-"));
  EXPECT_THAT(DataOf(topic, 1), ElementsAre("-", "b1"));
  EXPECT_THAT(TypesOf(topic), ElementsAre("employee.created 2"));
}

TEST_F(EraserTest, TakesOnlyTheTypesThatAreNamed) {
  const TopicPtr topic = MakeTopic("hr");
  Append(topic, 0, {Event("ann", "a0"), Event("ann", "a1", "address.changed")});
  Append(topic, 0, {Event("ann", "a2", "address.changed"), Event("bob", "b0", "address.changed")});
  EXPECT_EQ(Erase({.topic = topic, .key = "ann", .types = {"address.changed"}}).events, 2);
  EXPECT_THAT(DataOf(topic, 0), ElementsAre("a0", "-", "-", "b0"));
  EXPECT_THAT(TypesOf(topic), ElementsAre("address.changed 1", "employee.created 1"));
}

TEST_F(EraserTest, TakesOffsets) {
  const TopicPtr topic = MakeTopic("hr");
  Append(topic, 0, {Event("a", "0"), Event("b", "1"), Event("", "2")});
  Append(topic, 0, {Event("a", "3"), Event("b", "4")});
  EXPECT_EQ(Erase({.topic = topic, .span = Span(0, 1, 4)}).events, 3);
  EXPECT_THAT(DataOf(topic, 0), ElementsAre("0", "-", "-", "-", "4"));
}

TEST_F(EraserTest, OnlyCountsInADryRun) {
  const TopicPtr topic = MakeTopic("hr");
  Append(topic, 0, {Event("ann", "a0"), Event("bob", "b0")});
  const ErasureAnswer answer = Erase({.topic = topic, .key = "ann", .dry_run = true});
  EXPECT_EQ(answer.events, 1);
  EXPECT_FALSE(answer.id.has_value());
  EXPECT_THAT(DataOf(topic, 0), ElementsAre("a0", "b0"));
  EXPECT_EQ(log().catalog().Find(kReceiptsTopic), nullptr);
}

TEST_F(EraserTest, HasNothingToDoTwice) {
  const TopicPtr topic = MakeTopic("hr");
  Append(topic, 0, {Event("ann", "a0")});
  EXPECT_EQ(Erase({.topic = topic, .key = "ann"}).events, 1);
  const ErasureAnswer again = Erase({.topic = topic, .key = "ann"});
  EXPECT_EQ(again.events, 0);
  EXPECT_FALSE(again.id.has_value());
}

TEST_F(EraserTest, KeepsRevisionsOfLaterEvents) {
  const TopicPtr topic = MakeTopic("hr");
  Append(topic, 0, {Event("ann", "a0"), Event("ann", "a1"), Event("bob", "b0")});
  Erase({.topic = topic, .key = "ann"});
  Append(topic, 0, {Event("ann", "a2")});
  const std::optional<KeyFigures> figures = KeyOf(topic, 0, "ann");
  ASSERT_TRUE(figures.has_value());
  EXPECT_EQ(figures->events, 3);
  EXPECT_EQ(figures->first, Offset(3));
  EXPECT_EQ(figures->last, Offset(3));
  Complete();
  Reopen();
  EXPECT_EQ(KeyOf(log().catalog().Find("hr"), 0, "ann")->events, 3);
}

TEST_F(EraserTest, KeepsTheCountOfAKeyOfWhichAPartIsErased) {
  const TopicPtr topic = MakeTopic("hr");
  Append(topic, 0, {Event("ann", "a0"), Event("ann", "a1"), Event("ann", "a2")});
  Erase({.topic = topic, .span = Span(0, 0, 1)});
  std::optional<KeyFigures> figures = KeyOf(topic, 0, "ann");
  ASSERT_TRUE(figures.has_value());
  EXPECT_EQ(figures->events, 3);
  EXPECT_EQ(figures->first, Offset(1));
  Erase({.topic = topic, .span = Span(0, 2, 3)});
  figures = KeyOf(topic, 0, "ann");
  EXPECT_EQ(figures->events, 3);
  EXPECT_EQ(figures->first, Offset(1));
}

TEST_F(EraserTest, LeavesAReceipt) {
  const TopicPtr topic = MakeTopic("hr");
  Append(topic, 0, {Event("ann-secret", "a0")});
  Erase({.topic = topic, .key = "ann-secret", .reason = "art. 17", .actor = "dpo"});
  Complete();
  const TopicPtr receipts = log().catalog().Find(kReceiptsTopic);
  ASSERT_NE(receipts, nullptr);
  const auto events = harness_.ReadAll(*receipts, 0);
  ASSERT_TRUE(events.ok());
  ASSERT_EQ(events->size(), 2);
  EXPECT_EQ((*events)[0].event.type, kErasureRequested);
  EXPECT_EQ((*events)[1].event.type, kErasureCompleted);
  for (const testing::ReadEvent& event : *events) {
    EXPECT_EQ(event.event.key, "hr");
    EXPECT_THAT(event.event.data, HasSubstr("\"reason\":\"art. 17\""));
    EXPECT_THAT(event.event.data, HasSubstr("\"actor\":\"dpo\""));
    EXPECT_THAT(event.event.data, HasSubstr("\"events\":1"));
    EXPECT_THAT(event.event.data, ::testing::Not(HasSubstr("ann-secret")));
  }
}

TEST_F(EraserTest, RefusesOffsetsThatAreNotThere) {
  const TopicPtr topic = MakeTopic("hr");
  Append(topic, 0, {Event("ann", "a0")});
  for (const auto& span : {Span(0, 0, 2), Span(1, 0, 1)}) {
    const auto answer =
        log().eraser().Erase({.topic = topic, .span = span, .reason = "r", .actor = "a"});
    EXPECT_TRUE(absl::IsOutOfRange(answer.status())) << answer.status();
  }
  EXPECT_THAT(DataOf(topic, 0), ElementsAre("a0"));
}

// What complete means. The events lie in the tail, in memtables, in files of several epochs and in
// the write-ahead log; the key in the index, too.
TEST_F(EraserTest, LeavesNoByteInAnyFileWhenItIsComplete) {
  for (const storage::Compression compression :
       {storage::Compression::kNone, storage::Compression::kZstd}) {
    const std::string name = absl::StrCat("hr", static_cast<int>(compression));
    const TopicPtr topic = MakeTopic(name, {.compression = compression});
    const std::string key = absl::StrCat("key-of-ann-", name);
    for (int i = 0; i < 12; ++i) {
      Append(topic, 0,
             {Event(absl::StrCat("key-of-bob-", name), absl::StrCat("bob-data-", i)),
              Event(key, absl::StrCat("payload-of-ann-", name, "-", i)), Event("", "none")});
      if (i % 4 == 3) {
        harness_.store().EndEpoch();
        ASSERT_TRUE(log().sealer().SealBefore(Open(topic, 0), EndOf(topic, 0)).ok());
      }
    }
    // What is kept for retries names no key.
    AppendRequest request = testing::MakeRequest(topic, {{0, {Event("", "none")}}},
                                                 ProducerSequence{.id = name, .sequence = 1});
    request.conditions = {{.topic = topic, .partition = PartitionIndex(0), .key = key}};
    ASSERT_TRUE(harness_.Append(std::move(request)).ok());
    ASSERT_THAT(FilesWith(dir_.path(), key), ::testing::Not(IsEmpty()));
    const ErasureAnswer answer = Erase({.topic = topic, .key = key});
    EXPECT_EQ(answer.events, 12);
    Complete();
    EXPECT_EQ(ViewOf(*answer.id).record.state, ErasureState::kComplete);
    EXPECT_THAT(FilesWith(dir_.path(), key), IsEmpty());
    EXPECT_THAT(FilesWith(dir_.path(), absl::StrCat("payload-of-ann-", name)), IsEmpty());
  }
  Reopen();
  const std::vector<std::string> data = DataOf(log().catalog().Find("hr0"), 0);
  ASSERT_EQ(data.size(), 37);
  EXPECT_EQ(data[0], "bob-data-0");
  EXPECT_EQ(data[1], "-");
  EXPECT_EQ(data[33], "bob-data-11");
}

// A key of which retention has passed everything is still in the index and in garbage.
TEST_F(EraserTest, TakesAKeyThatRetentionHasPassed) {
  const TopicPtr topic = MakeTopic("hr", {.retention_max_age_us = 60'000'000});
  Append(topic, 0, {Event("key-of-ann", "payload-of-ann")});
  harness_.clock().Advance(absl::Seconds(100));
  Append(topic, 0, {Event("bob", "b0")});
  EXPECT_EQ(Open(topic, 0)->ends().start, Offset(1));
  const ErasureAnswer answer = Erase({.topic = topic, .key = "key-of-ann"});
  EXPECT_EQ(answer.events, 0);
  ASSERT_TRUE(answer.id.has_value());
  Complete();
  EXPECT_THAT(FilesWith(dir_.path(), "key-of-ann"), IsEmpty());
  EXPECT_THAT(FilesWith(dir_.path(), "payload-of-ann"), IsEmpty());
  EXPECT_THAT(DataOf(topic, 0), ElementsAre("b0"));
}

TEST_F(EraserTest, GoesOnAfterAStart) {
  const TopicPtr topic = MakeTopic("hr");
  Append(topic, 0, {Event("key-of-ann", "payload-of-ann"), Event("bob", "b0")});
  log().eraser().SetForget(  // It cannot go on.
      [](LogId, const OffsetRanges&) { return absl::UnavailableError("a dead letter is held"); });
  const ErasureAnswer answer = Erase({.topic = topic, .key = "key-of-ann"});
  Complete();
  EXPECT_EQ(ViewOf(*answer.id).record.state, ErasureState::kRewriting);
  EXPECT_THAT(ViewOf(*answer.id).problem, HasSubstr("dead letter"));
  Reopen();
  EXPECT_THAT(DataOf(log().catalog().Find("hr"), 0), ElementsAre("-", "b0"));
  Complete();
  EXPECT_EQ(ViewOf(*answer.id).record.state, ErasureState::kComplete);
  EXPECT_THAT(FilesWith(dir_.path(), "payload-of-ann"), IsEmpty());
  EXPECT_THAT(DataOf(log().catalog().Find("hr"), 0), ElementsAre("-", "b0"));
}

TEST_F(EraserTest, TakesMoreOfABatchLater) {
  const TopicPtr topic = MakeTopic("hr");
  Append(topic, 0, {Event("a", "a0"), Event("b", "b0"), Event("c", "c0")});
  Erase({.topic = topic, .key = "a"});
  Complete();
  Erase({.topic = topic, .key = "c"});
  EXPECT_THAT(DataOf(topic, 0), ElementsAre("-", "b0", "-"));
  Complete();
  Reopen();
  EXPECT_THAT(DataOf(log().catalog().Find("hr"), 0), ElementsAre("-", "b0", "-"));
  EXPECT_THAT(FilesWith(dir_.path(), "id-a0"), IsEmpty());
  EXPECT_THAT(FilesWith(dir_.path(), "id-c0"), IsEmpty());
}

// A deleted topic's bytes go, whatever its batches were before.
TEST_F(EraserTest, LeavesNothingOfATopicThatIsDeletedLater) {
  const TopicPtr topic = MakeTopic("hr");
  Append(topic, 0, {Event("a", "data-of-a"), Event("b", "data-of-b")});
  Erase({.topic = topic, .key = "a"});
  ASSERT_TRUE(harness_.DeleteTopic("hr").ok());
  Complete();
  log().reclaimer().Wake();
  log().reclaimer().WaitUntilIdle();
  EXPECT_THAT(FilesWith(dir_.path(), "data-of-a"), IsEmpty());
}

}  // namespace
}  // namespace tidemark::log
