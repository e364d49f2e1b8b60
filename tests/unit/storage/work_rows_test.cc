// Work blocks and dead letters as bytes: what is written is read, and nothing else is taken for it.
#include "server/storage/work_rows.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "server/base/crc32c.h"
#include "server/storage/coding.h"
#include "server/storage/key_schema.h"
#include "tests/support/random.h"

namespace tidemark::storage {
namespace {

WorkBlock RandomBlock(testing::Random& random) {
  WorkBlock block;
  uint32_t next = 0;
  while (true) {
    const auto from = next + static_cast<uint32_t>(random.In(1, 40));
    const auto until = from + static_cast<uint32_t>(random.In(1, 40));
    if (until > kWorkBlockOffsets) return block;
    if (random.OneIn(2)) {
      block.done.push_back({from, until});
    } else {
      block.tried.push_back({.from = from,
                             .until = until,
                             .attempts = static_cast<uint32_t>(random.In(1, 1000)),
                             .first_us = random.Below(UINT64_MAX),
                             .due_us = random.OneIn(2) ? 0 : random.Below(UINT64_MAX)});
    }
    next = until;
  }
}

DeadLetter FullLetter() {
  return {.attempts = 3,
          .first_us = 1'700'000'000'000'000,
          .dead_us = 1'700'000'000'000'005,
          .reason = "no such account",
          .last_client = "payroll-1",
          .type = "employee.created",
          .key = std::string("a\0b", 3),
          .blocks_key = true,
          .redrive = DeadLetter::Redrive{.due_us = 7, .attempts_before = 2},
          .event = std::string("\x12\0z", 3)};
}

// A row of this content with a matching checksum.
std::string Row(const std::string& content, char version = 1) {
  std::string row(1, version);
  AppendLittle32(row, base::Crc32c(content));
  return row + content;
}

TEST(WorkRowsTest, BlocksAreReadAsTheyWereWritten) {
  for (uint64_t seed = testing::SeedOr(1), end = seed + 200; seed < end; ++seed) {
    SCOPED_TRACE(absl::StrCat("TIDEMARK_TEST_SEED=", seed));
    testing::Random random(seed);
    const WorkBlock block = RandomBlock(random);
    const absl::StatusOr<WorkBlock> read = DecodeWorkBlock(EncodeWorkBlock(block));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, block);
  }
}

TEST(WorkRowsTest, ARunIsSmall) {
  const WorkBlock block{.done = {{0, 300}}, .tried = {{300, 512, 1, 1, 0}}};
  EXPECT_LE(EncodeWorkBlock(block).size(), 20u);
}

TEST(WorkRowsTest, DeadLettersAreReadAsTheyWereWritten) {
  for (const DeadLetter& letter : {DeadLetter{}, FullLetter()}) {
    const absl::StatusOr<DeadLetter> read = DecodeDeadLetter(EncodeDeadLetter(letter));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, letter);
  }
}

TEST(WorkRowsTest, EveryFlippedBitAndEveryCutIsFoundOut) {
  const std::string block =
      EncodeWorkBlock({.done = {{1, 2}, {5, 9}}, .tried = {{9, 10, 2, 3, 4}}});
  const std::string letter = EncodeDeadLetter(FullLetter());
  for (size_t bit = 0; bit < block.size() * 8; ++bit) {
    std::string damaged = block;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_TRUE(absl::IsDataLoss(DecodeWorkBlock(damaged).status())) << bit;
  }
  for (size_t bit = 0; bit < letter.size() * 8; ++bit) {
    std::string damaged = letter;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_TRUE(absl::IsDataLoss(DecodeDeadLetter(damaged).status())) << bit;
  }
  for (size_t size = 0; size < block.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeWorkBlock(block.substr(0, size)).status())) << size;
  }
}

TEST(WorkRowsTest, WhatMakesNoSenseIsRefusedThoughItsChecksumMatches) {
  for (const std::string& content :
       {std::string("\x01\x00\x00\x00", 4),                      // Done, of no length.
        std::string("\x01\xff\x03\x02\x00", 5),                  // Past the block's end.
        std::string("\x02\x00\x01", 3),                          // One of two.
        std::string("\x01\x00\x05\x01\x02\x01\x01\x00\x00", 9),  // Done and tried.
        std::string("\x00\x01\x00\x01\x00\x00\x00", 7),          // Tried without attempts.
        std::string("\x00\x00\x00", 3)}) {                       // Something behind it.
    EXPECT_TRUE(absl::IsDataLoss(DecodeWorkBlock(Row(content)).status()));
  }
  EXPECT_TRUE(DecodeWorkBlock(Row(std::string(2, '\0'))).ok());
  EXPECT_TRUE(absl::IsDataLoss(DecodeWorkBlock(Row(std::string(2, '\0'), 2)).status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeDeadLetter(Row("\x08")).status()));
}

TEST(WorkRowsTest, KeysOfAGroupAreApartAndSorted) {
  const GroupId group(5);
  const LogId log(6);
  GroupRowKeyParts parts;
  ASSERT_TRUE(ParseGroupRowKey(DeadLetterKey(group, log, Offset(7)), parts));
  EXPECT_EQ(parts.log, log);
  EXPECT_EQ(parts.number, 7u);
  EXPECT_LT(WorkBlockKey(group, log, 9), WorkBlockKey(group, log, 256));
  EXPECT_LT(WorkBlockKey(group, log, UINT64_MAX), WorkBlockKey(group, log + 1, 0));
  GroupId marked;
  ASSERT_TRUE(ParseDeadLetterMarkKey(DeadLetterMarkKey(log, group), marked));
  EXPECT_EQ(marked, group);
  EXPECT_FALSE(ParseGroupRowKey(DeadLetterMarkKey(log, group), parts));
}

}  // namespace
}  // namespace tidemark::storage
