// WorkWindow against a plain map.
#include "server/groups/work_window.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/support/random.h"

namespace tidemark::groups {
namespace {

TEST(WorkWindowTest, ToldOffsetsAreThoseThatWereToldAndAreThere) {
  WorkWindow window;
  for (const uint64_t offset : {31, 32, 33}) window.Add(Offset(offset), EntryIndex(offset));
  window.Tell(Offset(33));
  window.Tell(Offset(31));
  EXPECT_EQ(window.Undone(0), uint32_t{1} << 31);
  EXPECT_EQ(window.Told(0), uint32_t{1} << 31);
  EXPECT_EQ(window.Undone(1), 3u);
  EXPECT_EQ(window.Told(1), 2u);
  window.Erase(Offset(33));
  EXPECT_EQ(window.Told(1), 0u);
  EXPECT_EQ(window.Undone(7), 0u);
}

// The same as a map, whatever the order: offsets close together, far apart, and again.
TEST(WorkWindowTest, AgreesWithAMapInRandomLives) {
  const uint64_t seed = testing::SeedOr(1);
  SCOPED_TRACE(::testing::Message() << "TIDEMARK_TEST_SEED=" << seed);
  testing::Random random(seed);
  WorkWindow window;
  std::map<uint64_t, EntryIndex> model;
  for (int step = 0; step < 20'000; ++step) {
    const uint64_t offset = random.OneIn(3) ? random.Below(100'000) : random.Below(200);
    if (model.contains(offset)) {
      window.Erase(Offset(offset));
      model.erase(offset);
    } else {
      window.Add(Offset(offset), static_cast<EntryIndex>(step));
      model[offset] = static_cast<EntryIndex>(step);
    }
    ASSERT_EQ(window.size(), model.size());
    ASSERT_EQ(window.empty(), model.empty());
    if (!model.empty()) {
      ASSERT_EQ(window.first().value(), model.begin()->first);
    }
    const uint64_t other = random.Below(300);
    ASSERT_EQ(window.Find(Offset(other)), model.contains(other) ? model.at(other) : kNoEntry);
  }
  std::map<uint64_t, EntryIndex> seen;
  window.ForEach([&](Offset offset, EntryIndex entry) {
    seen[offset.value()] = entry;
    return true;
  });
  EXPECT_EQ(seen, model);
}

}  // namespace
}  // namespace tidemark::groups
