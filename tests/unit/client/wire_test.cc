// What travels: events, checksums, batches, partitions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "client/cpp/src/ack_location.h"
#include "client/cpp/src/batch.h"
#include "client/cpp/src/crc32c.h"
#include "client/cpp/src/event_codec.h"
#include "client/cpp/src/producer_request.h"
#include "tidemark/partitioner.h"
#include "tidemark/stream.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

Event FullEvent() {
  Event event;
  event.id = "id-1";
  event.type = "employee.created";
  event.source = "/hr/employees";
  event.key = "employee-10001";
  event.time = absl::FromUnixNanos(1'700'000'000'123'456'789);
  event.content_type = "application/json";
  event.data = std::string(300, 'x') + std::string("\0\xff", 2);
  event.attributes = {{"traceparent", "00-1"}, {"empty", ""}, {"correlationid", "c"}};
  return event;
}

std::string Encode(const Event& event) {
  std::string bytes(EncodedSize(event), '\0');
  EXPECT_EQ(EncodeEvent(event, bytes.data()), bytes.data() + bytes.size());
  return bytes;
}

TEST(EventCodecTest, ProtobufReadsWhatWeWrite) {
  const Event event = FullEvent();
  v1::Event proto;
  ASSERT_TRUE(proto.ParseFromString(Encode(event)));
  EXPECT_EQ(proto.id(), event.id);
  EXPECT_EQ(proto.type(), event.type);
  EXPECT_EQ(proto.source(), event.source);
  EXPECT_EQ(proto.key(), event.key);
  EXPECT_EQ(proto.time().seconds(), 1'700'000'000);
  EXPECT_EQ(proto.time().nanos(), 123'456'789);
  EXPECT_EQ(proto.content_type(), event.content_type);
  EXPECT_EQ(proto.data(), event.data);
  EXPECT_EQ(proto.attributes().at("traceparent"), "00-1");
  EXPECT_EQ(proto.attributes_size(), 3);
}

TEST(EventCodecTest, WeReadWhatProtobufWrites) {
  v1::Event proto;
  ASSERT_TRUE(proto.ParseFromString(Encode(FullEvent())));
  const std::string bytes = proto.SerializeAsString();
  EventView view;
  EXPECT_TRUE(IsWellFormedEvent(bytes));
  ASSERT_TRUE(DecodeEvent(bytes, &view));
  EXPECT_EQ(view.ToEvent(), FullEvent());
  EXPECT_EQ(view.Attribute("empty"), "");
  EXPECT_EQ(view.Attribute("none"), std::nullopt);
}

TEST(EventCodecTest, KeepsTimesBefore1970AndAtTheEpoch) {
  for (const int64_t nanos : {-1'500'000'000L, -1L, 0L, 1L}) {
    Event event;
    event.type = "t";
    event.time = absl::FromUnixNanos(nanos);
    const std::string bytes = Encode(event);
    v1::Event proto;
    ASSERT_TRUE(proto.ParseFromString(bytes));
    EXPECT_GE(proto.time().nanos(), 0);
    EventView view;
    ASSERT_TRUE(DecodeEvent(bytes, &view));
    EXPECT_EQ(view.time, event.time);
  }
}

// Method: cut everywhere, and flip every byte; nothing may be read out of bounds (asan), and what
// is called well formed must decode.
TEST(EventCodecTest, MeetsDamagedBytesWithFalse) {
  const std::string bytes = Encode(FullEvent());
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string cut = bytes.substr(0, size);
    EventView view;
    EXPECT_TRUE(DecodeEvent(cut, &view) || !IsWellFormedEvent(cut));
    view.Attributes();
  }
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string flipped = bytes;
    flipped[at] ^= 0x55;
    EventView view;
    EXPECT_TRUE(DecodeEvent(flipped, &view) || !IsWellFormedEvent(flipped));
    view.Attributes();
  }
}

TEST(Crc32cTest, GivesTheKnownValues) {
  EXPECT_EQ(ExtendCrc32c(0, ""), 0);
  EXPECT_EQ(ExtendCrc32c(0, "123456789"), 0xe3069283);
  EXPECT_EQ(ExtendCrc32c(0, std::string(32, '\0')), 0x8a9136aa);
}

TEST(Crc32cTest, TheTableAgreesWithTheInstruction) {
  std::mt19937 random(7);
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(ExtendCrc32c(i, bytes), ExtendCrc32cPortable(i, bytes));
    const size_t half = bytes.size() / 2;
    EXPECT_EQ(ExtendCrc32c(ExtendCrc32c(0, bytes.substr(0, half)), bytes.substr(half)),
              ExtendCrc32c(0, bytes));
    bytes.push_back(static_cast<char>(random()));
  }
}

