// Producer against a server that breaks connections, loses answers and refuses requests.
#include "tidemark/producer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "tests/unit/client/fake_server.h"
#include "tidemark/errors.h"
#include "tidemark/partitioner.h"

namespace tidemark {
namespace {

using testing::AppendFault;
using ::testing::ElementsAre;
using testing::FakeServer;
using ::testing::IsEmpty;
using testing::kRefusedType;
using testing::MakeError;
using testing::NumberedEvent;
using ::testing::SizeIs;

class ProducerTest : public ::testing::Test {
 protected:
  std::unique_ptr<Producer> Open(ProducerOptions options = {}) {
    options.backoff_min = absl::Milliseconds(1);
    options.backoff_max = absl::Milliseconds(10);
    auto producer = Producer::Open(server_.Connect(), "hr", std::move(options));
    EXPECT_TRUE(producer.ok()) << producer.status();
    return *std::move(producer);
  }

  // One event a request: the tests below break requests by number.
  static ProducerOptions OneEventARequest() {
    ProducerOptions options;
    options.request_events_max = 1;
    options.linger = absl::ZeroDuration();
    return options;
  }

  // The numbers that are stored, in order; one partition.
  std::vector<int> Stored() {
    std::vector<int> numbers;
    for (const std::string& data : server_.log().AllData()) numbers.push_back(std::stoi(data));
    return numbers;
  }

  static std::vector<int> UpTo(int count) {
    std::vector<int> numbers;
    for (int i = 0; i < count; ++i) numbers.push_back(i);
    return numbers;
  }

