// What CheckEvent lets in, Protobuf's parser takes and understands the same way: a stored event
// that no client can parse would stop every reader of its partition.
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/log/event_scan.h"
#include "tests/support/events.h"
#include "tests/support/random.h"
#include "tidemark/v1/event.pb.h"

namespace tidemark::log {
namespace {

using testing::BytesField;
using testing::Random;
using testing::TestEvent;
using testing::VarintField;

std::string RandomText(Random& random) {
  static constexpr const char* kTexts[] = {
      "", "a", "Zo\xc3\xab", "\xff", "x\ny", "employee.created", "\xe2\x82", "*"};
  return kTexts[random.Below(std::size(kTexts))];
}

// Fields in any order and number, right and wrong, then perhaps a few damaged bytes.
std::string RandomEvent(Random& random) {
  std::string event = BytesField(2, "t");
  for (uint64_t n = random.Below(6); n > 0; --n) {
    const auto number = static_cast<uint32_t>(random.In(1, 11));
    std::string content = RandomText(random);
    if (number == 5) {
      content = VarintField(1, random.Below(1u << 20)) + VarintField(2, random.Below(2000));
    }
    if (number == 8) {
      content.clear();
      for (uint64_t parts = random.Below(4); parts > 0; --parts) {
        content += BytesField(static_cast<uint32_t>(random.In(1, 4)), RandomText(random));
      }
    }
    event +=
        random.OneIn(10) ? VarintField(number, random.Below(300)) : BytesField(number, content);
  }
  if (random.OneIn(2)) {
    for (uint64_t n = random.In(1, 3); n > 0; --n) {
      const size_t at = random.Below(event.size() + 1);
      if (random.OneIn(2)) {
        event.insert(at, random.OneIn(2) ? std::string(4, '\x80') : random.Bytes(1));
      } else if (at < event.size()) {
        event[at] = static_cast<char>(random.Below(256));
      }
    }
  }
  return event;
}

TEST(EventScanProtobufTest, AnEventThatIsLetInCanBeParsed) {
  const uint64_t seed = testing::SeedOr(1);
  Random random(seed);
  int let_in = 0;
  for (int i = 0; i < 300'000; ++i) {
    const std::string event = RandomEvent(random);
    EventView view;
    if (!CheckEvent(event, {}, 0, view).ok()) continue;
    ++let_in;
    v1::Event parsed;
    ASSERT_TRUE(parsed.ParseFromString(event))
        << "seed " << seed << ", round " << i << ": " << absl::CHexEscape(event);
    ASSERT_EQ(std::string(view.type), parsed.type()) << "seed " << seed << ", round " << i;
    ASSERT_EQ(std::string(view.key), parsed.key()) << "seed " << seed << ", round " << i;
  }
  EXPECT_GT(let_in, 10'000);  // Else nothing was tried.
}

// The field numbers that the log knows are the contract's.
TEST(EventScanProtobufTest, KnowsTheFieldsOfTheContract) {
  EXPECT_EQ(kEventIdField, v1::Event::kIdFieldNumber);
  EXPECT_EQ(kEventTypeField, v1::Event::kTypeFieldNumber);
  EXPECT_EQ(kEventSourceField, v1::Event::kSourceFieldNumber);
  EXPECT_EQ(kEventKeyField, v1::Event::kKeyFieldNumber);
  EXPECT_EQ(kEventTimeField, v1::Event::kTimeFieldNumber);
  EXPECT_EQ(kEventContentTypeField, v1::Event::kContentTypeFieldNumber);
  EXPECT_EQ(kEventDataField, v1::Event::kDataFieldNumber);
  EXPECT_EQ(kEventAttributesField, v1::Event::kAttributesFieldNumber);
  EXPECT_EQ(kEventsField, v1::EventBatch::kEventsFieldNumber);
}

// The tests' own encoder writes what Protobuf reads.
TEST(EventScanProtobufTest, TestEventsAreEventsOfTheContract) {
  const TestEvent event{.id = "e1",
                        .type = "employee.created",
                        .source = "/hr",
                        .key = "employee-1",
                        .time = {{-5, 7}},
                        .content_type = "text/plain",
                        .data = "abc",
                        .attributes = {{"a", "1"}}};
  v1::Event parsed;
  ASSERT_TRUE(parsed.ParseFromString(testing::Encode(event)));
  EXPECT_EQ(parsed.id(), "e1");
  EXPECT_EQ(parsed.type(), "employee.created");
  EXPECT_EQ(parsed.source(), "/hr");
  EXPECT_EQ(parsed.key(), "employee-1");
  EXPECT_EQ(parsed.time().seconds(), -5);
  EXPECT_EQ(parsed.time().nanos(), 7);
  EXPECT_EQ(parsed.content_type(), "text/plain");
  EXPECT_EQ(parsed.data(), "abc");
  EXPECT_EQ(parsed.attributes().at("a"), "1");
  v1::EventBatch batch;
  ASSERT_TRUE(batch.ParseFromString(testing::EncodeEvents({event, event})));
  EXPECT_EQ(batch.events_size(), 2);
  EXPECT_EQ(testing::DecodeEvents(batch.SerializeAsString())->at(1), event);
}

}  // namespace
}  // namespace tidemark::log
