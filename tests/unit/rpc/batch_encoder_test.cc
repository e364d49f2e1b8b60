// What goes out is what Protobuf would have written, with the stored bytes untouched.
#include "server/rpc/batch_encoder.h"

#include <gtest/gtest.h>

#include "server/base/crc32c.h"
#include "server/rpc/byte_buffer.h"
#include "tidemark/v1/consumer_groups.pb.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::rpc {
namespace {

class BatchEncoderTest : public ::testing::Test {
 protected:
  BatchEncoderTest() {
    v1::EventBatch batch;
    for (int i = 0; i < 3; ++i) {
      v1::Event& event = *batch.add_events();
      event.set_type("t");
      event.set_data(std::string(1000, static_cast<char>('a' + i)));
    }
    auto bytes = std::make_shared<const std::string>(batch.SerializeAsString());
    slice_.header = {.log = LogId(1),
                     .base_offset = Offset(5),
                     .count = 3,
                     .append_time_us = 1'700'000'000'123'456,
                     .position = Position(77)};
    slice_.base_offset = Offset(5);
    slice_.count = 3;
    slice_.pieces.push_back(*bytes);
    slice_.bytes = bytes->size();
    slice_.events_crc32c = base::Crc32c(*bytes);
    slice_.owners.push_back(bytes);
    owner_ = bytes;
  }

  template <typename Message>
  static Message Parse(const grpc::ByteBuffer& buffer) {
    const FlatBytes flat = Flatten(buffer);
    Message message;
    EXPECT_TRUE(message.ParseFromArray(flat.bytes.data(), static_cast<int>(flat.bytes.size())));
    return message;
  }

  void ExpectWhole(const v1::EventBatch& batch) {
    EXPECT_EQ(batch.topic(), "hr");
    EXPECT_EQ(batch.partition(), 2u);
    EXPECT_EQ(batch.base_offset(), 5u);
    EXPECT_EQ(batch.position(), 77u);
    EXPECT_EQ(batch.append_time().seconds(), 1'700'000'000);
    EXPECT_EQ(batch.append_time().nanos(), 123'456'000);
    ASSERT_EQ(batch.events_size(), 3);
    EXPECT_EQ(batch.events(2).data(), std::string(1000, 'c'));
    EXPECT_EQ(batch.events_crc32c(), *slice_.events_crc32c);
  }

  log::EventSlice slice_;
  std::weak_ptr<const std::string> owner_;
};

TEST_F(BatchEncoderTest, WritesAReadResponse) {
  ExpectWhole(Parse<v1::ReadResponse>(EncodeReadBatch(slice_, "hr", PartitionIndex(2))).batch());
}

TEST_F(BatchEncoderTest, WritesADelivery) {
  DeliveryMessage message;
  message.Add(slice_, "hr", PartitionIndex(2));
  ExpectWhole(Parse<v1::ConsumeResponse>(message.Take()).delivery().batch());
}

TEST_F(BatchEncoderTest, WritesFurtherDeliveriesBesideTheFirst) {
  DeliveryMessage message;
  message.Add(slice_, "it", PartitionIndex(0), {1, 2, 3});
  message.Add(slice_, "hr", PartitionIndex(2));
  EXPECT_EQ(message.events(), 6u);
  EXPECT_EQ(message.bytes(), 2 * slice_.bytes);
  const auto response = Parse<v1::ConsumeResponse>(message.Take());
  EXPECT_EQ(response.delivery().batch().topic(), "it");
  EXPECT_EQ(response.delivery().attempts(2), 3u);
  ASSERT_EQ(response.more_deliveries_size(), 1);
  ExpectWhole(response.more_deliveries(0).batch());
  EXPECT_EQ(response.more_deliveries(0).attempts_size(), 0);
}

TEST_F(BatchEncoderTest, JoinsSmallPieces) {
  v1::EventBatch batch;
  for (const char* type : {"a", "b", "c"}) batch.add_events()->set_type(type);
  const std::string bytes = batch.SerializeAsString();
  const size_t event = bytes.size() / 3;
  slice_.count = 2;
  slice_.pieces = {absl::string_view(bytes).substr(0, event),
                   absl::string_view(bytes).substr(2 * event)};
  slice_.bytes = 2 * event;
  slice_.offset_deltas = {0, 2};
  const v1::EventBatch cut =
      Parse<v1::ReadResponse>(EncodeReadBatch(slice_, "hr", PartitionIndex(0))).batch();
  ASSERT_EQ(cut.events_size(), 2);
  EXPECT_EQ(cut.events(0).type() + cut.events(1).type(), "ac");
}

TEST_F(BatchEncoderTest, WritesTheOffsetsOfACutBatch) {
  slice_.offset_deltas = {0, 4, 9};
  slice_.events_crc32c.reset();
  const v1::EventBatch batch =
      Parse<v1::ReadResponse>(EncodeReadBatch(slice_, "hr", PartitionIndex(0))).batch();
  EXPECT_EQ(std::vector<uint64_t>(batch.offset_deltas().begin(), batch.offset_deltas().end()),
            (std::vector<uint64_t>{0, 4, 9}));
  EXPECT_FALSE(batch.has_events_crc32c());
}

TEST_F(BatchEncoderTest, HoldsTheBytesUntilTheMessageIsGone) {
  auto message =
      std::make_unique<grpc::ByteBuffer>(EncodeReadBatch(slice_, "hr", PartitionIndex(0)));
  slice_ = {};
  EXPECT_FALSE(owner_.expired());
  message.reset();
  EXPECT_TRUE(owner_.expired());
}

}  // namespace
}  // namespace tidemark::rpc
