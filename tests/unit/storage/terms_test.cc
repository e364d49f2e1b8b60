// The bytes of the index of types and keys: random round trips, and every kind of damage noticed.
#include "server/storage/terms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "server/storage/coding.h"
#include "server/storage/key_schema.h"
#include "tests/support/random.h"

namespace tidemark::storage {
namespace {

using ::testing::ElementsAre;
using testing::Random;

struct Row {
  Offset until;
  bool counted = false;
  TypeSummary summary;
  std::vector<Posting> postings;
};

Row RandomRow(Random& random) {
  Row row{.counted = random.OneIn(2)};
  // Gaps of one byte, of several, and as far as offsets go.
  const uint64_t gap_max = uint64_t{1} << random.In(1, random.OneIn(10) ? 50 : 20);
  Offset base(random.Below(gap_max));
  for (uint64_t n = random.In(1, 50); n > 0; --n) {
    const uint64_t span = random.Below(uint64_t{1} << random.In(1, 16));
    const uint64_t count = row.counted ? random.In(1, span + 2) : 0;
    row.postings.push_back({base, base + span, count});
    row.summary.count += count;
    base = base + span + random.In(1, gap_max + 1);
  }
  row.until = row.postings.back().last + random.In(1, gap_max + 1);
  row.summary.first_time_us = random.Below(uint64_t{1} << 52);
  row.summary.last_time_us = row.summary.first_time_us + random.Below(1 << 20);
  return row;
}

std::string Encode(const Row& row) {
  std::string bytes;
  if (row.counted) AppendTypeSummary(bytes, row.summary);
  PostingWriter writer(bytes, row.until);
  for (const Posting& posting : row.postings) {
    row.counted ? writer.Add(posting.first, posting.last, posting.count)
                : writer.Add(posting.first, posting.last);
  }
  return bytes;
}

// False if it is noticed that the bytes are damaged.
bool Decode(absl::string_view bytes, Offset until, bool counted, TypeSummary& summary,
            std::vector<Posting>& postings) {
  if (counted && !TakeTypeSummary(bytes, summary)) return false;
  PostingReader reader(bytes, until, counted ? &summary : nullptr);
  Posting posting;
  while (reader.Next(posting)) postings.push_back(posting);
  return reader.ok();
}

class TermsTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  Random random_{testing::SeedOr(GetParam())};
};

TEST_P(TermsTest, RowsComeBackAsTheyWere) {
  for (int i = 0; i < 200; ++i) {
    const Row row = RandomRow(random_);
    TypeSummary summary;
    std::vector<Posting> postings;
    ASSERT_TRUE(Decode(Encode(row), row.until, row.counted, summary, postings));
    EXPECT_EQ(postings, row.postings);
    if (row.counted) {
      EXPECT_EQ(summary, row.summary);
    }
  }
}

// Counts add up, so a row that lost its end is noticed; without counts it may look like a shorter
// one, and RocksDB's checksum has to notice. Whatever the bytes, offsets rise below the end.
TEST_P(TermsTest, CutRowsWithCountsAreNoticed) {
  const Row row = [&] {
    Row counted = RandomRow(random_);
    while (!counted.counted) counted = RandomRow(random_);
    return counted;
  }();
  const std::string bytes = Encode(row);
  for (size_t size = 0; size < bytes.size(); ++size) {
    TypeSummary summary;
    std::vector<Posting> postings;
    EXPECT_FALSE(
        Decode(absl::string_view(bytes).substr(0, size), row.until, true, summary, postings))
        << "cut to " << size << " of " << bytes.size();
  }
}

TEST_P(TermsTest, NoBytesMakeOffsetsThatDoNotRise) {
  for (int i = 0; i < 500; ++i) {
    Row row = RandomRow(random_);
    std::string bytes = Encode(row);
    for (uint64_t n = random_.In(1, 4); n > 0; --n) {
      random_.Of(bytes) = static_cast<char>(random_.Below(256));
    }
    if (random_.OneIn(2)) bytes += random_.Bytes(random_.Below(12));
    TypeSummary summary;
    std::vector<Posting> postings;
    Decode(bytes, row.until, row.counted, summary, postings);
    for (size_t k = 0; k < postings.size(); ++k) {
      ASSERT_LE(postings[k].first, postings[k].last);
      ASSERT_LT(postings[k].last, row.until);
      if (k > 0) {
        ASSERT_GT(postings[k].first, postings[k - 1].last);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, TermsTest, ::testing::Range<uint64_t>(1, 9));

TEST(KeyTotalTest, ComesBackAndAddsUp) {
  const KeyTotal early{.count = 3, .first = Offset(5), .last = Offset(9)};
  const KeyTotal late{.count = 1, .first = Offset(700), .last = Offset(700)};
  for (const KeyTotal& total : {early, late}) {
    KeyTotal decoded;
    ASSERT_TRUE(DecodeKeyTotal(EncodeKeyTotal(total), decoded));
    EXPECT_EQ(decoded, total);
  }
  const KeyTotal sum{.count = 4, .first = Offset(5), .last = Offset(700)};
  EXPECT_EQ(Sum(early, late), sum);
  EXPECT_EQ(Sum(late, early), sum);
}

TEST(KeyTotalTest, RefusesWhatIsNone) {
  const std::string good = EncodeKeyTotal({.count = 3, .first = Offset(500), .last = Offset(900)});
  KeyTotal total;
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(DecodeKeyTotal(absl::string_view(good).substr(0, size), total)) << size;
  }
  EXPECT_FALSE(DecodeKeyTotal(good + "x", total));
  EXPECT_FALSE(DecodeKeyTotal(absl::string_view("\0\1\1", 3), total));  // No event.
  EXPECT_FALSE(DecodeKeyTotal("\5\1\2", total));                        // Five among three offsets.
}

TEST(TermKeyTest, SortsByTermThenByEnd) {
  const LogId log(7);
  std::vector<std::string> keys = {TermKey(log, TermKind::kKey, "a", Offset(1)),
                                   TermKey(log, TermKind::kKey, "a", Offset(300)),
                                   TermKey(log, TermKind::kKey, "a b", Offset(1)),
                                   TermKey(log, TermKind::kKey, "ab", Offset(1)),
                                   KeyTotalKey(log, "a"),
                                   SealedKey(log),
                                   TermKey(log, TermKind::kType, "\xc3\xa4", Offset(1)),
                                   TermsPrefix(log + 1)};
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
}

TEST(TermKeyTest, IsTakenApartOnlyAsWhatItIs) {
  const std::string key = TermKey(LogId(7), TermKind::kType, "employee.created", Offset(1 << 20));
  TermKeyParts parts;
  ASSERT_TRUE(ParseTermKey(key, LogId(7), TermKind::kType, parts));
  EXPECT_EQ(parts.term, "employee.created");
  EXPECT_EQ(parts.until, Offset(1 << 20));
  EXPECT_FALSE(ParseTermKey(key, LogId(8), TermKind::kType, parts));
  EXPECT_FALSE(ParseTermKey(key, LogId(7), TermKind::kKey, parts));
  EXPECT_FALSE(ParseTermKey(SealedKey(LogId(7)), LogId(7), TermKind::kType, parts));
}

TEST(VarintTest, RefusesWhatIsTooLongOrCut) {
  uint64_t value = 0;
  for (const uint64_t number : {uint64_t{0}, uint64_t{127}, uint64_t{128}, UINT64_MAX}) {
    std::string bytes;
    AppendVarint(bytes, number);
    absl::string_view rest = bytes;
    ASSERT_TRUE(TakeVarint(rest, value));
    EXPECT_EQ(value, number);
    EXPECT_TRUE(rest.empty());
    rest = absl::string_view(bytes).substr(0, bytes.size() - 1);
    EXPECT_FALSE(TakeVarint(rest, value));
  }
  absl::string_view eleven("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01");
  EXPECT_FALSE(TakeVarint(eleven, value));
  absl::string_view too_much("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");
  EXPECT_FALSE(TakeVarint(too_much, value));
}

}  // namespace
}  // namespace tidemark::storage
