// DeliveryQueue and AckBook: what a consumer holds, may be sent, and has acknowledged.
#include "client/cpp/src/delivery_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cpp/src/ack_book.h"
#include "client/cpp/src/batch.h"
#include "tidemark/v1/event.pb.h"

namespace tidemark::internal {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

Batch MakeBatch(uint32_t partition, uint64_t from, int events, size_t data_bytes = 1) {
  v1::EventBatch proto;
  proto.set_topic("hr");
  proto.set_partition(partition);
  proto.set_base_offset(from);
  for (int i = 0; i < events; ++i) {
    proto.add_events()->set_type("t");
    proto.mutable_events(i)->set_data(std::string(data_bytes, 'x'));
  }
  const grpc::Slice slice(proto.SerializeAsString());
  return Batch(*ParseBatch(slice, {reinterpret_cast<const char*>(slice.begin()), slice.size()}));
}

AckBook::Partition P(uint32_t partition) { return {"hr", partition}; }

TEST(DeliveryQueueTest, GivesEventsInOrderAcrossItems) {
  DeliveryQueue queue({1000, 1 << 20});
  queue.Push(MakeBatch(0, 5, 2));
  queue.Push(DeliveryQueue::CaughtUpMark{1});
  queue.Push(MakeBatch(1, 0, 1));
  EXPECT_EQ(queue.current().offset, 5);
  queue.Pop();
  EXPECT_EQ(queue.current().offset, 6);
  queue.Pop();
  EXPECT_TRUE(std::holds_alternative<DeliveryQueue::CaughtUpMark>(queue.front()));
  queue.Pop();
  EXPECT_EQ(queue.current_partition(), P(1));
  queue.Pop();
  EXPECT_TRUE(queue.empty());
}

TEST(DeliveryQueueTest, DropsAPartitionAlsoInTheMiddleOfItsBatch) {
  DeliveryQueue queue({1000, 1 << 20});
  queue.Push(MakeBatch(0, 0, 3));
  queue.Push(MakeBatch(1, 7, 1));
  queue.Push(MakeBatch(0, 3, 3));
  queue.Pop();
  queue.Drop(P(0));
  EXPECT_EQ(queue.current_partition(), P(1));
  EXPECT_EQ(queue.current().offset, 7);
  queue.Pop();
  EXPECT_TRUE(queue.empty());
}

TEST(DeliveryQueueTest, KeepsItsPlaceWhenAnotherPartitionIsDropped) {
  DeliveryQueue queue({1000, 1 << 20});
  queue.Push(MakeBatch(0, 0, 3));
  queue.Push(MakeBatch(1, 0, 3));
  queue.Pop();
  queue.Drop(P(1));
  EXPECT_EQ(queue.current().offset, 1);
  queue.Pop();
  EXPECT_EQ(queue.current().offset, 2);
  queue.Pop();
  EXPECT_TRUE(queue.empty());
}

// Whatever comes and goes: what the server may send plus what is queued never exceeds the window.
TEST(DeliveryQueueTest, GrantsExactlyWhatWasFreed) {
  DeliveryQueue queue({100, 1 << 20});
  uint64_t server_balance = 100;
  uint64_t next = 0;
  for (int round = 0; round < 1000; ++round) {
    const int events = 1 + round % 7;
    if (server_balance >= static_cast<uint64_t>(events)) {
      queue.Push(MakeBatch(static_cast<uint32_t>(round % 3), next, events));
      server_balance -= static_cast<uint64_t>(events);
      next += static_cast<uint64_t>(events);
    }
    if (round % 11 == 0) {
      queue.Drop(P(1));
    } else if (!queue.empty()) {
      for (int i = 0; i < 5 && !queue.empty(); ++i) queue.Pop();
    }
    if (const auto grant = queue.TakeGrant()) server_balance += grant->events;
    ASSERT_LE(server_balance, 100);
  }
  queue.Clear();
  if (const auto grant = queue.TakeGrant()) server_balance += grant->events;
  EXPECT_GT(server_balance, 75);  // Less than a quarter may stay ungranted.
  EXPECT_GT(next, 3000);          // It never starved.
}

// The server lets an event through that is larger than the credits; they stop at zero, not below.
TEST(DeliveryQueueTest, AnEventLargerThanTheWindowDoesNotWidenIt) {
  DeliveryQueue queue({100, 1000});
  queue.Push(MakeBatch(0, 0, 1, 5000));
  queue.Pop();
  const auto grant = queue.TakeGrant();
  ASSERT_TRUE(grant.has_value());
  EXPECT_EQ(grant->bytes, 1000);
}

TEST(AckBookTest, AcknowledgesWhatIsHandledOnce) {
  AckBook book;
  book.Assign({"hr", 0, 5});
  EXPECT_THAT(book.TakeAcks(), IsEmpty());
  book.Handled(P(0), 5, absl::UnixEpoch());
  book.Handled(P(0), 9, absl::UnixEpoch() + absl::Seconds(1));
  EXPECT_EQ(book.dirty_events(), 2);
  EXPECT_EQ(book.dirty_since(), absl::UnixEpoch());
  const auto acks = book.TakeAcks();
  ASSERT_THAT(acks, SizeIs(1));
  EXPECT_EQ(acks[0].offset, 10);
  EXPECT_THAT(book.TakeAcks(), IsEmpty());
  EXPECT_FALSE(book.all_confirmed());
  book.Answered();
  book.Confirm({"hr", 0, 12});
  EXPECT_TRUE(book.all_confirmed());
}

TEST(AckBookTest, WaitsForTheAnswerToTheNewestAck) {
  AckBook book;
  book.Assign({"hr", 0, 0});
  for (uint64_t offset : {0, 1}) {
    book.Handled(P(0), offset, absl::UnixEpoch());
    EXPECT_THAT(book.TakeAcks(), SizeIs(1));
  }
  book.Answered();
  book.Confirm({"hr", 0, 1});
  EXPECT_FALSE(book.all_confirmed());
  book.Answered();
  book.Confirm({"hr", 0, 0});  // The group was moved back meanwhile.
  EXPECT_TRUE(book.all_confirmed());
}

TEST(AckBookTest, AcknowledgesOnlyWhatHasNothingOpenBeforeIt) {
  AckBook book;
  book.Assign({"hr", 0, 0});
  for (uint64_t offset : {0, 3, 4}) book.Begin(P(0), offset);
  book.Finish(P(0), 4, absl::UnixEpoch());
  book.Finish(P(0), 3, absl::UnixEpoch());
  EXPECT_THAT(book.TakeAcks(), IsEmpty());
  book.Finish(P(0), 0, absl::UnixEpoch());
  EXPECT_EQ(book.dirty_events(), 3);
  EXPECT_EQ(book.TakeAcks().at(0).offset, 5);
  book.Finish(P(0), 4, absl::UnixEpoch());
  EXPECT_THAT(book.TakeAcks(), IsEmpty());
}

// After a seek the partition may be back before the server says that an ack of its old place had no
// effect.
TEST(AckBookTest, ARejectionFromBeforeAnAssignmentLeavesItAlone) {
  AckBook book;
  book.Assign({"hr", 0, 5});
  book.Handled(P(0), 5, absl::UnixEpoch());
  book.TakeAcks();
  book.Drop(P(0));
  book.Assign({"hr", 0, 2});
  book.Answered();
  EXPECT_FALSE(book.Reject({"hr", 0, 6}));
  EXPECT_TRUE(book.Owns(P(0)));
  EXPECT_TRUE(book.all_confirmed());
  book.Handled(P(0), 2, absl::UnixEpoch());
  EXPECT_EQ(book.TakeAcks().at(0).offset, 3);
}

TEST(AckBookTest, ForgetsADroppedPartition) {
  AckBook book;
  book.Assign({"hr", 0, 5});
  book.Handled(P(0), 5, absl::UnixEpoch());
  EXPECT_EQ(book.Drop(P(0))->offset, 6);
  EXPECT_FALSE(book.Owns(P(0)));
  EXPECT_THAT(book.TakeAcks(), IsEmpty());
  EXPECT_FALSE(book.Drop(P(0)).has_value());
}

TEST(AckBookTest, ARejectedAckIsNotWaitedFor) {
  AckBook book;
  book.Assign({"hr", 0, 5});
  book.Handled(P(0), 5, absl::UnixEpoch());
  book.TakeAcks();
  book.Answered();
  EXPECT_TRUE(book.Reject({"hr", 0, 6}));
  EXPECT_TRUE(book.all_confirmed());
  EXPECT_FALSE(book.Owns(P(0)));
}

}  // namespace
}  // namespace tidemark::internal
