// CommitOffsets and GetOffsets: offsets without a stream.
#include "tests/unit/groups/coordinator_fixture.h"

namespace tidemark::groups {
namespace {

class CommitOffsetsTest : public CoordinatorTest {
 protected:
  void SetUp() override {
    CoordinatorTest::SetUp();
    Append("hr", 0, 10);
    Append("hr", 1, 10);
  }
  static OffsetEntry Expecting(OffsetEntry entry, std::optional<uint64_t> expected) {
    if (expected.has_value()) {
      entry.expected = Offset(*expected);
    } else {
      entry.expected = NothingCommitted{};
    }
    return entry;
  }
};

TEST_F(CommitOffsetsTest, MakesTheGroupAndKeepsItsOffsets) {
  ASSERT_TRUE(Commit({Entry(0, 5), Entry(1, 10)}).ok());
  Restart();
  EXPECT_EQ(Offsets(), "hr/0@5 hr/1@10");
  EXPECT_EQ(Join()->Owned(), "hr/0@5 hr/1@10 hr/2@0 hr/3@0");
}

TEST_F(CommitOffsetsTest, ReadsTheTopicsAskedFor) {
  CreateTopic("pay", 1);
  ASSERT_TRUE(Commit({Entry(0, 5), Entry(0, 0, "pay")}).ok());
  EXPECT_EQ(Offsets({"pay"}), "pay/0@0");
  EXPECT_TRUE(absl::IsNotFound(groups_->GetOffsets("payroll", {"nothing"}).status()));
  EXPECT_TRUE(absl::IsNotFound(groups_->GetOffsets("nobody", {}).status()));
}

TEST_F(CommitOffsetsTest, MovesForward) {
  ASSERT_TRUE(Commit({Entry(0, 5)}).ok());
  ASSERT_TRUE(Commit({Entry(0, 5)}).ok());
  ASSERT_TRUE(Commit({Entry(0, 6), Entry(1, 1)}).ok());
  EXPECT_EQ(Offsets(), "hr/0@6 hr/1@1");
}

TEST_F(CommitOffsetsTest, MovesBackOnlyWhenAllowed) {
  ASSERT_TRUE(Commit({Entry(0, 5)}).ok());
  const absl::Status status = Commit({Entry(1, 7), Entry(0, 4)});
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(ReasonOf(status), "OFFSET_REWIND");
  EXPECT_EQ(MetadataOf(status, "committed_offset"), "5");
  EXPECT_EQ(Offsets(), "hr/0@5");  // Nothing of it.
  ASSERT_TRUE(Commit({Entry(1, 7), Entry(0, 4)}, /*allow_rewind=*/true).ok());
  EXPECT_EQ(Offsets(), "hr/0@4 hr/1@7");
}

// Nobody is in the group whose ticks would do it.
TEST_F(CommitOffsetsTest, WaitOutAQueueThatStaysFull) {
  ASSERT_TRUE(Commit({Entry(0, 5)}).ok());
  Close();
  harness_.options().log.pipeline.queue_bytes_max = 400;  // One small request.
  Open();
  ASSERT_EQ(Offsets(), "hr/0@5");  // It is loaded.
  absl::Notification committed;
  absl::Notification room;
  {
    testing::PipelinePause pause(harness_.log());
    harness_.log().CommitOffsets({}, [&](absl::Status) { room.Notify(); });  // Fills the queue.
    groups_->CommitOffsets("payroll", {Entry(0, 7)}, false, [&](absl::Status status) {
      EXPECT_TRUE(status.ok()) << status;
      committed.Notify();
    });
    for (int i = 0; i < 3; ++i) groups_->Tick(clock().Now());
    EXPECT_FALSE(committed.HasBeenNotified());
  }
  room.WaitForNotification();
  groups_->Tick(clock().Now());
  ASSERT_TRUE(committed.WaitForNotificationWithTimeout(absl::Seconds(30)));
  EXPECT_EQ(Offsets(), "hr/0@7");
}

TEST_F(CommitOffsetsTest, RefusesPlacesThatDoNotExist) {
  EXPECT_TRUE(absl::IsNotFound(Commit({Entry(0, 1), Entry(0, 1, "nothing")})));
  const absl::Status status = Commit({Entry(0, 1), Entry(4, 0)});
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_EQ(ReasonOf(status), "PARTITION_NOT_FOUND");
  EXPECT_EQ(MetadataOf(status, "partition"), "4");
  EXPECT_TRUE(absl::IsNotFound(groups_->GetGroup("payroll").status()));
}

TEST_F(CommitOffsetsTest, RefusesOffsetsPastTheEnd) {
  for (int i = 0; i < 2; ++i) {  // Without the group, and with it.
    const absl::Status status = Commit({Entry(0, 11)});
    EXPECT_TRUE(absl::IsOutOfRange(status));
    EXPECT_EQ(MetadataOf(status, "end_offset"), "10");
    ASSERT_TRUE(Commit({Entry(0, 10)}).ok());
  }
}

TEST_F(CommitOffsetsTest, ComparesAndSets) {
  ASSERT_TRUE(Commit({Expecting(Entry(0, 5), std::nullopt)}).ok());
  ASSERT_TRUE(Commit({Expecting(Entry(0, 6), 5), Expecting(Entry(1, 1), std::nullopt)}).ok());
  const absl::Status status =
      Commit({Expecting(Entry(0, 8), 5), Expecting(Entry(1, 8), std::nullopt), Entry(2, 0),
              Expecting(Entry(3, 0), 4)});
  EXPECT_TRUE(absl::IsAborted(status));
  const std::vector<PreconditionViolation> all = DetailOf(status)->preconditions;
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].subject, "topics/hr/partitions/0");
  EXPECT_EQ(all[0].description, "expected 5, and 6 is committed");
  EXPECT_EQ(all[1].description, "expected nothing, and 1 is committed");
  EXPECT_EQ(all[2].description, "expected 4, and nothing is committed");
  EXPECT_EQ(Offsets(), "hr/0@6 hr/1@1");
}