// Values of Kafka's own test of its partitioner.
TEST(PartitionerTest, ComputesKafkasMurmur2) {
  EXPECT_EQ(static_cast<int32_t>(Murmur2("21")), -973932308);
  EXPECT_EQ(static_cast<int32_t>(Murmur2("foobar")), -790332482);
  EXPECT_EQ(static_cast<int32_t>(Murmur2("a-little-bit-long-string")), -985981536);
  EXPECT_EQ(static_cast<int32_t>(Murmur2("a-little-bit-longer-string")), -1486304829);
  EXPECT_EQ(static_cast<int32_t>(Murmur2("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8")),
            -58897971);
  EXPECT_EQ(PartitionOf("foobar", 10), (static_cast<uint32_t>(-790332482) & 0x7fffffff) % 10);
}

v1::EventBatch MakeBatch(int events) {
  v1::EventBatch batch;
  for (int i = 0; i < events; ++i) {
    v1::Event& event = *batch.add_events();
    event.set_type("t");
    event.set_data(std::to_string(i));
  }
  batch.set_events_crc32c(ExtendCrc32c(0, batch.SerializeAsString()));
  batch.set_topic("hr");
  batch.set_partition(3);
  batch.set_base_offset(100);
  batch.set_position(7);
  batch.mutable_append_time()->set_seconds(1);
  return batch;
}

absl::StatusOr<std::shared_ptr<BatchData>> Parse(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return ParseBatch(slice, {reinterpret_cast<const char*>(slice.begin()), slice.size()});
}

std::vector<uint64_t> Offsets(const std::shared_ptr<BatchData>& data) {
  std::vector<uint64_t> offsets;
  for (const ReceivedEvent& e : Batch(data)) offsets.push_back(e.offset);
  return offsets;
}

TEST(BatchTest, GivesEventsWithTheirPlaces) {
  const auto data = Parse(MakeBatch(3).SerializeAsString());
  ASSERT_TRUE(data.ok());
  const Batch batch(*data);
  EXPECT_EQ(batch.topic(), "hr");
  EXPECT_EQ(batch.partition(), 3);
  EXPECT_EQ(batch.position(), 7);
  EXPECT_EQ(batch.first_offset(), 100);
  EXPECT_EQ(batch.last_offset(), 102);
  EXPECT_TRUE(batch.verified());
  EXPECT_THAT(Offsets(*data), ElementsAre(100, 101, 102));
}

// A batch of a few bytes lies within the slice itself and must survive its moving about.
TEST(BatchTest, KeepsATinyMessageAlive) {
  v1::EventBatch batch;
  batch.add_events()->set_type("t");
  auto data = Parse(batch.SerializeAsString());
  ASSERT_TRUE(data.ok());
  const Batch moved(*std::move(data));
  EXPECT_EQ((*moved.begin()).event.type, "t");
}

TEST(BatchTest, UsesOffsetDeltasWhereAFilterCut) {
  v1::EventBatch proto = MakeBatch(3);
  for (uint64_t delta : {0, 4, 9}) proto.add_offset_deltas(delta);
  const auto data = Parse(proto.SerializeAsString());
  ASSERT_TRUE(data.ok());
  EXPECT_THAT(Offsets(*data), ElementsAre(100, 104, 109));
  TrimRead(101, data->get());
  EXPECT_THAT(Offsets(*data), ElementsAre(104, 109));
  TrimToSize(1, data->get());
  EXPECT_THAT(Offsets(*data), ElementsAre(104));
}

TEST(BatchTest, CountsOffsetsDownInADescendingBatch) {
  v1::EventBatch proto = MakeBatch(3);
  proto.set_descending(true);
  const auto dense = Parse(proto.SerializeAsString());
  ASSERT_TRUE(dense.ok());
  EXPECT_THAT(Offsets(*dense), ElementsAre(100, 99, 98));
  for (uint64_t delta : {0, 4, 9}) proto.add_offset_deltas(delta);
  const auto data = Parse(proto.SerializeAsString());
  ASSERT_TRUE(data.ok());
  EXPECT_EQ((*data)->Next(), 91);
  TrimRead(100, data->get());
  EXPECT_THAT(Offsets(*data), ElementsAre(96, 91));
  proto.set_base_offset(8);
  EXPECT_EQ(Parse(proto.SerializeAsString()).status().code(), absl::StatusCode::kDataLoss);
}

TEST(BatchTest, RefusesAWrongNumberOfOffsets) {
  v1::EventBatch proto = MakeBatch(3);
  proto.add_offset_deltas(0);
  EXPECT_EQ(Parse(proto.SerializeAsString()).status().code(), absl::StatusCode::kDataLoss);
}

