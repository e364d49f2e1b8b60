#include "bench/load/event_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "bench/load/append_answer.h"
#include "bench/load/batch_parser.h"
#include "bench/load/connection.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::bench {
namespace {

v1::AppendRequest Decode(const grpc::ByteBuffer& buffer) {
  grpc::Slice bytes;
  EXPECT_TRUE(buffer.DumpToSingleSlice(&bytes).ok());
  v1::AppendRequest request;
  EXPECT_TRUE(request.ParseFromArray(bytes.begin(), static_cast<int>(bytes.size())));
  return request;
}

TEST(EventPoolTest, MakesEventsThatDiffer) {
  const EventPool pool({.data_bytes = 100, .keys = 50, .seed = 3}, 200);
  EXPECT_GE(pool.size(), EventPool::kEntriesMin);
  const v1::AppendRequest request = Decode(AppendFramer("t").Frame(pool.Entry(0), {}, "", 0));
  ASSERT_EQ(request.events_size(), 200);
  std::set<std::string> keys;
  std::set<std::string> data;
  for (const v1::Event& event : request.events()) {
    EXPECT_FALSE(event.type().empty());
    EXPECT_EQ(event.data().size(), 100u);
    keys.insert(event.key());
    data.insert(event.data());
  }
  EXPECT_EQ(data.size(), 200u);
  EXPECT_GT(keys.size(), 30u);
  EXPECT_LE(keys.size(), 50u);
}

TEST(EventPoolTest, MakesEventsWithoutKeysOnRequest) {
  const EventPool pool({.keys = 0}, 10);
  const v1::AppendRequest request = Decode(AppendFramer("t").Frame(pool.Entry(0), {}, "", 0));
  ASSERT_EQ(request.events_size(), 10);
  for (const v1::Event& event : request.events()) EXPECT_EQ(event.key(), "");
}

// Goal 4 counts on exactly one rare event in so many entries, wherever the pool repeats.
TEST(EventPoolTest, HasOneRareEventInSoManyEntries) {
  const EventPool pool({.data_bytes = 2000, .rare_entries = 10}, 4);
  const uint64_t entries = pool.size() * 3;
  uint64_t rare = 0;
  uint64_t uncommon = 0;
  for (uint64_t i = 0; i < entries; ++i) {
    const v1::AppendRequest request = Decode(AppendFramer("t").Frame(pool.Entry(i), {}, "", 0));
    for (const v1::Event& event : request.events()) {
      EXPECT_EQ(event.type() == kRareType, event.key() == kRareKey);
      if (event.type() == kRareType) ++rare;
      if (event.type() == kUncommonType) ++uncommon;
    }
  }
  EXPECT_EQ(rare, (entries + 4) / 10);
  EXPECT_EQ(uncommon, entries - rare);
}

TEST(AppendFramerTest, PutsTheRestOfTheRequestAroundTheEvents) {
  const EventPool pool({}, 3);
  const AppendFramer framer("orders");
  const v1::AppendRequest plain = Decode(framer.Frame(pool.Entry(1), {}, "", 0));
  EXPECT_EQ(plain.topic(), "orders");
  EXPECT_FALSE(plain.has_partition());
  EXPECT_FALSE(plain.has_producer());
  const v1::AppendRequest full = Decode(framer.Frame(pool.Entry(1), 0, "p", 7));
  EXPECT_EQ(full.events_size(), 3);
  EXPECT_TRUE(full.has_partition());
  EXPECT_EQ(full.producer().id(), "p");
  EXPECT_EQ(full.producer().sequence(), 7u);
}

TEST(AppendAnswerTest, TellsAppendedFromRefused) {
  v1::AppendStreamResponse appended;
  appended.mutable_appended()->set_durability(v1::DURABILITY_SYNCED);
  EXPECT_TRUE(OutcomeOf(ToByteBuffer(appended.SerializeAsString())).ok());
  EXPECT_TRUE(IsSynced(ToByteBuffer(appended.SerializeAsString())));

  v1::AppendStreamResponse refused;
  refused.mutable_error()->set_code(10);
  refused.mutable_error()->set_message("sequence");
  const absl::Status status = OutcomeOf(ToByteBuffer(refused.SerializeAsString()));
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(status.message(), "sequence");
  EXPECT_FALSE(IsSynced(ToByteBuffer(refused.SerializeAsString())));

  EXPECT_EQ(OutcomeOf(grpc::ByteBuffer()).code(), absl::StatusCode::kInternal);
}

TEST(AppendAnswerTest, DoesNotTakeAMemoryAnswerForASyncedOne) {
  v1::AppendStreamResponse appended;
  appended.mutable_appended()->set_durability(v1::DURABILITY_MEMORY);
  EXPECT_FALSE(IsSynced(ToByteBuffer(appended.SerializeAsString())));
}

grpc::ByteBuffer Batch(uint32_t partition, uint64_t base_offset, int events) {
  v1::ReadResponse response;
  v1::EventBatch& batch = *response.mutable_batch();
  batch.set_partition(partition);
  batch.set_base_offset(base_offset);
  for (int i = 0; i < events; ++i) batch.add_events()->set_type("t");
  return ToByteBuffer(response.SerializeAsString());
}

uint64_t ParseAll(BatchParser& parser, std::vector<grpc::ByteBuffer> messages) {
  uint64_t events = 0;
  for (grpc::ByteBuffer& message : messages) {
    events += parser.Parse(message, [](const v1::Event&) {});
  }
  return events;
}

TEST(BatchParserTest, CountsDenseEventsOfInterleavedPartitions) {
  BatchParser parser(/*check_offsets=*/true);
  EXPECT_EQ(ParseAll(parser, {Batch(0, 0, 3), Batch(1, 10, 2), Batch(0, 3, 1), Batch(1, 12, 1)}),
            7u);
  EXPECT_TRUE(parser.status().ok()) << parser.status();
}

TEST(BatchParserTest, NoticesAMissingEvent) {
  BatchParser parser(/*check_offsets=*/true);
  ParseAll(parser, {Batch(0, 0, 3), Batch(0, 4, 1)});
  EXPECT_EQ(parser.status().code(), absl::StatusCode::kInternal);
}

TEST(BatchParserTest, NoticesARepeatedEvent) {
  BatchParser parser(/*check_offsets=*/true);
  ParseAll(parser, {Batch(0, 0, 3), Batch(0, 2, 1)});
  EXPECT_EQ(parser.status().code(), absl::StatusCode::kInternal);
}

TEST(BatchParserTest, NoticesWhatIsNoAnswer) {
  BatchParser parser(/*check_offsets=*/true);
  ParseAll(parser, {ToByteBuffer("\x0a\x7f no such length")});
  EXPECT_EQ(parser.status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace tidemark::bench
