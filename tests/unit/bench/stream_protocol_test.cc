// Fields of RabbitMQ's stream protocol.
#include "bench/peers/stream_protocol.h"

#include <gtest/gtest.h>

namespace tidemark::bench {
namespace {

TEST(StreamProtocolTest, NumbersAreBigEndianAndTextsHaveTheirLength) {
  const std::string bytes = StreamFields().U8(1).U16(0x0203).U32(4).String("ab").Bytes("c").bytes();
  EXPECT_EQ(bytes, std::string("\1\2\3\0\0\0\4\0\2ab\0\0\0\1c", 16));
}

TEST(StreamProtocolTest, ReadsWhatWasWritten) {
  const std::string bytes = StreamFields().U64(uint64_t{1} << 40).U16(7).Raw("xyz").bytes();
  StreamReader reader(bytes);
  EXPECT_EQ(reader.U64(), uint64_t{1} << 40);
  EXPECT_EQ(reader.U16(), 7);
  EXPECT_EQ(reader.Raw(3), "xyz");
  EXPECT_TRUE(reader.ok());
}

TEST(StreamProtocolTest, SaysWhenAFieldIsCutShort) {
  StreamReader reader("\1\2");
  reader.U32();
  EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace tidemark::bench