TEST_F(CommitOffsetsTest, MakesNoGroupWhenAnExpectationFails) {
  EXPECT_TRUE(absl::IsAborted(Commit({Expecting(Entry(0, 5), 3)})));
  EXPECT_TRUE(absl::IsNotFound(groups_->GetGroup("payroll").status()));
}

// Of two who expect the same, one wins, also while the first is on its way to the disk.
TEST_F(CommitOffsetsTest, LetsOneOfTwoWin) {
  ASSERT_TRUE(Commit({Entry(0, 1)}).ok());
  EXPECT_EQ(Offsets(), "hr/0@1");  // Loaded from here on, so the first call is served first.
  testing::PipelinePause pause(harness_.log());
  absl::Notification done;
  groups_->CommitOffsets("payroll", {Expecting(Entry(0, 5), 1)}, false, [&](absl::Status status) {
    EXPECT_TRUE(status.ok()) << status;
    done.Notify();
  });
  EXPECT_TRUE(absl::IsAborted(Commit({Expecting(Entry(0, 7), 1)})));
  pause.Resume();
  done.WaitForNotification();
  EXPECT_EQ(Offsets(), "hr/0@5");
}

TEST_F(CommitOffsetsTest, RefusesPartitionsThatAMemberOwns) {
  const ConsumerPtr consumer = Join();
  const absl::Status status = Commit({Entry(0, 5)});
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(ReasonOf(status), "PARTITION_OWNED");
  EXPECT_EQ(MetadataOf(status, "member_id"), consumer->member->id());
  EXPECT_EQ(MetadataOf(status, "client_name"), "payroll-1");
  consumer->member->Leave();
  EXPECT_TRUE(Commit({Entry(0, 5)}).ok());
}

TEST_F(CommitOffsetsTest, RefusesTopicsTheGroupDoesNotRead) {
  CreateTopic("pay", 1);
  ASSERT_TRUE(Commit({Entry(0, 5)}).ok());
  const absl::Status status = Commit({Entry(0, 0, "pay")});
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(ReasonOf(status), "GROUP_SETTINGS_DIFFER");
}

}  // namespace
}  // namespace tidemark::groups
