// Consumer in groups whose members acknowledge event by event, against scripted servers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "tests/unit/client/consumer_script.h"
#include "tests/unit/client/fake_server.h"
#include "tidemark/consumer.h"
#include "tidemark/stubs.h"

namespace tidemark {
namespace {

using testing::ConsumeStream;
using ::testing::ElementsAre;
using testing::FakeServer;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Script;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr v1::GroupMode kKeys = v1::GROUP_MODE_KEY_ORDERED;

class ConsumerWorkTest : public ::testing::Test {
 protected:
  static ConsumerOptions Options(int concurrency = 1) {
    ConsumerOptions options;
    options.group = "mailer";
    options.topics = {"hr"};
    options.mode = GroupMode::kKeyOrdered;
    options.concurrency = concurrency;
    return options;
  }
  // The server's side; what it saw is in acked_ and nacks_ once the consumer is through.
  void Play(std::function<grpc::Status(Script&)> play) {
    server_.OnConsume([this, play](ConsumeStream& stream) {
      Script script(&stream);
      const grpc::Status status = play(script);
      absl::MutexLock lock(&mu_);
      acked_ = script.acked;
      nacks_ = script.nacks;
      extends_ = script.extends;
      return status;
    });
  }

  absl::Mutex mu_;
  std::vector<uint64_t> acked_;
  std::vector<v1::Nack> nacks_;
  std::vector<v1::Extend> extends_;
  FakeServer server_{2};
};

TEST_F(ConsumerWorkTest, JoinsWithItsModeAndPolicyAndAcksEventByEvent) {
  v1::Join join;
  Play([&](Script& script) {
    join = script.ReadJoin(kKeys);
    script.DeliverKeys(5, "abc", {1, 3, 1});
    script.CaughtUp();
    return script.AnswerUntilLeave();
  });
  ConsumerOptions options = Options();
  options.retry = RetryPolicy{.max_attempts = 4, .lease = absl::Seconds(7)};
  std::vector<uint32_t> attempts;
  Consumer consumer(server_.Connect(), options, [&](const ReceivedEvent& event) {
    attempts.push_back(event.attempt);
    return absl::OkStatus();
  });
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
  EXPECT_EQ(join.mode(), kKeys);
  EXPECT_EQ(join.retry_policy().max_attempts(), 4u);
  EXPECT_EQ(join.retry_policy().lease().seconds(), 7);
  EXPECT_GT(join.deliveries_max(), 1u);
  EXPECT_THAT(attempts, ElementsAre(1, 3, 1));
  EXPECT_THAT(acked_, UnorderedElementsAre(5, 6, 7));
}

TEST_F(ConsumerWorkTest, TheGroupsModeCountsWhereNoneIsAskedFor) {
  Play([](Script& script) {
    EXPECT_EQ(script.ReadJoin(kKeys).mode(), v1::GROUP_MODE_UNSPECIFIED);
    script.DeliverKeys(0, "ab");
    script.CaughtUp();
    return script.AnswerUntilLeave();
  });
  ConsumerOptions options = Options();
  options.mode = GroupMode::kUnspecified;
  Consumer consumer(server_.Connect(), options,
                    [](const ReceivedEvent&) { return absl::OkStatus(); });
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
  EXPECT_THAT(acked_, UnorderedElementsAre(0, 1));
}

TEST_F(ConsumerWorkTest, TakesFurtherDeliveriesOfAMessage) {
  server_.OnConsume([](ConsumeStream& stream) {
    Script script(&stream);
    script.ReadJoin(kKeys);
    v1::ConsumeResponse response;
    for (uint64_t offset = 0; offset < 3; ++offset) {
      v1::Delivery& delivery =
          offset == 0 ? *response.mutable_delivery() : *response.add_more_deliveries();
      delivery.mutable_batch()->set_topic("hr");
      delivery.mutable_batch()->set_base_offset(offset * 10);
      delivery.mutable_batch()->add_events()->set_type("t");
    }
    stream.Write(response);
    script.CaughtUp();
    return script.AnswerUntilLeave();
  });
  std::vector<uint64_t> handled;
  Consumer consumer(server_.Connect(), Options(), [&](const ReceivedEvent& event) {
    handled.push_back(event.offset);
    return absl::OkStatus();
  });
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
  EXPECT_THAT(handled, ElementsAre(0, 10, 20));
}

TEST_F(ConsumerWorkTest, AFailureSaysWhatBecomesOfItsEvent) {
  Play([](Script& script) {
    script.ReadJoin(kKeys);
    script.DeliverKeys(0, "abcdef");
    script.CaughtUp();
    return script.AnswerUntilLeave();
  });
  Consumer consumer(server_.Connect(), Options(), [](const ReceivedEvent& event) -> absl::Status {
    switch (event.offset) {
      case 0:
        return absl::NotFoundError("no such account\n");
      case 1:
        return RetryAfter(absl::Milliseconds(1500), "too many");
      case 2:
        return GiveUp("no address");
      case 3:
        throw EventFailure(RetryAfter(absl::ZeroDuration(), "now"));
      case 4:
        throw std::runtime_error("poison");
      default:
        return absl::OkStatus();
    }
  });
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
  EXPECT_THAT(acked_, ElementsAre(5));
  ASSERT_THAT(nacks_, SizeIs(5));
  EXPECT_FALSE(nacks_[0].has_delay());
  EXPECT_EQ(nacks_[0].reason(), "no such account ");
  EXPECT_EQ(nacks_[1].delay().seconds(), 1);
  EXPECT_EQ(nacks_[1].delay().nanos(), 500'000'000);
  EXPECT_TRUE(nacks_[2].dead_letter());
  EXPECT_EQ(nacks_[2].reason(), "no address");
  EXPECT_TRUE(nacks_[3].has_delay());
  EXPECT_THAT(nacks_[4].reason(), HasSubstr("poison"));
  EXPECT_EQ(consumer.stats().events_retried, 4u);
  EXPECT_EQ(consumer.stats().dead_letters, 1u);
}

TEST_F(ConsumerWorkTest, OnHandlerErrorDecidesWhereTheHandlerDoesNot) {
  Play([](Script& script) {
    script.ReadJoin(kKeys);
    script.DeliverKeys(0, "abcd");
    return script.AnswerUntilLeave();
  });
  ConsumerOptions options = Options();
  options.on_handler_error = [](const ReceivedEvent& event, const absl::Status&) {
    return event.offset == 0   ? FailureAction::kDeadLetter
           : event.offset == 1 ? FailureAction::kSkip
                               : FailureAction::kStop;
  };
  Consumer consumer(server_.Connect(), options, [](const ReceivedEvent& event) {
    if (event.offset == 2) return RetryAfter(absl::Seconds(1), "later");
    return absl::AbortedError("no");
  });
  const absl::Status status = consumer.Run();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("offset 3: no"));
  EXPECT_THAT(acked_, ElementsAre(1));
  ASSERT_THAT(nacks_, SizeIs(2));
  EXPECT_TRUE(nacks_[0].dead_letter());
  EXPECT_EQ(nacks_[1].delay().seconds(), 1);
}

// What is behind a failed event of its key is not ours any more, wherever it is: in a lane, in the
// queue, or on its way until the nack is answered.
TEST_F(ConsumerWorkTest, NothingOfAKeyIsHandledBehindAFailedEventBeforeThatComesAgain) {
  for (const int concurrency : {1, 4}) {
    Play([](Script& script) {
      script.ReadJoin(kKeys);
      script.DeliverKeys(0, "aabaa");
      script.DeliverKeys(5, "aab");
      v1::ConsumeRequest request;
      while (!request.has_nack()) {
        request = script.Read();
        if (request.has_ack()) script.Answer(request);
      }
      script.DeliverKeys(8, "ab");  // Sent before the nack was taken.
      script.Answer(request);
      script.DeliverKeys(0, "a", {2});
      for (const uint64_t offset : {1, 3, 4, 5, 6, 8}) script.DeliverKeys(offset, "a");
      script.CaughtUp();
      return script.AnswerUntilLeave();
    });
    absl::Mutex mu;
    std::vector<uint64_t> of_a;
    std::vector<uint64_t> of_b;
    Consumer consumer(server_.Connect(), Options(concurrency), [&](const ReceivedEvent& event) {
      absl::MutexLock lock(&mu);
      (event.event.key == "a" ? of_a : of_b).push_back(event.offset);
      if (event.offset == 0 && event.attempt == 1) return absl::UnavailableError("not now");
      return absl::OkStatus();
    });
    EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
    EXPECT_THAT(of_a, ElementsAre(0, 0, 1, 3, 4, 5, 6, 8)) << concurrency;
    EXPECT_THAT(of_b, ElementsAre(2, 7, 9)) << concurrency;
    EXPECT_THAT(acked_, UnorderedElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)) << concurrency;
  }
}

