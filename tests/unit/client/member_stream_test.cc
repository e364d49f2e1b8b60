// MemberStream against scripted servers.
#include "tidemark/member_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <thread>
#include <vector>

#include "tests/unit/client/consumer_script.h"
#include "tests/unit/client/fake_server.h"

namespace tidemark {
namespace {

using testing::ConsumeStream;
using ::testing::ElementsAre;
using testing::FakeServer;
using testing::Script;

class MemberStreamTest : public ::testing::Test {
 protected:
  void Play(std::function<grpc::Status(Script&)> play) {
    server_.OnConsume([play = std::move(play)](ConsumeStream& stream) {
      Script script(&stream);
      return play(script);
    });
  }
  // The next item, which is to be a T.
  template <typename T>
  static T Next(MemberStream& member) {
    auto item = member.Next(absl::Seconds(20));
    if (!item.ok() || !item->has_value() || !std::holds_alternative<T>(**item)) {
      ADD_FAILURE() << (item.ok() ? "another item, or none" : item.status().ToString());
      return T();
    }
    return std::get<T>(**std::move(item));
  }
  static absl::Status Error(MemberStream& member) {
    return member.Next(absl::Seconds(20)).status();
  }
  static EventId Id(uint64_t offset) { return {"hr", 0, offset}; }

