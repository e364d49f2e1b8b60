#include "server/log/wire.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/support/events.h"
#include "tests/support/random.h"

namespace tidemark::log {
namespace {

using testing::BytesField;
using testing::Varint;
using testing::VarintField;

// True if the whole message is well-formed.
bool IsWellFormed(absl::string_view message) {
  WireReader reader(message);
  WireField field;
  while (reader.Next(field)) {
  }
  return reader.ok();
}

TEST(WireReaderTest, WalksFieldsOfEveryType) {
  const std::string fixed64 = Varint(3 << 3 | 1) + std::string("\1\0\0\0\0\0\0\x80", 8);
  const std::string fixed32 = Varint(4 << 3 | 5) + std::string("\2\0\0\x80", 4);
  const std::string message = VarintField(1, 300) + BytesField(2, "abc") + fixed64 + fixed32;
  WireReader reader(message);
  WireField field;

  ASSERT_TRUE(reader.Next(field));
  EXPECT_EQ(field.number, 1u);
  EXPECT_EQ(field.type, WireType::kVarint);
  EXPECT_EQ(field.number_value, 300u);
  EXPECT_EQ(field.whole, VarintField(1, 300));

  ASSERT_TRUE(reader.Next(field));
  EXPECT_EQ(field.number, 2u);
  EXPECT_EQ(field.type, WireType::kBytes);
  EXPECT_EQ(field.bytes, "abc");
  EXPECT_EQ(field.whole, BytesField(2, "abc"));

  ASSERT_TRUE(reader.Next(field));
  EXPECT_EQ(field.type, WireType::kFixed64);
  EXPECT_EQ(field.number_value, 0x8000000000000001u);
  EXPECT_EQ(field.whole, fixed64);

  ASSERT_TRUE(reader.Next(field));
  EXPECT_EQ(field.type, WireType::kFixed32);
  EXPECT_EQ(field.number_value, 0x80000002u);
  EXPECT_EQ(field.whole, fixed32);

  EXPECT_FALSE(reader.Next(field));
  EXPECT_TRUE(reader.ok());
}

TEST(WireReaderTest, TakesTheEmptyMessage) {
  WireReader reader("");
  WireField field;
  EXPECT_FALSE(reader.Next(field));
  EXPECT_TRUE(reader.ok());
}

TEST(WireReaderTest, PointsIntoTheMessage) {
  const std::string message = BytesField(7, "payload");
  WireReader reader(message);
  WireField field;
  ASSERT_TRUE(reader.Next(field));
  EXPECT_EQ(field.whole.data(), message.data());
  EXPECT_EQ(field.bytes.data(), message.data() + 2);
}

TEST(WireReaderTest, RefusesAFieldCutAnywhere) {
  const std::vector<std::string> fields = {
      VarintField(1, 1ull << 40), BytesField(2, "abcdef"), Varint(3 << 3 | 1) + std::string(8, 'x'),
      Varint(4 << 3 | 5) + std::string(4, 'x'), BytesField(536870911, std::string(200, 'x'))};
  for (const std::string& field : fields) {
    ASSERT_TRUE(IsWellFormed(field)) << absl::CHexEscape(field);
    for (size_t size = 1; size < field.size(); ++size) {
      EXPECT_FALSE(IsWellFormed(field.substr(0, size)))
          << absl::CHexEscape(field) << " cut to " << size;
    }
  }
}

TEST(WireReaderTest, RefusesGroupsAndUnknownWireTypes) {
  for (int type : {3, 4, 6, 7}) {
    EXPECT_FALSE(IsWellFormed(Varint(1 << 3 | type) + std::string(16, '\0'))) << type;
  }
}

TEST(WireReaderTest, RefusesFieldNumbersOutOfRange) {
  EXPECT_FALSE(IsWellFormed(VarintField(0, 1)));
  EXPECT_TRUE(IsWellFormed(VarintField(0x1fffffff, 1)));
  EXPECT_FALSE(IsWellFormed(Varint(0x20000000ull << 3) + Varint(1)));
  EXPECT_FALSE(IsWellFormed(Varint(UINT64_MAX & ~7ull) + Varint(1)));
}

TEST(WireReaderTest, RefusesVarintsOfMoreThan64Bits) {
  const std::string nine(9, '\xff');
  EXPECT_TRUE(IsWellFormed(Varint(1 << 3) + nine + "\x01"));
  EXPECT_FALSE(IsWellFormed(Varint(1 << 3) + nine + "\x02"));
  EXPECT_FALSE(IsWellFormed(Varint(1 << 3) + nine + "\x81\x01"));
}

// Protobuf's parsers read at most 5 bytes of a tag or a length: what gets in must be readable.
TEST(WireReaderTest, RefusesTagsAndLengthsOfMoreThanFiveBytes) {
  const std::string long_tag("\x92\x80\x80\x80\x80\x00", 6);
  EXPECT_FALSE(IsWellFormed(long_tag + Varint(1) + "x"));
  const std::string long_length("\x81\x80\x80\x80\x80\x00", 6);
  EXPECT_FALSE(IsWellFormed(Varint(2 << 3 | 2) + long_length + "x"));
}

TEST(WireReaderTest, RefusesLengthsBeyondTheMessage) {
  EXPECT_FALSE(IsWellFormed(Varint(2 << 3 | 2) + Varint(4) + "abc"));
  EXPECT_FALSE(IsWellFormed(Varint(2 << 3 | 2) + Varint(UINT64_MAX) + "abc"));
  EXPECT_FALSE(IsWellFormed(Varint(2 << 3 | 2) + Varint(1ull << 32) + "abc"));
}

TEST(WireReaderTest, StaysAtTheFirstError) {
  WireReader reader("\xff");
  WireField field;
  EXPECT_FALSE(reader.Next(field));
  EXPECT_FALSE(reader.Next(field));
  EXPECT_FALSE(reader.ok());
}

// Sanitizers watch for reads beyond the end.
TEST(WireReaderTest, SurvivesRandomBytes) {
  const uint64_t seed = testing::SeedOr(1);
  testing::Random random(seed);
  for (int i = 0; i < 20'000; ++i) {
    const std::string bytes = random.Bytes(random.Below(24));
    size_t walked = 0;
    WireReader reader(bytes);
    WireField field;
    while (reader.Next(field)) walked += field.whole.size();
    ASSERT_LE(walked, bytes.size()) << "seed " << seed << ", round " << i;
    ASSERT_TRUE(!reader.ok() || walked == bytes.size()) << "seed " << seed << ", round " << i;
  }
}

TEST(WireFieldBytesTest, TellsALengthFromTheFieldsHead) {
  const std::string large = BytesField(2, std::string(100'000, 'x'));
  for (const std::string& field : {large, BytesField(7, "abc"), VarintField(1, UINT64_MAX)}) {
    EXPECT_EQ(WireFieldBytes(absl::string_view(field).substr(0, kWireHeadBytesMax)), field.size());
  }
  // What is left of the message may be less than the field: then it is cut.
  EXPECT_EQ(WireFieldBytes(absl::string_view(large).substr(0, 5)), large.size());
}

TEST(WireFieldBytesTest, KnowsWhatIsMalformed) {
  EXPECT_EQ(WireFieldBytes(""), 0u);
  EXPECT_EQ(WireFieldBytes("\xff"), 0u);
  EXPECT_EQ(WireFieldBytes(Varint(2 << 3 | 2)), 0u);                       // No length.
  EXPECT_EQ(WireFieldBytes(Varint(0 << 3 | 2) + Varint(1)), 0u);           // No such number.
  EXPECT_EQ(WireFieldBytes(Varint(2 << 3 | 3) + Varint(100)), 0u);         // A group.
  EXPECT_EQ(WireFieldBytes(Varint(2 << 3 | 1) + "abc"), 0u);               // A cut number.
  EXPECT_EQ(WireFieldBytes(Varint(2 << 3 | 2) + Varint(1ull << 40)), 0u);  // Too long.
}

TEST(WireWriterTest, WritesVarintsOfTheExpectedLength) {
  for (int bit = 0; bit < 64; ++bit) {
    for (const uint64_t value : {1ull << bit, (1ull << bit) - 1}) {
      std::string out;
      AppendVarint(out, value);
      EXPECT_EQ(out, Varint(value)) << value;
    }
  }
}

TEST(WireWriterTest, WritesHeadersThatTheReaderTakes) {
  std::string out;
  AppendBytesHeader(out, 2, 3);
  EXPECT_EQ(out + "abc", BytesField(2, "abc"));
}

}  // namespace
}  // namespace tidemark::log
