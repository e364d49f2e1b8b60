// Consumer with several handlers at work, and with retries, against scripted servers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <stdexcept>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "tests/unit/client/consumer_script.h"
#include "tests/unit/client/fake_server.h"
#include "tidemark/consumer.h"

namespace tidemark {
namespace {

using testing::ConsumeStream;
using ::testing::ElementsAre;
using testing::FakeServer;
using ::testing::HasSubstr;
using testing::Script;

class ConsumerParallelTest : public ::testing::Test {
 protected:
  ConsumerOptions Options(int concurrency) {
    ConsumerOptions options;
    options.group = "payroll";
    options.topics = {"hr"};
    options.concurrency = concurrency;
    return options;
  }
  void Play(std::function<grpc::Status(Script&)> play) {
    server_.OnConsume([play](ConsumeStream& stream) {
      Script script(&stream);
      return play(script);
    });
  }

  FakeServer server_{2};
};

TEST_F(ConsumerParallelTest, KeepsTheOrderOfEachKeyAndAcknowledgesEverything) {
  constexpr uint64_t kEvents = 3'000;
  Play([](Script& script) {
    script.ReadJoin();
    script.Assign(0, 0);
    for (uint64_t from = 0; from < kEvents; from += 100) {
      script.DeliverKeyed(0, from, from + 100, 17);
    }
    script.CaughtUp();
    script.ConfirmUpTo(0, kEvents);
    return script.ConfirmUntilLeave();
  });
  absl::Mutex mu;
  std::map<std::string, std::vector<uint64_t>> by_key;
  bool caught_up = false;
  ConsumerOptions options = Options(8);
  options.on_caught_up = [&] {
    absl::MutexLock lock(&mu);
    size_t handled = 0;
    for (const auto& [key, offsets] : by_key) handled += offsets.size();
    EXPECT_EQ(handled, kEvents);  // What it is about came before it.
    caught_up = true;
  };
  Consumer consumer(server_.Connect(), options, [&](const ReceivedEvent& event) {
    EXPECT_EQ(event.event.data, std::to_string(event.offset));
    absl::MutexLock lock(&mu);
    by_key[std::string(event.event.key)].push_back(event.offset);
    return absl::OkStatus();
  });
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
  EXPECT_TRUE(caught_up);
  EXPECT_EQ(by_key.size(), 17u);
  for (const auto& [key, offsets] : by_key) {
    EXPECT_TRUE(std::is_sorted(offsets.begin(), offsets.end())) << key;
  }
  EXPECT_EQ(consumer.stats().events_handled, kEvents);
}

TEST_F(ConsumerParallelTest, HandlersAreAtWorkAtOnce) {
  Play([](Script& script) {
    script.ReadJoin();
    script.Assign(0, 0);
    script.Deliver(0, 0, 4);
    script.CaughtUp();
    return script.ConfirmUntilLeave();
  });
  absl::Mutex mu;
  int at_work = 0;
  Consumer consumer(server_.Connect(), Options(4), [&](const ReceivedEvent&) {
    absl::MutexLock lock(&mu);
    ++at_work;
    const auto all = [&] { return at_work == 4; };
    mu.Await(absl::Condition(&all));
    return absl::OkStatus();
  });
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
}

// The first event takes longest: nothing may be acknowledged past it.
TEST_F(ConsumerParallelTest, AcknowledgesNothingPastWhatIsInHand) {
  absl::Notification others_done;
  std::vector<uint64_t> acked;
  Play([&](Script& script) {
    script.ReadJoin();
    script.Assign(0, 0);
    script.Deliver(0, 0, 10);
    script.CaughtUp();
    for (v1::ConsumeRequest request = script.Read(); request.has_ack(); request = script.Read()) {
      acked.push_back(request.ack().up_to().offsets(0).offset());
      EXPECT_TRUE(others_done.HasBeenNotified());
      script.Confirm(request.ack());
    }
    return grpc::Status::OK;
  });
  std::atomic<int> done = 0;
  ConsumerOptions options = Options(2);
  options.ack_interval = absl::ZeroDuration();
  Consumer consumer(server_.Connect(), options, [&](const ReceivedEvent& event) {
    if (event.offset == 0) others_done.WaitForNotification();
    // The lane of offset 0 has every second event; the other lane has five.
    if (event.offset % 2 == 1 && ++done == 5) others_done.Notify();
    return absl::OkStatus();
  });
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
  EXPECT_EQ(acked.back(), 10u);
}

TEST_F(ConsumerParallelTest, StopFinishesWhatIsInHandAndNothingElse) {
  uint64_t acked = 0;
  Play([&](Script& script) {
    script.ReadJoin();
    script.Assign(0, 0);
    script.Deliver(0, 0, 100);
    for (v1::ConsumeRequest request = script.Read(); request.has_ack(); request = script.Read()) {
      acked = request.ack().up_to().offsets(0).offset();
      script.Confirm(request.ack());
    }
    return grpc::Status::OK;
  });
  absl::Mutex mu;
  std::set<uint64_t> begun;
  std::set<uint64_t> handled;
  absl::Notification stopped;
  std::unique_ptr<Consumer> consumer;
  consumer =
      std::make_unique<Consumer>(server_.Connect(), Options(2), [&](const ReceivedEvent& event) {
        {
          absl::MutexLock lock(&mu);
          begun.insert(event.offset);
          if (begun.size() == 2) {
            consumer->Stop();
            stopped.Notify();
          }
        }
        stopped.WaitForNotification();
        absl::MutexLock lock(&mu);
        handled.insert(event.offset);
        return absl::OkStatus();
      });
  EXPECT_TRUE(consumer->Run().ok());
  // Beside the two, what was begun before the consumer heard of it.
  EXPECT_LT(begun.size(), 100u);
  EXPECT_EQ(handled, begun);
  EXPECT_GE(acked, 2u);
  EXPECT_LE(acked, begun.size());
}

TEST_F(ConsumerParallelTest, GivesARevokedPartitionBackOnceItsHandlersAreThrough) {
  absl::Notification begun, revoked;
  Play([&](Script& script) {
    script.ReadJoin();
    script.Assign(0, 0);
    script.Deliver(0, 0, 9'000);
    begun.WaitForNotification();
    script.Revoke(0);
    revoked.Notify();
    uint64_t up_to = 0;
    v1::ConsumeRequest request = script.Read();
    for (; request.has_ack(); request = script.Read()) {
      up_to = request.ack().up_to().offsets(0).offset();
      script.Confirm(request.ack());
    }
    EXPECT_GE(up_to, 1u);
    EXPECT_LE(up_to, 9'000u);  // All, if the handlers were faster than the revocation.
    EXPECT_TRUE(request.has_release()) << request.ShortDebugString();
    script.Assign(1, 0);
    script.CaughtUp();
    return script.ConfirmUntilLeave();
  });
  ConsumerOptions options = Options(2);
  options.ack_interval = absl::Hours(1);
  Consumer consumer(server_.Connect(), options, [&](const ReceivedEvent& event) {
    if (event.offset == 0) begun.Notify();
    revoked.WaitForNotification();
    return absl::OkStatus();
  });
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
}

TEST_F(ConsumerParallelTest, AFailureEndsRunWithItsEventUnacknowledged) {
  uint64_t acked = 0;
  Play([&](Script& script) {
    script.ReadJoin();
    script.Assign(0, 0);
    script.DeliverKeyed(0, 0, 40, 4);
    for (v1::ConsumeRequest request = script.Read(); request.has_ack(); request = script.Read()) {
      acked = request.ack().up_to().offsets(0).offset();
      script.Confirm(request.ack());
    }
    return grpc::Status::OK;
  });
  Consumer consumer(server_.Connect(), Options(4), [](const ReceivedEvent& event) {
    return event.offset == 21 ? absl::NotFoundError("no such account") : absl::OkStatus();
  });
  const absl::Status status = consumer.Run();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("partition 0 offset 21: no such account"));
  EXPECT_LE(acked, 21u);
}

class ConsumerRetryTest : public ConsumerParallelTest, public ::testing::WithParamInterface<int> {};

TEST_P(ConsumerRetryTest, RetriesInPlaceByThePolicyThenAsksWhatToDo) {
  Play([](Script& script) {
    script.ReadJoin();
    script.Assign(0, 0);
    script.DeliverKeyed(0, 0, 4, 1);
    script.CaughtUp();
    script.ConfirmUpTo(0, 4);
    return script.ConfirmUntilLeave();
  });
  ConsumerOptions options = Options(GetParam());
  options.retry = RetryPolicy{.initial_backoff = absl::Milliseconds(1), .max_attempts = 3};
  std::vector<std::string> given_up;
  options.on_handler_error = [&](const ReceivedEvent& event, const absl::Status& error) {
    given_up.push_back(absl::StrCat(event.offset, ": ", error.message()));
    return FailureAction::kSkip;
  };
  std::vector<uint64_t> tried;
  Consumer consumer(server_.Connect(), options, [&](const ReceivedEvent& event) {
    tried.push_back(event.offset);
    if (event.offset == 1 && tried.size() < 4) return absl::UnavailableError("not now");
    if (event.offset == 2) throw std::runtime_error("poison");
    return absl::OkStatus();
  });
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
  EXPECT_THAT(tried, ElementsAre(0, 1, 1, 1, 2, 2, 2, 3));
  EXPECT_THAT(given_up, ElementsAre("2: the handler threw: poison"));
  EXPECT_EQ(consumer.stats().events_failed, 5u);
}

INSTANTIATE_TEST_SUITE_P(Threads, ConsumerRetryTest, ::testing::Values(1, 3));

TEST_F(ConsumerParallelTest, RefusesConcurrencyOutOfBounds) {
  EXPECT_EQ(Consumer(server_.Connect(), Options(0), nullptr).Run().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace tidemark