  FakeServer server_{2};
};

TEST_F(MemberStreamTest, TellsWhatTheServerSaysAndSaysWhatItIsTold) {
  v1::Join join;
  std::vector<v1::ConsumeRequest> said;
  uint64_t granted = 0;
  Play([&](Script& script) {
    join = script.ReadJoin();
    script.Assign(2, 5);
    script.Deliver(2, 5, 8);
    said.push_back(script.Read());
    v1::ConsumeResponse confirmed;
    auto& committed = *confirmed.mutable_ack_confirmed()->add_committed();
    committed.set_topic("hr");
    committed.set_partition(2);
    committed.set_offset(8);
    v1::AckRejected& rejected = *confirmed.mutable_ack_confirmed()->add_rejected();
    rejected.mutable_ack()->set_topic("pay");
    rejected.mutable_ack()->set_offset(3);
    rejected.set_reason("FENCED");
    script.Send(confirmed);
    v1::ConsumeResponse revoked;
    revoked.mutable_revoked()->add_partitions()->set_topic("hr");
    revoked.mutable_revoked()->set_revocation(9);
    script.Send(revoked);
    said.push_back(script.Read());
    EXPECT_TRUE(script.Read().has_leave());
    granted = script.granted_events();
    return grpc::Status::OK;
  });
  MemberStream member(server_.Connect(), {.group = "payroll",
                                          .topics = {"hr"},
                                          .client_name = "raw",
                                          .credit_events = 3,
                                          .credit_bytes = 1000});
  EXPECT_EQ(Next<MemberJoined>(member).member_id, "member-1");
  EXPECT_EQ(Next<PartitionsAssigned>(member).partitions.at(0).offset, 5u);
  const Batch batch = Next<Batch>(member);
  EXPECT_EQ(batch.first_offset(), 5u);
  EXPECT_EQ(batch.last_offset(), 7u);
  member.AckUpTo({{"hr", 2, 8}, {"pay", 0, 3}});
  const AckConfirmed confirmed = Next<AckConfirmed>(member);
  EXPECT_EQ(confirmed.committed.at(0).offset, 8u);
  EXPECT_EQ(confirmed.rejected.at(0).event.topic, "pay");
  EXPECT_EQ(confirmed.rejected.at(0).reason, "FENCED");
  member.AddCredits(3, 100);
  member.Release(Next<PartitionsRevoked>(member));
  member.Leave();
  member.AddCredits(1, 1);  // Said no more.
  Next<MemberLeft>(member);
  EXPECT_TRUE(absl::IsFailedPrecondition(Error(member)));

  EXPECT_EQ(join.group(), "payroll");
  EXPECT_EQ(join.client_name(), "raw");
  EXPECT_EQ(join.credits().events(), 3u);
  EXPECT_EQ(said.at(0).ack().up_to().offsets(0).offset(), 8u);
  EXPECT_EQ(granted, 3u);
  EXPECT_EQ(said.at(1).release().revocation(), 9u);
  EXPECT_EQ(said.at(1).release().partitions(0).topic(), "hr");
}

TEST_F(MemberStreamTest, AnswersForSingleEventsComeInTheOrderOfTheRequests) {
  std::vector<uint64_t> acked;
  std::vector<v1::Nack> nacks;
  std::vector<v1::Extend> extends;
  Play([&](Script& script) {
    script.ReadJoin(v1::GROUP_MODE_KEY_ORDERED);
    script.DeliverKeys(0, "abcde", {1, 2, 1, 1, 1});
    const grpc::Status status = script.AnswerUntilLeave();
    acked = script.acked;
    nacks = script.nacks;
    extends = script.extends;
    return status;
  });
  MemberStream member(server_.Connect(),
                      {.group = "mailer", .topics = {"hr"}, .mode = GroupMode::kKeyOrdered});
  EXPECT_EQ(Next<MemberJoined>(member).group.mode, GroupMode::kKeyOrdered);
  std::vector<uint32_t> attempts;
  for (const ReceivedEvent& event : Next<Batch>(member)) attempts.push_back(event.attempt);
  EXPECT_THAT(attempts, ElementsAre(1, 2, 1, 1, 1));
  member.Extend({Id(4)}, absl::Seconds(90));
  member.Ack({Id(0), Id(1)});
  member.Nack({Id(2)}, absl::Seconds(3), "later");
  member.DeadLetter({Id(3)}, "never");
  EXPECT_EQ(Next<ExtendConfirmed>(member).extended, 1u);
  EXPECT_EQ(Next<AckConfirmed>(member).acked_events, 2u);
  EXPECT_EQ(Next<NackConfirmed>(member).retried, 1u);
  EXPECT_EQ(Next<NackConfirmed>(member).dead_letters, 1u);
  member.Leave();
  Next<MemberLeft>(member);

  EXPECT_THAT(acked, ElementsAre(0, 1));
  EXPECT_EQ(nacks.at(0).delay().seconds(), 3);
  EXPECT_EQ(nacks.at(0).reason(), "later");
  EXPECT_FALSE(nacks.at(1).has_delay());
  EXPECT_EQ(extends.at(0).lease().seconds(), 90);
}

TEST_F(MemberStreamTest, ADamagedBatchEndsItAfterWhatCameBefore) {
  Play([](Script& script) {
    script.ReadJoin();
    script.Assign(0, 0);
    script.Deliver(0, 0, 2);
    script.Deliver(0, 2, 4, /*damaged=*/true);
    script.Read();
    return grpc::Status::OK;
  });
  MemberStream member(server_.Connect(), {.group = "payroll", .topics = {"hr"}});
  Next<MemberJoined>(member);
  Next<PartitionsAssigned>(member);
  EXPECT_EQ(Next<Batch>(member).size(), 2u);
  EXPECT_TRUE(absl::IsDataLoss(Error(member)));
  EXPECT_TRUE(absl::IsDataLoss(Error(member)));
}

TEST_F(MemberStreamTest, ALostStreamIsToldOnceAndForAll) {
  Play([](Script& script) {
    script.ReadJoin();
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "the power is out");
  });
  MemberStream member(server_.Connect(), {.group = "payroll", .topics = {"hr"}});
  Next<MemberJoined>(member);
  EXPECT_TRUE(absl::IsUnavailable(Error(member)));
  EXPECT_TRUE(absl::IsUnavailable(Error(member)));
}

TEST_F(MemberStreamTest, ASilentStreamIsGivenUp) {
  Play([](Script& script) {
    script.ReadJoin();
    script.Read();
    return grpc::Status::OK;
  });
  MemberStream member(
      server_.Connect(),
      {.group = "payroll", .topics = {"hr"}, .silence_max = absl::Milliseconds(200)});
  Next<MemberJoined>(member);
  EXPECT_TRUE(absl::IsUnavailable(Error(member)));
}

TEST_F(MemberStreamTest, NextReturnsInTimeOrWhenWoken) {
  Play([](Script& script) {
    script.ReadJoin();
    script.Read();
    return grpc::Status::OK;
  });
  MemberStream member(server_.Connect(), {.group = "payroll", .topics = {"hr"}});
  Next<MemberJoined>(member);
  const auto nothing = member.Next(absl::ZeroDuration());
  ASSERT_TRUE(nothing.ok());
  EXPECT_FALSE(nothing->has_value());
  std::thread waker([&member] { member.Wake(); });
  const auto woken = member.Next(absl::InfiniteDuration());
  waker.join();
  ASSERT_TRUE(woken.ok()) << woken.status();
  EXPECT_FALSE(woken->has_value());
}

}  // namespace
}  // namespace tidemark
