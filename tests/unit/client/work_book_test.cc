// WorkBook: what is held, for how long, and what is to be said of it.
#include "client/cpp/src/work_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tidemark::internal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

const WorkBook::Partition kHr("hr", 0);
const absl::Time kNow = absl::FromUnixSeconds(1'000);

class WorkBookTest : public ::testing::Test {
 protected:
  WorkBookTest() { book_.SetLease(absl::Seconds(10)); }
  WorkBook book_;
};

TEST_F(WorkBookTest, AcksWhatIsDoneAndHeld) {
  for (const uint64_t offset : {1, 2, 3}) book_.Receive(kHr, offset, 1, kNow);
  book_.Done(kHr, 2, kNow + absl::Seconds(1));
  book_.Done(kHr, 1, kNow + absl::Seconds(2));
  book_.Done(kHr, 7, kNow);  // Never came.
  EXPECT_EQ(book_.dirty_events(), 2u);
  EXPECT_EQ(book_.dirty_since(), kNow + absl::Seconds(1));
  EXPECT_THAT(book_.TakeAcks(10), ElementsAre(Pair(kHr, UnorderedElementsAre(1, 2))));
  EXPECT_THAT(book_.TakeAcks(10), IsEmpty());
  EXPECT_EQ(book_.dirty_since(), absl::InfiniteFuture());
}

TEST_F(WorkBookTest, AcksComeInPortions) {
  for (uint64_t offset = 0; offset < 5; ++offset) {
    book_.Receive(kHr, offset, 1, kNow);
    book_.Done(kHr, offset, kNow);
  }
  size_t acked = 0;
  for (int i = 0; i < 3; ++i) acked += book_.TakeAcks(2)[kHr].size();
  EXPECT_EQ(acked, 5u);
  EXPECT_EQ(book_.dirty_events(), 0u);
}

TEST_F(WorkBookTest, HoldsUntilTheLeaseIsOver) {
  book_.Receive(kHr, 1, 1, kNow);
  EXPECT_TRUE(book_.Holds(kHr, 1, 1, kNow + absl::Seconds(9)));
  EXPECT_FALSE(book_.Holds(kHr, 1, 1, kNow + absl::Seconds(10)));
  EXPECT_FALSE(book_.Holds(kHr, 2, 1, kNow));
  book_.Forget(kHr, 1);
  EXPECT_FALSE(book_.Holds(kHr, 1, 1, kNow));
}

TEST_F(WorkBookTest, ExtendsWhatIsHeldOnceHalfOfItsLeaseIsOver) {
  for (const uint64_t offset : {1, 2, 3}) book_.Receive(kHr, offset, 1, kNow);
  book_.Done(kHr, 2, kNow);
  EXPECT_EQ(book_.extend_at(), kNow + absl::Seconds(5));
  EXPECT_THAT(book_.TakeExtensions(9, kNow + absl::Seconds(4)), IsEmpty());
  const absl::Time later = kNow + absl::Seconds(5);
  EXPECT_THAT(book_.TakeExtensions(9, later), ElementsAre(Pair(kHr, ElementsAre(1, 3))));
  EXPECT_TRUE(book_.Holds(kHr, 1, 1, later + absl::Seconds(9)));
  EXPECT_EQ(book_.extend_at(), later + absl::Seconds(5));
}

TEST_F(WorkBookTest, WhatWasNotExtendedInTimeIsGone) {
  book_.Receive(kHr, 1, 1, kNow);
  EXPECT_THAT(book_.TakeExtensions(9, kNow + absl::Seconds(10)), IsEmpty());
  book_.Done(kHr, 1, kNow + absl::Seconds(10));
  EXPECT_EQ(book_.dirty_events(), 0u);
}

TEST_F(WorkBookTest, WhatComesAgainIsHeldAnew) {
  book_.Receive(kHr, 1, 1, kNow);
  book_.Receive(kHr, 1, 2, kNow + absl::Seconds(3));
  EXPECT_FALSE(book_.Holds(kHr, 1, 1, kNow + absl::Seconds(4)));
  book_.Forget(kHr, 1, 1);  // What becomes of the first delivery is of no interest.
  EXPECT_TRUE(book_.Holds(kHr, 1, 2, kNow + absl::Seconds(12)));
  // Of the first time nothing is extended.
  EXPECT_THAT(book_.TakeExtensions(9, kNow + absl::Seconds(5)), IsEmpty());
  EXPECT_EQ(book_.TakeExtensions(9, kNow + absl::Seconds(8)).size(), 1u);
}

}  // namespace
}  // namespace tidemark::internal