// Method: flip each bit of the events, one at a time.
TEST(BatchTest, FindsEveryFlippedBitOfTheEvents) {
  const v1::EventBatch proto = MakeBatch(5);
  v1::EventBatch only_events;
  *only_events.mutable_events() = proto.events();
  const std::string bytes = proto.SerializeAsString();
  const std::string events = only_events.SerializeAsString();
  const size_t from = bytes.find(events);
  ASSERT_NE(from, std::string::npos);
  for (size_t bit = 0; bit < events.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[from + bit / 8] = static_cast<char>(flipped[from + bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(Parse(flipped).ok()) << "bit " << bit;
  }
}

TEST(BatchTest, RefusesCutBytes) {
  const std::string bytes = MakeBatch(5).SerializeAsString();
  for (size_t size = 0; size < bytes.find("hr"); ++size) {
    const auto data = Parse(bytes.substr(0, size));
    // What a cut between two events leaves is a batch without checksum.
    EXPECT_FALSE(data.ok() && (*data)->verified);
  }
}

std::string EncodedEvents(const std::vector<std::string>& keys) {
  v1::EventBatch batch;
  for (const std::string& key : keys) {
    batch.add_events()->set_type("t");
    batch.mutable_events(batch.events_size() - 1)->set_key(key);
  }
  return batch.SerializeAsString();
}

TEST(AckLocationTest, PutsKeylessEventsIntoTheRestOfTheRanges) {
  const uint32_t p = PartitionOf("ada", 4);
  const auto locations =
      LocateEvents(EncodedEvents({"", "ada", ""}), std::nullopt, 4, {{p, 10, 3}});
  ASSERT_TRUE(locations.ok());
  EXPECT_EQ((*locations)[0].offset, 10);
  EXPECT_EQ((*locations)[1].offset, 11);
  EXPECT_EQ((*locations)[2].offset, 12);
}

TEST(AckLocationTest, SeesThatRangesDoNotFit) {
  const uint32_t p = PartitionOf("ada", 4);
  EXPECT_FALSE(LocateEvents(EncodedEvents({"ada"}), std::nullopt, 4, {{p, 0, 2}}).ok());
  EXPECT_FALSE(LocateEvents(EncodedEvents({"ada"}), std::nullopt, 4, {{(p + 1) % 4, 0, 1}}).ok());
  EXPECT_FALSE(LocateEvents(EncodedEvents({""}), std::nullopt, 4, {}).ok());
}

TEST(ProducerRequestTest, ProtobufReadsAnEncodedRequest) {
  RequestBuilder builder;
  for (int i = 0; i < 300; ++i) {
    Event event = FullEvent();
    event.data = std::to_string(i);
    builder.Add(event, EncodedSize(event));
  }
  const auto request = builder.Seal();
  request->sequence = 1'000'000;
  grpc::ByteBuffer buffer = EncodeAppendRequest("hr", 5, "producer", *request);
  grpc::Slice slice;
  ASSERT_TRUE(buffer.DumpToSingleSlice(&slice).ok());
  v1::AppendRequest proto;
  ASSERT_TRUE(proto.ParseFromArray(slice.begin(), static_cast<int>(slice.size())));
  EXPECT_EQ(proto.topic(), "hr");
  EXPECT_EQ(proto.partition(), 5);
  EXPECT_EQ(proto.producer().id(), "producer");
  EXPECT_EQ(proto.producer().sequence(), 1'000'000);
  ASSERT_EQ(proto.events_size(), 300);
  EXPECT_EQ(proto.events(299).data(), "299");
}

TEST(ProducerRequestTest, RemovesEventsWithTheirCallbacks) {
  RequestBuilder builder;
  std::vector<int> told;
  for (int i = 0; i < 5; ++i) {
    Event event;
    event.type = std::string(1, static_cast<char>('a' + i));
    if (i == 0) {
      builder.Add(event, EncodedSize(event));
    } else {
      builder.Add(event, EncodedSize(event),
                  [&told, i](absl::StatusOr<Ack>) { told.push_back(i); });
    }
  }
  const auto request = builder.Seal();
  auto removed = RemoveEvents({1, 3}, request.get());
  for (auto& callback : removed) std::move(callback.done)(absl::CancelledError(""));
  EXPECT_THAT(told, ElementsAre(1, 3));
  EXPECT_EQ(request->event_count, 3);
  ASSERT_EQ(request->callbacks.size(), 2);
  EXPECT_EQ(request->callbacks[0].index, 1);
  EXPECT_EQ(request->callbacks[1].index, 2);
  v1::EventBatch rest;
  ASSERT_TRUE(rest.ParseFromString(std::string(request->bytes())));
  EXPECT_EQ(rest.events(0).type() + rest.events(1).type() + rest.events(2).type(), "ace");
}

}  // namespace
}  // namespace tidemark::internal