TEST_F(ConsumerWorkTest, UnorderedEventsDoNotWaitForEachOther) {
  Play([](Script& script) {
    script.ReadJoin(v1::GROUP_MODE_UNORDERED);
    script.DeliverKeys(0, "aaa");
    script.CaughtUp();
    return script.AnswerUntilLeave();
  });
  ConsumerOptions options = Options(3);
  options.mode = GroupMode::kUnordered;
  absl::Mutex mu;
  int at_work = 0;
  Consumer consumer(server_.Connect(), options, [&](const ReceivedEvent& event) {
    absl::MutexLock lock(&mu);
    ++at_work;
    const auto all = [&] { return at_work == 3; };
    mu.Await(absl::Condition(&all));
    return event.offset == 0 ? absl::AbortedError("no") : absl::OkStatus();
  });
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
  EXPECT_THAT(acked_, UnorderedElementsAre(1, 2));
  EXPECT_THAT(nacks_, SizeIs(1));
}

TEST_F(ConsumerWorkTest, LeasesAreExtendedWhileTheHandlerRuns) {
  absl::Notification extended_twice;
  Play([&](Script& script) {
    script.ReadJoin(kKeys, /*lease_ms=*/2000);
    script.DeliverKeys(0, "ab");
    while (script.extends.size() < 2) script.Answer(script.Read());
    extended_twice.Notify();
    script.CaughtUp();
    return script.AnswerUntilLeave();
  });
  Consumer consumer(server_.Connect(), Options(), [&](const ReceivedEvent&) {
    extended_twice.WaitForNotification();
    return absl::OkStatus();
  });
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
  EXPECT_THAT(acked_, UnorderedElementsAre(0, 1));
  ASSERT_GE(extends_.size(), 2u);
  EXPECT_EQ(extends_[0].ids_size(), 2);  // Also of the one that waits for the handler.
  EXPECT_EQ(extends_[0].lease().seconds(), 2);
}

