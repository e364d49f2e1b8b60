// The open part of an index, against plain lists of batches.
#include "server/log/open_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/support/events.h"
#include "tests/support/random.h"

namespace tidemark::log {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Random;
using testing::TestEvent;

TermQuery KeyQuery(std::vector<std::string> keys) {
  TermQuery query{.keys = std::move(keys)};
  for (const std::string& key : query.keys) query.key_hashes.push_back(HashOfKey(key));
  return query;
}

struct ModelBatch {
  storage::BatchHeader header;
  std::vector<TestEvent> events;
  BatchTerms terms() const {
    BatchTerms terms;
    EXPECT_TRUE(CollectTerms(testing::EncodeEvents(events), true, terms).ok());
    return terms;
  }
};

bool Wants(const TermQuery& query, const ModelBatch& batch) {
  return std::any_of(batch.events.begin(), batch.events.end(), [&](const TestEvent& event) {
    if (!query.by_keys()) return query.MatchesType(event.type);
    return std::find(query.keys.begin(), query.keys.end(), event.key) != query.keys.end();
  });
}

ModelBatch MakeBatch(Offset base, std::vector<TestEvent> events) {
  return {.header = {.base_offset = base,
                     .count = static_cast<uint32_t>(events.size()),
                     .append_time_us = 1000 + base.value()},
          .events = std::move(events)};
}

std::vector<OffsetSpan> Search(const OpenIndex& index, const TermQuery& query, Offset from,
                               Offset until, bool backward, size_t max) {
  std::vector<OffsetSpan> found;
  for (Offset lo = from, hi = until; lo < hi && found.size() < max;) {
    if (backward) {
      hi = index.SearchBackward(query, lo, hi, max, found);
    } else {
      lo = index.SearchForward(query, lo, hi, max, found);
    }
  }
  return found;
}

TEST(OpenIndexTest, FindsBatchesOfAKeyInBothDirections) {
  OpenIndex index(Offset(5), nullptr);
  index.Add({.base_offset = Offset(5), .count = 2},
            MakeBatch(Offset(5), {{.key = "a"}, {}}).terms());
  index.Add({.base_offset = Offset(7), .count = 1}, MakeBatch(Offset(7), {{.key = "b"}}).terms());
  index.Add({.base_offset = Offset(8), .count = 3},
            MakeBatch(Offset(8), {{.key = "b"}, {.key = "a"}, {}}).terms());
  EXPECT_THAT(Search(index, KeyQuery({"a"}), Offset(5), Offset(11), false, 9),
              ElementsAre(OffsetSpan{Offset(5), Offset(7)}, OffsetSpan{Offset(8), Offset(11)}));
  EXPECT_THAT(Search(index, KeyQuery({"a"}), Offset(6), Offset(9), true, 9),
              ElementsAre(OffsetSpan{Offset(8), Offset(9)}, OffsetSpan{Offset(6), Offset(7)}));
  EXPECT_THAT(Search(index, KeyQuery({"c"}), Offset(5), Offset(11), false, 9), IsEmpty());
}

// Clear, DropBelow and the destructor give back exactly what Add took.
TEST(OpenIndexTest, AccountsForItsMemory) {
  const auto budget = std::make_shared<OpenBudget>(1 << 20, 2 << 20, 1000);
  {
    OpenIndex index(Offset(0), budget);
    for (uint64_t i = 0; i < 50; ++i) {
      const ModelBatch batch =
          MakeBatch(Offset(i), {{.type = absl::StrCat("t", i % 7), .key = absl::StrCat("k", i)}});
      index.Add(batch.header, batch.terms());
    }
    EXPECT_EQ(budget->bytes(), index.bytes());
    EXPECT_GT(index.bytes(), 50 * 8);
    index.DropBelow(Offset(50));
    EXPECT_EQ(index.bytes(), 0);  // Types included: nothing refers to them any more.
    const ModelBatch batch = MakeBatch(Offset(50), {{.type = "t", .key = "k"}});
    index.Add(batch.header, batch.terms());
    EXPECT_GT(budget->bytes(), 0);
    index.Clear(Offset(51));
    EXPECT_EQ(budget->bytes(), 0);
    index.Add({.base_offset = Offset(51), .count = 1}, batch.terms());
  }
  EXPECT_EQ(budget->bytes(), 0);
}

class OpenIndexModelTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(OpenIndexModelTest, AgreesWithAPlainList) {
  Random random(testing::SeedOr(GetParam()));
  const Offset begin(random.Below(1000));
  OpenIndex index(begin, nullptr);
  std::vector<ModelBatch> model;
  const auto add = [&](Offset base, bool in_front) {
    std::vector<TestEvent> events;
    for (uint64_t n = random.In(1, 40); n > 0; --n) {
      events.push_back({.type = absl::StrCat("t", random.Below(30)),
                        .key = random.OneIn(4) ? "" : absl::StrCat("k", random.Below(90))});
    }
    if (in_front) base = Offset(base.value() - events.size());
    ModelBatch batch = MakeBatch(base, std::move(events));
    if (in_front) {
      index.AddInFront(batch.header, batch.terms());
      model.insert(model.begin(), std::move(batch));
    } else {
      index.Add(batch.header, batch.terms());
      model.push_back(std::move(batch));
    }
  };
  for (int step = 0; step < 300; ++step) {
    if (random.OneIn(2)) add(index.end(), false);
    if (random.OneIn(8) && index.begin().value() > 100) add(index.begin(), true);
    if (random.OneIn(30) && !model.empty()) {
      const size_t n = random.Below(model.size() + 1);
      index.DropBelow(n == model.size() ? index.end() : model[n].header.base_offset);
      model.erase(model.begin(), model.begin() + static_cast<ptrdiff_t>(n));
    }
    const uint64_t length = index.end() - index.begin();
    const Offset from = index.begin() + random.Below(length + 1);
    const Offset until = from + random.Below(index.end() - from + 1);
    TermQuery query = random.OneIn(2)
                          ? KeyQuery({absl::StrCat("k", random.Below(100))})
                          : TermQuery{.types = {absl::StrCat("t", random.Below(40))},
                                      .prefixes = {absl::StrCat("t2", random.Below(4))}};
    if (random.OneIn(4)) query = KeyQuery({"k1", "k2", absl::StrCat("k", random.Below(100))});
    const size_t max = random.OneIn(2) ? 1000 : random.In(1, 6);
    std::vector<OffsetSpan> expected;
    for (const ModelBatch& batch : model) {
      const Offset low = std::max(batch.header.base_offset, from);
      const Offset high = std::min(batch.header.end_offset(), until);
      if (low < high && Wants(query, batch)) expected.push_back({low, high});
    }
    std::vector<OffsetSpan> reversed(expected.rbegin(), expected.rend());
    if (expected.size() > max) expected.resize(max);
    if (reversed.size() > max) reversed.resize(max);
    ASSERT_EQ(Search(index, query, from, until, false, max), expected) << "step " << step;
    ASSERT_EQ(Search(index, query, from, until, true, max), reversed) << "step " << step;
  }
  std::map<std::string, uint64_t> counts;
  std::map<std::string, uint64_t> expected;
  for (Offset next = index.begin(); next < index.end();) {
    next = index.WalkTypes(next, index.end(),
                           [&](absl::string_view type, uint32_t count, Offset, uint64_t) {
                             counts[std::string(type)] += count;
                           });
  }
  for (const ModelBatch& batch : model) {
    for (const TestEvent& event : batch.events) ++expected[event.type];
  }
  EXPECT_EQ(counts, expected);
}

INSTANTIATE_TEST_SUITE_P(Seeds, OpenIndexModelTest, ::testing::Range<uint64_t>(1, 21));

}  // namespace
}  // namespace tidemark::log
