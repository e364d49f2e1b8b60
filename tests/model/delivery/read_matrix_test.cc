// Every combination of start, stop, direction, order, filter, without_data, max_events and
// max_batch_bytes, finite and endless, cut at random and resumed by cursor, over random histories,
// yields what a plain list says.
//
// TIDEMARK_MATRIX_HISTORIES=N  N histories, every shape on each (default: one shape in kSpread).
// TIDEMARK_TEST_SEED=N         the first seed.
#include <gtest/gtest.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "tests/model/delivery/read_case.h"

namespace tidemark::delivery {
namespace {

constexpr uint64_t kHistories = 6;
constexpr size_t kSpread = 12;

// Nothing: a short run.
std::optional<uint64_t> CampaignHistories() {
  const char* text = std::getenv("TIDEMARK_MATRIX_HISTORIES");
  if (text == nullptr) return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

TEST(ReadMatrixTest, YieldsWhatAPlainListSays) {
  const std::vector<ReadShape> shapes = ReadShape::All();
  const std::optional<uint64_t> campaign = CampaignHistories();
  const uint64_t first = testing::SeedOr(1);
  for (uint64_t seed = first; seed < first + campaign.value_or(kHistories); ++seed) {
    ReadWorld world(seed);
    world.Live(60);
    for (size_t i = 0; i < shapes.size(); ++i) {
      if (!campaign.has_value() && (i * 7 + seed) % kSpread != 0) continue;
      const std::string difference = RunCase(world, shapes[i]);
      ASSERT_EQ(difference, "") << "seed " << seed << ", shape " << i << ": "
                                << shapes[i].ToString();
      if (world.random().OneIn(50)) world.Live(1);
      if (world.random().OneIn(300)) world.Restart();
    }
  }
}

}  // namespace
}  // namespace tidemark::delivery
