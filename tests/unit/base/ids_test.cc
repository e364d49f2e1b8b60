#include "server/base/ids.h"

#include <gtest/gtest.h>

#include <type_traits>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

namespace tidemark {
namespace {

static_assert(!std::is_convertible_v<Offset, Position>);
static_assert(!std::is_convertible_v<uint64_t, Offset>);
static_assert(!std::is_convertible_v<Offset, uint64_t>);

TEST(StrongNumberTest, CountsAndCompares) {
  Offset offset(7);
  EXPECT_EQ(offset + 3, Offset(10));
  EXPECT_EQ(Offset(10) - offset, 3u);
  EXPECT_LT(offset, Offset(8));
  EXPECT_EQ(++offset, Offset(8));
  EXPECT_EQ(Offset(), Offset(0));
}

TEST(StrongNumberTest, PrintsItsValue) {
  EXPECT_EQ(absl::StrCat("at ", Offset(18446744073709551615ull)), "at 18446744073709551615");
}

TEST(StrongNumberTest, IsAHashKey) {
  const absl::flat_hash_set<LogId> logs = {LogId(1), LogId(2), LogId(1)};
  EXPECT_EQ(logs.size(), 2u);
  EXPECT_TRUE(logs.contains(LogId(2)));
}

}  // namespace
}  // namespace tidemark
