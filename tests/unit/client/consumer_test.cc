// Consumer against scripted servers: each script plays the server's side of one connection.
#include "tidemark/consumer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/synchronization/notification.h"
#include "tests/unit/client/consumer_script.h"
#include "tests/unit/client/fake_server.h"

namespace tidemark {
namespace {

using testing::ConsumeStream;
using ::testing::ElementsAre;
using testing::FakeServer;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MakeError;
using testing::Script;
using ::testing::SizeIs;

grpc::Status Broken() { return grpc::Status(grpc::StatusCode::UNAVAILABLE, "fake break"); }

class ConsumerTest : public ::testing::Test {
 protected:
  ConsumerOptions Options() {
    ConsumerOptions options;
    options.group = "payroll";
    options.topics = {"hr"};
    options.backoff_min = absl::Milliseconds(1);
    options.backoff_max = absl::Milliseconds(5);
    return options;
  }

  Consumer::Handler Record() {
    return [this](const ReceivedEvent& event) {
      EXPECT_EQ(event.event.data, std::to_string(event.offset));
      handled_.emplace_back(event.partition, event.offset);
      return absl::OkStatus();
    };
  }

  void Play(std::function<grpc::Status(Script&)> play) {
    server_.OnConsume([play](ConsumeStream& stream) {
      Script script(&stream);
      return play(script);
    });
  }

  std::vector<uint64_t> Offsets(uint32_t partition) const {
    std::vector<uint64_t> offsets;
    for (const auto& [p, offset] : handled_) {
      if (p == partition) offsets.push_back(offset);
    }
    return offsets;
  }

