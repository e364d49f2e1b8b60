#include "server/rpc/stream_limit.h"

#include <gtest/gtest.h>

#include <string>

namespace tidemark::rpc {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kLook = kSecond / 20;

std::string Frame(FrameType type, uint8_t flags, uint32_t stream, const std::string& payload = "") {
  std::string frame = {0, static_cast<char>(payload.size() >> 8), static_cast<char>(payload.size()),
                       static_cast<char>(type), static_cast<char>(flags)};
  for (int shift = 24; shift >= 0; shift -= 8) frame.push_back(static_cast<char>(stream >> shift));
  return frame + payload;
}

std::string Headers(uint32_t stream) { return Frame(FrameType::kHeaders, 4, stream, "headers"); }
std::string Trailers(uint32_t stream) {
  return Frame(FrameType::kHeaders, FrameHead::kEndStream | FrameHead::kEndHeaders, stream, "end");
}

// The limit in a frame of settings; 0: there is no frame.
uint32_t LimitIn(const std::string& frame) {
  if (frame.empty()) return 0;
  EXPECT_EQ(frame.substr(0, 11), std::string("\0\0\6\4\0\0\0\0\0\0\3", 11));
  EXPECT_EQ(frame.size(), 15);
  uint32_t limit = 0;
  for (size_t i = 11; i < frame.size(); ++i) limit = limit << 8 | static_cast<uint8_t>(frame[i]);
  return limit;
}

// Two connections, after gRPC's own settings.
class StreamLimitTest : public testing::Test {
 protected:
  StreamLimitTest() {
    for (StreamLimit* limit : {&limit_, &other_}) {
      limit->Sent(Frame(FrameType::kSettings, 0, 0, "123456"), now_);
      AnswerSome(*limit);
    }
  }
  // As many calls as make it a connection that the limit is for.
  void AnswerSome(StreamLimit& limit) {
    for (uint32_t n = 0; n < StreamLimit::kAnsweredMin; ++n) {
      limit.Opened(0x10000001 + 2 * n, now_);
      limit.Sent(Trailers(0x10000001 + 2 * n), now_);
    }
  }
  static void Open(StreamLimit& limit, uint32_t from, uint32_t until, int64_t now) {
    for (uint32_t n = from; n < until; ++n) limit.Opened(2 * n + 1, now);
  }
  void Answer(uint32_t from, uint32_t until) {
    for (uint32_t n = from; n < until; ++n) {
      limit_.Sent(Headers(2 * n + 1) + Trailers(2 * n + 1), now_);
    }
  }
  // More calls than may be; `share` of each connection.
  uint64_t Press() {
    Open(limit_, 0, CallPressure::kShortMin + 1, now_);
    now_ += kLook;
    limit_.Opened(0x7fffffff, now_);
    return pressure_.share();
  }