  FakeServer server_{1};
};

TEST_F(ProducerTest, StoresEventsInTheOrderOfSend) {
  auto producer = Open();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(producer->Send(NumberedEvent(i, "ada")).ok());
  EXPECT_TRUE(producer->Close().ok());
  EXPECT_EQ(Stored(), UpTo(1000));
  EXPECT_EQ(producer->stats().events_acked, 1000);
  EXPECT_EQ(producer->stats().buffered_bytes, 0);
}

TEST_F(ProducerTest, GathersEventsUntilTheRequestIsFull) {
  std::set<int> sizes;
  server_.on_append = [&](const v1::AppendRequest& request, int) {
    sizes.insert(request.events_size());
    return AppendFault();
  };
  ProducerOptions options;
  options.linger = absl::Hours(1);
  options.request_events_max = 50;
  auto producer = Open(options);
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(producer->Send(NumberedEvent(i)).ok());
  EXPECT_TRUE(producer->Close().ok());
  EXPECT_THAT(sizes, ElementsAre(50));
}

TEST_F(ProducerTest, SendsAfterLingerWithoutFlush) {
  ProducerOptions options;
  options.linger = absl::Milliseconds(5);
  auto producer = Open(options);
  absl::Notification told;
  ASSERT_TRUE(producer
                  ->Send(NumberedEvent(0),
                         [&](absl::StatusOr<Ack> ack) {
                           EXPECT_TRUE(ack.ok());
                           told.Notify();
                         })
                  .ok());
  EXPECT_TRUE(told.WaitForNotificationWithTimeout(absl::Seconds(20)));
}

// With requests under way when it breaks, some stored and some not, each is stored once, in order.
TEST_F(ProducerTest, StoresEachEventOnceWhenAnswersAreLost) {
  server_.on_append = [](const v1::AppendRequest&, int nth) {
    if (nth == 3 || nth == 40) return AppendFault{AppendFault::kStoreThenBreak};
    if (nth == 17 || nth == 41) return AppendFault{AppendFault::kBreakBefore};
    return AppendFault();
  };
  auto producer = Open(OneEventARequest());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(producer->Send(NumberedEvent(i)).ok());
  EXPECT_TRUE(producer->Close().ok());
  EXPECT_EQ(Stored(), UpTo(100));
  EXPECT_GE(producer->stats().connections, 3);
  EXPECT_THAT(server_.log().ProducerIds(), SizeIs(1));
}

TEST_F(ProducerTest, SurvivesALostAnswerToItsVeryFirstRequest) {
  server_.on_append = [](const v1::AppendRequest&, int nth) {
    return AppendFault{nth == 0 ? AppendFault::kStoreThenBreak : AppendFault::kNone};
  };
  auto producer = Open(OneEventARequest());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(producer->Send(NumberedEvent(i)).ok());
  EXPECT_TRUE(producer->Close().ok());
  EXPECT_EQ(Stored(), UpTo(10));
}

TEST_F(ProducerTest, RepeatsInOrderWhatTheServerHadNoRoomFor) {
  server_.on_append = [](const v1::AppendRequest&, int nth) {
    if (nth % 7 == 2) {
      return AppendFault{AppendFault::kAnswer, MakeError(absl::StatusCode::kResourceExhausted,
                                                         "QUEUE_FULL", {}, absl::Milliseconds(1))};
    }
    if (nth % 11 == 5) {
      return AppendFault{AppendFault::kAnswer,
                         MakeError(absl::StatusCode::kUnavailable, "UNAVAILABLE")};
    }
    return AppendFault();
  };
  auto producer = Open(OneEventARequest());
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(producer->Send(NumberedEvent(i)).ok());
  EXPECT_TRUE(producer->Close().ok());
  EXPECT_EQ(Stored(), UpTo(60));
}

// A refused request leaves a hole in the sequence; those behind it get new numbers, same order.
TEST_F(ProducerTest, GoesOnInOrderBehindARefusedRequest) {
  server_.on_append = [](const v1::AppendRequest& request, int) {
    if (request.events(0).data() == "5" || request.events(0).data() == "20") {
      return AppendFault{AppendFault::kAnswer,
                         MakeError(absl::StatusCode::kOutOfRange, "PARTITION_OUT_OF_RANGE")};
    }
    return AppendFault();
  };
  auto producer = Open(OneEventARequest());
  std::vector<int> failed;
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(producer
                    ->Send(NumberedEvent(i),
                           [&failed, i](absl::StatusOr<Ack> ack) {
                             if (!ack.ok()) failed.push_back(i);
                           })
                    .ok());
  }
  EXPECT_TRUE(producer->Close().ok());  // Callbacks were told.
  std::vector<int> expected = UpTo(50);
  expected.erase(expected.begin() + 20);
  expected.erase(expected.begin() + 5);
  EXPECT_EQ(Stored(), expected);
  EXPECT_THAT(failed, ElementsAre(5, 20));
  EXPECT_THAT(server_.log().ProducerIds(), SizeIs(1));
}

// Refused, and then the connection breaks (send_window_test has what may go wrong then).
TEST_F(ProducerTest, GoesOnInOrderWhenTheConnectionBreaksBehindARefusedRequest) {
  server_.on_append = [refused = false](const v1::AppendRequest& request, int) mutable {
    if (request.events(0).data() == "5") {
      refused = true;
      return AppendFault{AppendFault::kAnswer,
                         MakeError(absl::StatusCode::kOutOfRange, "PARTITION_OUT_OF_RANGE")};
    }
    if (refused && request.events(0).data() == "6") {
      refused = false;
      return AppendFault{AppendFault::kBreakBefore};
    }
    return AppendFault();
  };
  ProducerOptions options = OneEventARequest();
  options.producer_id = "hr-outbox";
  auto producer = Open(options);
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(producer->Send(NumberedEvent(i), [](absl::StatusOr<Ack>) {}).ok());
  }
  EXPECT_TRUE(producer->Close().ok());
  std::vector<int> expected = UpTo(30);
  expected.erase(expected.begin() + 5);
  EXPECT_EQ(Stored(), expected);
}

TEST_F(ProducerTest, FailsOnlyTheEventsThatTheServerNames) {
  auto producer = Open();
  std::vector<int> failed;
  std::map<int, uint64_t> offsets;
  for (int i = 0; i < 100; ++i) {
    Event event = NumberedEvent(i);
    if (i % 30 == 7) event.type = kRefusedType;
    ASSERT_TRUE(producer
                    ->Send(event,
                           [&, i](absl::StatusOr<Ack> ack) {
                             if (ack.ok()) {
                               offsets[i] = ack->offset;
                             } else {
                               EXPECT_EQ(ReasonOf(ack.status()), "FIELD_INVALID");
                               failed.push_back(i);
                             }
                           })
                    .ok());
  }
  EXPECT_TRUE(producer->Close().ok());
  EXPECT_THAT(failed, ElementsAre(7, 37, 67, 97));
  EXPECT_THAT(Stored(), SizeIs(96));
  EXPECT_EQ(offsets[8], 7);
  EXPECT_EQ(offsets[99], 95);
}