  FakeServer server_{2};
  std::vector<std::pair<uint32_t, uint64_t>> handled_;
};

TEST_F(ConsumerTest, HandlesAcknowledgesAndLeavesWhenCaughtUp) {
  v1::Join join;
  Play([&](Script& script) {
    join = script.ReadJoin();
    script.Assign(0, 5);
    script.Deliver(0, 5, 10);
    script.CaughtUp();
    script.ConfirmUpTo(0, 10);
    return script.ConfirmUntilLeave();
  });
  ConsumerOptions options = Options();
  options.filter.types = {"employee.created"};
  options.start = Start::FromTime(absl::FromUnixSeconds(7));
  Consumer consumer(server_.Connect(), options, Record());
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
  EXPECT_THAT(Offsets(0), ElementsAre(5, 6, 7, 8, 9));
  EXPECT_EQ(join.group(), "payroll");
  EXPECT_THAT(join.topics(), ElementsAre("hr"));
  EXPECT_THAT(join.filter().types(), ElementsAre("employee.created"));
  EXPECT_EQ(join.start().time().seconds(), 7);
  EXPECT_EQ(join.mode(), v1::GROUP_MODE_UNSPECIFIED);  // As the group is, or PARTITION_ORDERED.
  EXPECT_EQ(join.credits().events(), 10'000);
  EXPECT_EQ(consumer.stats().events_handled, 5);
}

// The partition that came after CaughtUp has a past of its own. The first partition's last event is
// retried until the second assignment is known, so CaughtUp is met after it.
TEST_F(ConsumerTest, IsNotCaughtUpWhileANewAssignmentIsUnread) {
  Play([](Script& script) {
    script.ReadJoin();
    script.Assign(0, 0);
    script.Deliver(0, 0, 2);
    script.CaughtUp();
    script.Assign(1, 0);
    script.Deliver(1, 0, 3);
    script.CaughtUp();
    return script.ConfirmUntilLeave();
  });
  int assignments = 0;
  int caught_up = 0;
  ConsumerOptions options = Options();
  options.retry_backoff = absl::Milliseconds(1);
  options.on_handler_error = [](const auto&...) { return FailureAction::kRetry; };
  options.on_assigned = [&](const auto&) { ++assignments; };
  options.on_caught_up = [&] { ++caught_up; };
  Consumer consumer(server_.Connect(), options, [&](const ReceivedEvent& event) {
    if (event.partition == 0 && event.offset == 1 && assignments < 2) {
      return absl::UnavailableError("wait for the second assignment");
    }
    handled_.emplace_back(event.partition, event.offset);
    return absl::OkStatus();
  });
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
  EXPECT_THAT(Offsets(0), ElementsAre(0, 1));
  EXPECT_THAT(Offsets(1), ElementsAre(0, 1, 2));
  EXPECT_EQ(caught_up, 2);
}

TEST_F(ConsumerTest, RejoinsAfterABrokenConnection) {
  Play([](Script& script) {
    script.ReadJoin();
    script.Assign(0, 0);
    script.Deliver(0, 0, 4);
    script.ConfirmUpTo(0, 4);
    script.Deliver(0, 4, 6);
    return Broken();
  });
  Play([](Script& script) {
    script.ReadJoin();
    script.Assign(0, 4);
    script.Deliver(0, 4, 8);
    script.CaughtUp();
    return script.ConfirmUntilLeave();
  });
  Consumer consumer(server_.Connect(), Options(), Record());
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
  std::vector<uint64_t> offsets = Offsets(0);
  // At least once: 4 and 5 may have been handled before the break, too.
  EXPECT_THAT(std::set<uint64_t>(offsets.begin(), offsets.end()),
              ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_EQ(consumer.stats().connections, 2);
}

TEST_F(ConsumerTest, AHandlersErrorEndsRunWithThatEventUnacknowledged) {
  std::vector<uint64_t> acked;
  Play([&](Script& script) {
    script.ReadJoin();
    script.Assign(0, 0);
    script.Deliver(0, 0, 10);
    for (v1::ConsumeRequest request = script.Read(); request.has_ack(); request = script.Read()) {
      acked.push_back(request.ack().up_to().offsets(0).offset());
      script.Confirm(request.ack());
    }
    return grpc::Status::OK;
  });
  Consumer consumer(server_.Connect(), Options(), [](const ReceivedEvent& event) {
    return event.offset == 3 ? absl::NotFoundError("no such account") : absl::OkStatus();
  });
  const absl::Status status = consumer.Run();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("partition 0 offset 3: no such account"));
  EXPECT_THAT(acked, ElementsAre(3));
}

TEST_F(ConsumerTest, RetriesOrSkipsAsTold) {
  Play([](Script& script) {
    script.ReadJoin();
    script.Assign(0, 0);
    script.Deliver(0, 0, 4);
    script.CaughtUp();
    script.ConfirmUpTo(0, 4);
    return script.ConfirmUntilLeave();
  });
  ConsumerOptions options = Options();
  options.retry_backoff = absl::Milliseconds(1);
  options.on_handler_error = [](const ReceivedEvent& event, const absl::Status&) {
    return event.offset == 1 ? FailureAction::kRetry : FailureAction::kSkip;
  };
  std::vector<uint64_t> tried;
  Consumer consumer(server_.Connect(), options, [&](const ReceivedEvent& event) {
    tried.push_back(event.offset);
    const bool fails = event.offset == 2 || (event.offset == 1 && tried.size() < 4);
    return fails ? absl::InternalError("not now") : absl::OkStatus();
  });
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
  EXPECT_THAT(tried, ElementsAre(0, 1, 1, 1, 2, 3));
  EXPECT_EQ(consumer.stats().events_failed, 3);
}

// Acknowledges what is done, gives the partition back, and handles nothing more of it.
TEST_F(ConsumerTest, GivesARevokedPartitionBackAtOnce) {
  absl::Notification first_handled, revoked;
  Play([&](Script& script) {
    script.ReadJoin();
    script.Assign(0, 0);
    script.Assign(1, 0);
    script.Deliver(0, 0, 100);
    first_handled.WaitForNotification();
    script.Revoke(0);
    revoked.Notify();
    const v1::ConsumeRequest ack = script.Read();
    EXPECT_TRUE(ack.has_ack());
    script.Confirm(ack.ack());
    const v1::ConsumeRequest release = script.Read();
    EXPECT_TRUE(release.has_release());
    EXPECT_EQ(release.release().partitions(0).partition(), 0);
    script.Deliver(1, 0, 2);
    script.CaughtUp();
    return script.ConfirmUntilLeave();
  });
  std::vector<TopicPartitionOffset> given_back;
  ConsumerOptions options = Options();
  options.ack_interval = absl::Hours(1);
  options.on_revoked = [&](const auto& offsets) { given_back = offsets; };
  Consumer consumer(server_.Connect(), options, [&](const ReceivedEvent& event) {
    handled_.emplace_back(event.partition, event.offset);
    if (handled_.size() == 1) {
      first_handled.Notify();
      revoked.WaitForNotification();
    }
    return absl::OkStatus();
  });
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
  ASSERT_THAT(given_back, SizeIs(1));
  EXPECT_EQ(given_back[0].offset, Offsets(0).size());
  EXPECT_THAT(Offsets(1), ElementsAre(0, 1));
}

TEST_F(ConsumerTest, StopFinishesTheEventInHandAndConfirmsIt) {
  Play([](Script& script) {
    script.ReadJoin();
    script.Assign(0, 0);
    script.Deliver(0, 0, 1000);
    return script.ConfirmUntilLeave();
  });
  std::vector<TopicPartitionOffset> committed;
  ConsumerOptions options = Options();
  options.on_committed = [&](const auto& offsets) { committed = offsets; };
  std::unique_ptr<Consumer> consumer;
  consumer =
      std::make_unique<Consumer>(server_.Connect(), options, [&](const ReceivedEvent& event) {
        handled_.emplace_back(event.partition, event.offset);
        if (event.offset == 2) std::thread([&] { consumer->Stop(); }).join();
        return absl::OkStatus();
      });
  EXPECT_TRUE(consumer->Run().ok());
  EXPECT_THAT(Offsets(0), ElementsAre(0, 1, 2));
  ASSERT_THAT(committed, SizeIs(1));
  EXPECT_EQ(committed[0].offset, 3);
}

TEST_F(ConsumerTest, StopEndsAWaitingConsumer) {
  absl::Notification joined;
  Play([](Script& script) {
    script.ReadJoin();
    return script.ConfirmUntilLeave();
  });
  ConsumerOptions options = Options();
  options.on_joined = [&](const std::string& member_id, bool) {
    EXPECT_EQ(member_id, "member-1");
    joined.Notify();
  };
  Consumer consumer(server_.Connect(), options, Record());
  std::thread other([&] {
    joined.WaitForNotification();
    consumer.Stop();
  });
  EXPECT_TRUE(consumer.Run().ok());
  other.join();
}

TEST_F(ConsumerTest, StopEndsAConsumerWithoutConnection) {
  ConsumerOptions options = Options();
  options.backoff_min = options.backoff_max = absl::Hours(1);
  Consumer* running = nullptr;
  options.on_reconnect = [&](const absl::Status&, absl::Duration) { running->Stop(); };
  Consumer consumer(server_.Connect(), options, Record());
  running = &consumer;
  EXPECT_TRUE(consumer.Run().ok());
}

TEST_F(ConsumerTest, GrantsCreditsAsItWorks) {
  uint64_t granted = 0;
  Play([&](Script& script) {
    script.ReadJoin();
    script.Assign(0, 0);
    for (uint64_t from = 0; from < 1000; from += 10) {
      script.Deliver(0, from, from + 10);
      script.ConfirmUpTo(0, from + 10);
    }
    granted = script.granted_events();
    script.CaughtUp();
    return script.ConfirmUntilLeave();
  });
  ConsumerOptions options = Options();
  options.events_ahead_max = 20;
  Consumer consumer(server_.Connect(), options, Record());
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
  EXPECT_THAT(Offsets(0), SizeIs(1000));
  EXPECT_GE(granted, 960);  // The window, and what is not worth a message yet, may be open.
  EXPECT_LE(granted, 1000);
}

TEST_F(ConsumerTest, ForgetsAFencedPartition) {
  Play([](Script& script) {
    script.ReadJoin();
    script.Assign(0, 0);
    script.Deliver(0, 0, 2);
    script.Fence(script.Read().ack());
    script.Deliver(0, 2, 4);  // Sent before the server knew.
    script.Assign(1, 0);
    script.Deliver(1, 0, 1);
    script.CaughtUp();
    return script.ConfirmUntilLeave();
  });
  Consumer consumer(server_.Connect(), Options(), Record());
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
  EXPECT_THAT(Offsets(0), ElementsAre(0, 1));
  EXPECT_THAT(Offsets(1), ElementsAre(0));
  EXPECT_EQ(consumer.stats().acks_fenced, 1);
}

TEST_F(ConsumerTest, JoinsAgainAfterDraining) {
  Play([](Script& script) {
    script.ReadJoin();
    script.Assign(0, 0);
    script.Drain();
    return Broken();
  });
  Play([](Script& script) {
    script.ReadJoin();
    script.Assign(0, 0);
    script.Deliver(0, 0, 3);
    script.CaughtUp();
    return script.ConfirmUntilLeave();
  });
  Consumer consumer(server_.Connect(), Options(), Record());
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
  EXPECT_THAT(Offsets(0), ElementsAre(0, 1, 2));
}

TEST_F(ConsumerTest, EndsWhenTheGroupReadsSomethingElse) {
  Play([](Script& script) {
    return testing::ToGrpc(MakeError(absl::StatusCode::kFailedPrecondition, "GROUP_DIFFERS"));
  });
  Consumer consumer(server_.Connect(), Options(), Record());
  EXPECT_EQ(consumer.Run().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ConsumerTest, ReportsDamage) {
  Play([](Script& script) {
    script.ReadJoin();
    script.Assign(0, 0);
    script.Deliver(0, 0, 3, /*damaged=*/true);
    return script.ConfirmUntilLeave();
  });
  Consumer consumer(server_.Connect(), Options(), Record());
  EXPECT_EQ(consumer.Run().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(handled_, IsEmpty());
}

TEST_F(ConsumerTest, SaysWhenTheLastAcknowledgementsAreNotConfirmed) {
  Play([](Script& script) {
    script.ReadJoin();
    script.Assign(0, 0);
    script.Deliver(0, 0, 3);
    script.CaughtUp();
    while (!script.Read().has_leave()) {
    }
    return Broken();
  });
  Consumer consumer(server_.Connect(), Options(), Record());
  EXPECT_EQ(consumer.RunUntilCaughtUp().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace tidemark