  int64_t now_ = 1000 * kSecond;
  CallPressure pressure_;
  StreamLimit limit_{2000, pressure_};
  StreamLimit other_{2000, pressure_};
};

TEST_F(StreamLimitTest, NothingIsSaidWithoutPressure) {
  Open(limit_, 0, 500, now_);
  now_ += kLook;
  Answer(0, 500);
  EXPECT_EQ(pressure_.share(), 0);
  EXPECT_EQ(limit_.Announce(), "");
}

TEST_F(StreamLimitTest, ConnectionsShareWhatMayBeUnderWay) {
  Open(other_, 0, 1, now_);
  EXPECT_EQ(Press(), CallPressure::kShortMin / 2);
  EXPECT_EQ(LimitIn(limit_.Announce()), CallPressure::kShortMin / 2);
  EXPECT_EQ(limit_.Announce(), "");
  EXPECT_EQ(LimitIn(other_.Announce()), CallPressure::kShortMin / 2);
}

TEST_F(StreamLimitTest, IsLiftedWhenLittleIsLeft) {
  Press();
  limit_.Announce();
  Answer(0, CallPressure::kShortMin / 2);
  now_ += kLook;
  other_.Opened(1, now_);
  EXPECT_GT(pressure_.share(), 0);
  Answer(CallPressure::kShortMin / 2, CallPressure::kShortMin + 1);
  now_ += 10 * kSecond;
  other_.Opened(3, now_);
  EXPECT_EQ(pressure_.share(), 0);
  EXPECT_EQ(LimitIn(limit_.Announce()), 2000);
  EXPECT_EQ(limit_.Announce(), "");
}

TEST_F(StreamLimitTest, AFastServerMayHaveMoreUnderWay) {
  // 100,000 a second: 5,000 may be under way, and 3,500 after 50 ms in which nothing ended.
  for (int i = 0; i < 50; ++i) {
    Open(limit_, 5000 * i, 5000 * (i + 1), now_);
    Answer(5000 * i, 5000 * (i + 1));
    now_ += kLook;
  }
  Open(limit_, 1'000'000, 1'003'000, now_);
  now_ += kLook;
  other_.Opened(1, now_);
  EXPECT_EQ(pressure_.share(), 0);
  Open(limit_, 1'003'000, 1'004'500, now_);
  now_ += kLook;
  other_.Opened(3, now_);
  EXPECT_GT(pressure_.share(), CallPressure::kShortMin);
}

TEST_F(StreamLimitTest, StreamsAreNoCalls) {
  Open(limit_, 2000, 2100, now_);
  for (uint32_t n = 2000; n < 2100; ++n) limit_.Sent(Headers(2 * n + 1), now_);
  const uint64_t share = Press();
  EXPECT_EQ(LimitIn(limit_.Announce()), share + 100);
  // Those of them that end make no room for others.
  for (uint32_t n = 2000; n < 2100; ++n) limit_.Reset(2 * n + 1, now_);
  limit_.Sent(Frame(FrameType::kReset, 0, 1, "code"), now_);
  EXPECT_EQ(limit_.Announce(), "");  // A tenth is not worth a frame.
}

TEST_F(StreamLimitTest, TheBacklogOfSocketsCounts) {
  pressure_.SetBacklog([] { return CallPressure::Backlog{.calls = 5000, .connections = 20}; });
  now_ += kLook;
  other_.Opened(1, now_);
  EXPECT_EQ(pressure_.share(), CallPressure::kShortMin / 20);
}

TEST_F(StreamLimitTest, NobodyIsLeftWithLess) {
  pressure_.SetBacklog([] { return CallPressure::Backlog{.calls = 50'000, .connections = 5000}; });
  now_ += kLook;
  other_.Opened(1, now_);
  EXPECT_EQ(pressure_.share(), CallPressure::kShareMin);
}

TEST_F(StreamLimitTest, ABurstOfSubscriptionsIsLeftAlone) {
  StreamLimit fresh(2000, pressure_);
  fresh.Sent(Frame(FrameType::kSettings, 0, 0), now_);
  Press();
  Open(fresh, 0, 1500, now_);
  for (uint32_t n = 0; n < 1500; ++n) {
    fresh.Sent(Headers(2 * n + 1), now_);
    EXPECT_EQ(fresh.Announce(), "");
  }
}

TEST_F(StreamLimitTest, IsLiftedWhereNoCallsAreAnsweredAnyMore) {
  Press();
  EXPECT_NE(LimitIn(limit_.Announce()), 2000);
  now_ += 3 * kSecond;
  limit_.Sent(Headers(0x20000001), now_);
  EXPECT_EQ(LimitIn(limit_.Announce()), 2000);
}

TEST_F(StreamLimitTest, IsNeverPutIntoAFrame) {
  Press();
  const std::string frame = Headers(1);
  for (size_t sent = 1; sent < frame.size(); ++sent) {
    limit_.Sent(frame.substr(sent - 1, 1), now_);
    EXPECT_EQ(limit_.Announce(), "") << sent;
  }
  limit_.Sent(frame.substr(frame.size() - 1), now_);
  EXPECT_NE(limit_.Announce(), "");
}

TEST_F(StreamLimitTest, IsAnnouncedAfterGrpcsSettings) {
  Press();
  StreamLimit fresh(2000, pressure_);
  EXPECT_EQ(fresh.Announce(), "");
  fresh.Sent(Frame(FrameType::kSettings, 0, 0), now_);
  AnswerSome(fresh);
  EXPECT_NE(fresh.Announce(), "");
}

TEST_F(StreamLimitTest, AConnectionThatEndsTakesItsCallsAlong) {
  {
    StreamLimit gone(2000, pressure_);
    Open(gone, 0, 5000, now_);
  }
  now_ += kLook;
  other_.Opened(1, now_);
  EXPECT_EQ(pressure_.share(), 0);
}

TEST_F(StreamLimitTest, KnowsItsOwnAcknowledgements) {
  Press();
  EXPECT_NE(limit_.Announce(), "");                                // The second.
  limit_.Sent(Frame(FrameType::kSettings, 0, 0, "123456"), now_);  // The third.
  limit_.Sent(Frame(FrameType::kSettings, FrameHead::kAck, 0), now_);
  EXPECT_FALSE(limit_.Acknowledged());
  EXPECT_TRUE(limit_.Acknowledged());
  EXPECT_FALSE(limit_.Acknowledged());
}

TEST_F(StreamLimitTest, WhatCouldNotBeSentIsSaidLater) {
  Press();
  EXPECT_NE(limit_.Announce(), "");
  limit_.NotAnnounced();
  EXPECT_NE(limit_.Announce(), "");
  EXPECT_FALSE(limit_.Acknowledged());
  EXPECT_TRUE(limit_.Acknowledged());
}

}  // namespace
}  // namespace tidemark::rpc
