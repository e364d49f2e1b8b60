// What the store remembers beside events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/storage/store_fixture.h"

namespace tidemark::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class StoreRecordsTest : public StoreFixture {};

TEST_F(StoreRecordsTest, KeepsTopics) {
  auto set = store_->Begin();
  set->PutTopic({.id = TopicId(1), .name = "hr", .first_log = LogId(1)});
  set->PutTopic({.id = TopicId(2), .name = "a", .first_log = LogId(2)});
  Commit(std::move(set));
  Reopen();
  const auto topics = store_->ReadTopics();
  ASSERT_TRUE(topics.ok());
  ASSERT_THAT(*topics, SizeIs(2));
  EXPECT_EQ((*topics)[0].name, "a");
  EXPECT_EQ((*topics)[1].name, "hr");
}

TEST_F(StoreRecordsTest, RemembersADeletedTopicUntilItIsForgotten) {
  const TopicRecord topic{.id = TopicId(1), .name = "hr", .first_log = LogId(1)};
  auto set = store_->Begin();
  set->PutTopic(topic);
  Commit(std::move(set));
  set = store_->Begin();
  set->DeleteTopic(topic);
  Commit(std::move(set));
  EXPECT_THAT(*store_->ReadTopics(), IsEmpty());
  ASSERT_THAT(*store_->ReadDeletedTopics(), SizeIs(1));
  EXPECT_EQ((*store_->ReadDeletedTopics())[0].name, "hr");
  set = store_->Begin();
  set->ForgetDeletedTopic(topic);
  Commit(std::move(set));
  EXPECT_THAT(*store_->ReadDeletedTopics(), IsEmpty());
}

TEST_F(StoreRecordsTest, KeepsGroupsAndTheirOffsets) {
  auto set = store_->Begin();
  set->PutGroup({.id = GroupId(1), .name = "payroll"});
  set->PutGroup({.id = GroupId(2), .name = "gifts"});
  set->PutOffset(GroupId(1), LogId(5), Offset(50));
  set->PutOffset(GroupId(1), LogId(300), Offset(1ull << 50));
  set->PutOffset(GroupId(2), LogId(5), Offset(7));
  Commit(std::move(set));
  Reopen();
  EXPECT_THAT(*store_->ReadGroups(), SizeIs(2));
  EXPECT_THAT(*store_->ReadOffsets(GroupId(1)),
              ElementsAre(Pair(LogId(5), Offset(50)), Pair(LogId(300), Offset(1ull << 50))));
  EXPECT_THAT(*store_->ReadOffsets(GroupId(3)), IsEmpty());
}

TEST_F(StoreRecordsTest, ADeletedGroupTakesItsOffsetsAlong) {
  const GroupRecord group{.id = GroupId(1), .name = "payroll"};
  auto set = store_->Begin();
  set->PutGroup(group);
  set->PutGroup({.id = GroupId(2), .name = "gifts"});
  set->PutOffset(GroupId(1), LogId(5), Offset(50));
  set->PutOffset(GroupId(2), LogId(5), Offset(7));
  set->PutOffset(GroupId(2), LogId(6), Offset(8));
  Commit(std::move(set));
  set = store_->Begin();
  set->DeleteGroup(group);
  set->DeleteOffset(GroupId(2), LogId(6));
  Commit(std::move(set));
  ASSERT_THAT(*store_->ReadGroups(), SizeIs(1));
  EXPECT_EQ((*store_->ReadGroups())[0].name, "gifts");
  EXPECT_THAT(*store_->ReadOffsets(GroupId(1)), IsEmpty());
  EXPECT_THAT(*store_->ReadOffsets(GroupId(2)), ElementsAre(Pair(LogId(5), Offset(7))));
}

TEST_F(StoreRecordsTest, KeepsProducers) {
  auto set = store_->Begin();
  for (const uint64_t sequence : {5ull, 255ull, 256ull, 1ull << 40}) {
    set->PutProducer("a", sequence, {.fingerprint = static_cast<uint32_t>(sequence)});
  }
  set->PutProducer("a.b", 9, {});
  Commit(std::move(set));
  Reopen();
  EXPECT_EQ(*store_->ReadLastSequence("a"), 1ull << 40);
  EXPECT_EQ(*store_->ReadLastSequence("a.b"), 9u);
  EXPECT_EQ(*store_->ReadLastSequence("a."), std::nullopt);
  EXPECT_EQ(*store_->ReadLastSequence("b"), std::nullopt);
  EXPECT_EQ((*store_->ReadProducer("a", 256))->fingerprint, 256u);
  EXPECT_EQ(*store_->ReadProducer("a", 257), std::nullopt);
  EXPECT_EQ(*store_->ReadProducer("b", 5), std::nullopt);
}

TEST_F(StoreRecordsTest, KeepsTheCommitMark) {
  auto set = store_->Begin();
  set->PutCommitMark({.position = Position(77), .append_time_us = 78});
  Commit(std::move(set));
  Reopen();
  EXPECT_EQ(store_->ReadCommitMark()->position, Position(77));
  EXPECT_EQ(store_->ReadCommitMark()->append_time_us, 78u);
}

}  // namespace
}  // namespace tidemark::storage