TEST_F(ProducerTest, FlushTellsTheFirstFailureOnce) {
  auto producer = Open();
  Event refused = NumberedEvent(0);
  refused.type = kRefusedType;
  ASSERT_TRUE(producer->Send(refused).ok());
  const absl::Status status = producer->Flush();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(DetailsOf(status).has_value());
  EXPECT_EQ(DetailsOf(status)->field_violations[0].field, "events[0].type");
  EXPECT_TRUE(producer->Flush().ok());
}

TEST_F(ProducerTest, RefusesAnEventWithoutTypeAtOnce) {
  auto producer = Open();
  EXPECT_EQ(producer->Send(Event()).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(producer->Close().ok());
  EXPECT_THAT(Stored(), IsEmpty());
}

TEST_F(ProducerTest, SaysWhenTheBufferIsFull) {
  absl::Notification go_on;
  server_.on_append = [&](const v1::AppendRequest&, int) {
    go_on.WaitForNotification();
    return AppendFault();
  };
  ProducerOptions options;
  options.buffered_bytes_max = 1000;
  options.block_when_full = false;
  auto producer = Open(options);
  absl::Status status;
  int sent = 0;
  for (; status.ok() && sent < 1000; ++sent) status = producer->Send(NumberedEvent(sent));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  go_on.Notify();
  EXPECT_TRUE(producer->Close().ok());
  EXPECT_THAT(Stored(), SizeIs(sent - 1));
}

TEST_F(ProducerTest, SendWaitsForRoom) {
  ProducerOptions options;
  options.buffered_bytes_max = 1000;
  auto producer = Open(options);
  for (int i = 0; i < 5000; ++i) {
    ASSERT_TRUE(producer->Send(NumberedEvent(i)).ok());
    ASSERT_LE(producer->stats().buffered_bytes, 1000);
  }
  EXPECT_TRUE(producer->Close().ok());
  EXPECT_EQ(Stored(), UpTo(5000));
}

TEST_F(ProducerTest, GivesUpAfterDeliveryTimeoutAndLaterEventsAreStored) {
  server_.on_append = [](const v1::AppendRequest&, int nth) {
    return AppendFault{nth == 1 ? AppendFault::kNoAnswer : AppendFault::kNone};
  };
  ProducerOptions options = OneEventARequest();
  options.delivery_timeout = absl::Milliseconds(200);
  auto producer = Open(options);
  ASSERT_TRUE(producer->SendAndWait(NumberedEvent(0)).ok());
  EXPECT_EQ(producer->SendAndWait(NumberedEvent(1)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  // 1 was stored without an answer; its number must not be given to 2.
  EXPECT_TRUE(producer->SendAndWait(NumberedEvent(2)).ok());
  EXPECT_THAT(Stored(), ElementsAre(0, 1, 2));
}

TEST_F(ProducerTest, ReconnectsWhenARequestIsNotAnswered) {
  server_.on_append = [](const v1::AppendRequest&, int nth) {
    return AppendFault{nth == 1 ? AppendFault::kNoAnswer : AppendFault::kNone};
  };
  ProducerOptions options = OneEventARequest();
  options.request_timeout = absl::Milliseconds(100);
  auto producer = Open(options);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(producer->Send(NumberedEvent(i)).ok());
  EXPECT_TRUE(producer->Close().ok());
  EXPECT_EQ(Stored(), UpTo(5));
}

TEST_F(ProducerTest, ContinuesAnIdThatWasUsedBefore) {
  server_.log().SetLastSequence("outbox", 41);
  ProducerOptions options;
  options.producer_id = "outbox";
  auto producer = Open(options);
  ASSERT_TRUE(producer->SendAndWait(NumberedEvent(0)).ok());
  EXPECT_EQ(server_.log().LastSequence("outbox"), 42);
}

// Somebody else stores under our number first: our event must not be taken for theirs.
TEST_F(ProducerTest, DoesNotTakeAnotherProducersAnswerForItsOwn) {
  ProducerOptions options;
  options.producer_id = "outbox";
  server_.log().SetLastSequence("outbox", 1);
  auto producer = Open(options);
  server_.log().SetLastSequence("outbox", 2);
  const auto ack = producer->SendAndWait(NumberedEvent(7));
  ASSERT_TRUE(ack.ok());
  EXPECT_FALSE(ack->duplicate);
  EXPECT_THAT(Stored(), ElementsAre(7));
  EXPECT_NE(producer->producer_id(), "outbox");
}

// The server forgot the newest sequences, as after a power cut with durability MEMORY.
TEST_F(ProducerTest, GoesOnWhenTheServerForgotTheNewestSequences) {
  server_.log().SetLastSequence("outbox", 10);
  ProducerOptions options;
  options.producer_id = "outbox";
  auto producer = Open(options);
  server_.on_append = [](const v1::AppendRequest& request, int) {
    if (request.producer().id() == "outbox") {
      return AppendFault{AppendFault::kAnswer,
                         MakeError(absl::StatusCode::kAborted, "PRODUCER_SEQUENCE_GAP")};
    }
    return AppendFault();
  };
  // A gap at first is met by the number after the last known one, then by a new id.
  ASSERT_TRUE(producer->SendAndWait(NumberedEvent(1)).ok());
  EXPECT_THAT(Stored(), ElementsAre(1));
}

TEST_F(ProducerTest, DestroyedWithoutCloseTellsEveryCallback) {
  server_.on_append = [](const v1::AppendRequest&, int) {
    return AppendFault{AppendFault::kNoAnswer};
  };
  auto producer = Open(OneEventARequest());
  int told = 0;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(producer
                    ->Send(NumberedEvent(i),
                           [&](absl::StatusOr<Ack> ack) {
                             EXPECT_EQ(ack.status().code(), absl::StatusCode::kCancelled);
                             ++told;
                           })
                    .ok());
  }
  producer.reset();
  EXPECT_EQ(told, 10);
}

TEST_F(ProducerTest, RefusesSendAfterClose) {
  auto producer = Open();
  EXPECT_TRUE(producer->Close().ok());
  EXPECT_EQ(producer->Send(NumberedEvent(0)).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(producer->Close().ok());
}

TEST_F(ProducerTest, OpenTellsOfATopicThatDoesNotExist) {
  const auto producer = Producer::Open(server_.Connect(), "payrol");
  EXPECT_EQ(producer.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(producer.status()), "TOPIC_NOT_FOUND");
}

TEST_F(ProducerTest, TellsRequestsInOrder) {
  auto producer = Open(OneEventARequest());
  std::vector<uint64_t> firsts;
  producer->OnRequestDone([&](const absl::StatusOr<AppendResult>& result) {
    ASSERT_TRUE(result.ok());
    firsts.push_back(result->ranges[0].first_offset);
  });
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(producer->Send(NumberedEvent(i)).ok());
  EXPECT_TRUE(producer->Close().ok());
  EXPECT_THAT(firsts, ElementsAre(0, 1, 2, 3));
}

// Keyed and keyless events mixed, over eight partitions: every acknowledgement names the place
// where the server has exactly this event.
TEST(ProducerLocationTest, AckNamesTheEventsPlace) {
  FakeServer server(8);
  auto producer = Producer::Open(server.Connect(), "hr");
  ASSERT_TRUE(producer.ok());
  absl::Mutex mu;
  std::map<int, Ack> acks;
  for (int i = 0; i < 500; ++i) {
    const Event event = NumberedEvent(i, i % 5 == 0 ? "" : absl::StrCat("employee-", i % 40));
    ASSERT_TRUE((*producer)
                    ->Send(event,
                           [&, i](absl::StatusOr<Ack> ack) {
                             ASSERT_TRUE(ack.ok()) << ack.status();
                             absl::MutexLock lock(&mu);
                             acks[i] = *ack;
                           })
                    .ok());
    if (i % 100 == 99) {
      ASSERT_TRUE((*producer)->Flush().ok());
    }
  }
  ASSERT_TRUE((*producer)->Close().ok());
  ASSERT_THAT(acks, SizeIs(500));
  for (const auto& [i, ack] : acks) {
    EXPECT_EQ(server.log().Events(ack.partition).at(ack.offset).data(), std::to_string(i));
  }
}

TEST(ProducerLocationTest, AFixedPartitionTakesEveryKey) {
  FakeServer server(8);
  auto producer = Producer::Open(server.Connect(), "hr", {.partition = 3});
  ASSERT_TRUE(producer.ok());
  for (int i = 0; i < 10; ++i) {
    const auto ack = (*producer)->SendAndWait(NumberedEvent(i, absl::StrCat("employee-", i)));
    ASSERT_TRUE(ack.ok());
    EXPECT_EQ(ack->partition, 3);
    EXPECT_EQ(ack->offset, i);
  }
}

}  // namespace
}  // namespace tidemark
