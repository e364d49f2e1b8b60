// Random lives of a group against a plain reference: see GroupWorld for what is checked.
// TIDEMARK_TEST_SEED repeats one.
#include "gtest/gtest.h"
#include "tests/model/groups/group_world.h"

namespace tidemark::groups {
namespace {

constexpr int kSteps = 3'000;
constexpr uint64_t kSeeds = 60;

void Live(uint64_t seed) {
  SCOPED_TRACE(absl::StrCat("TIDEMARK_TEST_SEED=", seed));
  GroupWorld world(seed);
  for (int step = 0; step < kSteps; ++step) {
    world.Step();
    ASSERT_EQ(world.problem(), "") << "at step " << step;
  }
  world.Finish();
  ASSERT_EQ(world.problem(), "") << "at the end";
}

TEST(GroupModelTest, KeepsItsPromisesInRandomLives) {
  const uint64_t only = testing::SeedOr(0);
  if (only != 0) return Live(only);
  for (uint64_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed) Live(seed);
}

}  // namespace
}  // namespace tidemark::groups
