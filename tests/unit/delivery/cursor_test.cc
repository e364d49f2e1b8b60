#include "server/delivery/cursor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidemark::delivery {
namespace {

using ::testing::ElementsAreArray;

Cursor SomeCursor() {
  return {.topic = TopicId(7),
          .places = {{PartitionIndex(0), Offset(0)},
                     {PartitionIndex(3), Offset(41)},
                     {PartitionIndex(9999), Offset(UINT64_MAX - 1)}}};
}

TEST(CursorTest, ComesBackAsItWas) {
  const Cursor cursor = SomeCursor();
  const absl::StatusOr<Cursor> decoded = DecodeCursor(EncodeCursor(cursor));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->topic, cursor.topic);
  EXPECT_EQ(decoded->direction, log::Direction::kForward);
  EXPECT_THAT(decoded->places, ElementsAreArray(cursor.places));
}

TEST(CursorTest, ComesBackAsItWasBackward) {
  Cursor cursor = SomeCursor();
  cursor.direction = log::Direction::kBackward;
  cursor.places[1].oldest = Offset(17);
  const absl::StatusOr<Cursor> decoded = DecodeCursor(EncodeCursor(cursor));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->direction, log::Direction::kBackward);
  EXPECT_THAT(decoded->places, ElementsAreArray(cursor.places));
}

TEST(CursorTest, RefusesEveryChangedCharacter) {
  const std::string text = EncodeCursor(SomeCursor());
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(DecodeCursor(changed).status().code(), absl::StatusCode::kInvalidArgument)
        << "character " << i;
  }
}

TEST(CursorTest, RefusesEveryPrefix) {
  const std::string text = EncodeCursor(SomeCursor());
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(DecodeCursor(text.substr(0, size)).ok()) << size << " characters";
  }
}

TEST(CursorTest, RefusesTextThatIsNoCursor) {
  EXPECT_FALSE(DecodeCursor("latest").ok());
  EXPECT_FALSE(DecodeCursor("....").ok());
}

}  // namespace
}  // namespace tidemark::delivery