TEST_F(ConsumerWorkTest, WhatCouldNotBeExtendedIsNotBegun) {
  absl::Notification refused;
  Play([&](Script& script) {
    script.ReadJoin(kKeys, /*lease_ms=*/1000);
    std::string keys;  // More than a lane takes at once.
    for (int i = 0; i < 40; ++i) keys.push_back(static_cast<char>('A' + i));
    script.DeliverKeys(0, keys);
    v1::ConsumeRequest request = script.Read();
    while (!request.has_extend()) {
      script.Answer(request);
      request = script.Read();
    }
    v1::ConsumeResponse response;
    v1::EventRejected& rejected = *response.mutable_extend_confirmed()->add_rejected();
    rejected.mutable_id()->set_topic("hr");
    rejected.mutable_id()->set_offset(39);
    rejected.set_reason("FENCED");
    script.Send(response);
    script.CaughtUp();
    while (script.extends.empty()) script.Answer(script.Read());
    EXPECT_EQ(script.extends[0].ids_size(), 39);  // It has heard of it.
    refused.Notify();
    return script.AnswerUntilLeave();
  });
  std::vector<uint64_t> handled;
  Consumer consumer(server_.Connect(), Options(), [&](const ReceivedEvent& event) {
    if (event.offset == 0) refused.WaitForNotification();
    handled.push_back(event.offset);
    return absl::OkStatus();
  });
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
  EXPECT_THAT(handled, SizeIs(39));
  EXPECT_THAT(acked_, SizeIs(39));
}

