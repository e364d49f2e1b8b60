// Random lives of a work queue against a plain reference: see WorkWorld for what is checked.
// TIDEMARK_TEST_SEED repeats one.
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/model/groups/work_world.h"

namespace tidemark::groups {
namespace {

constexpr int kSteps = 2'000;
constexpr uint64_t kSeeds = 200;

void Live(uint64_t seed) {
  SCOPED_TRACE(absl::StrCat("TIDEMARK_TEST_SEED=", seed));
  WorkWorld world(seed);
  for (int step = 0; step < kSteps; ++step) {
    world.Step();
    ASSERT_EQ(world.problem(), "") << "at step " << step;
  }
  world.Finish();
  ASSERT_EQ(world.problem(), "") << "at the end";
}

TEST(WorkModelTest, KeepsItsPromisesInRandomLives) {
  const uint64_t only = testing::SeedOr(0);
  if (only != 0) return Live(only);
  for (uint64_t seed = 1; seed <= kSeeds && !HasFailure(); ++seed) Live(seed);
}

}  // namespace
}  // namespace tidemark::groups