TEST_F(ConsumerWorkTest, StopFinishesWhatIsAtWorkAndGivesTheRestBack) {
  Play([](Script& script) {
    script.ReadJoin(kKeys);
    script.DeliverKeys(0, "abcdefgh");
    return script.AnswerUntilLeave();
  });
  std::vector<uint64_t> handled;
  Consumer* running = nullptr;
  Consumer consumer(server_.Connect(), Options(), [&](const ReceivedEvent& event) {
    handled.push_back(event.offset);
    if (event.offset == 2) running->Stop();
    return absl::OkStatus();
  });
  running = &consumer;
  EXPECT_TRUE(consumer.Run().ok());
  EXPECT_THAT(handled, ElementsAre(0, 1, 2));
  EXPECT_THAT(acked_, UnorderedElementsAre(0, 1, 2));
  EXPECT_THAT(nacks_, IsEmpty());
}

// For who wants to say everything himself.
TEST_F(ConsumerWorkTest, TheStreamItselfIsThereToo) {
  Play([](Script& script) {
    script.ReadJoin(kKeys);
    script.DeliverKeys(0, "ab");
    return script.AnswerUntilLeave();
  });
  const Client client = server_.Connect();
  grpc::ClientContext context;
  const auto stream = ConsumerGroupsStub(client)->Consume(&context);
  v1::ConsumeRequest request;
  request.mutable_join()->set_group("mailer");
  request.mutable_join()->set_mode(kKeys);
  ASSERT_TRUE(stream->Write(request));
  v1::ConsumeResponse response;
  while (!response.has_delivery()) ASSERT_TRUE(stream->Read(&response));
  v1::EventSet& set = *request.mutable_ack()->mutable_ids()->add_sets();
  set.set_topic(response.delivery().batch().topic());
  for (const uint64_t offset : {0, 1}) set.add_offsets(offset);
  ASSERT_TRUE(stream->Write(request));
  while (!response.has_ack_confirmed()) ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.ack_confirmed().acked_events(), 2u);
  request.mutable_leave();
  ASSERT_TRUE(stream->Write(request));
  EXPECT_TRUE(ToStatus(stream->Finish()).ok());
}

TEST_F(ConsumerWorkTest, ABrokenConnectionIsMetByJoiningAgain) {
  Play([](Script& script) {
    script.ReadJoin(kKeys);
    script.DeliverKeys(0, "ab");
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone");
  });
  Play([](Script& script) {
    script.ReadJoin(kKeys);
    script.DeliverKeys(0, "ab", {2, 2});
    script.CaughtUp();
    return script.AnswerUntilLeave();
  });
  ConsumerOptions options = Options();
  options.backoff_min = absl::Milliseconds(1);
  Consumer consumer(server_.Connect(), options,
                    [](const ReceivedEvent&) { return absl::OkStatus(); });
  EXPECT_TRUE(consumer.RunUntilCaughtUp().ok());
  EXPECT_THAT(acked_, UnorderedElementsAre(0, 1));
  EXPECT_EQ(consumer.stats().connections, 2u);
}

}  // namespace
}  // namespace tidemark
