#include "server/rpc/frame_guard.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "absl/strings/str_cat.h"

namespace tidemark::rpc {
namespace {

constexpr uint8_t kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kPing = 6, kContinuation = 9;
constexpr uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4;
constexpr int64_t kMillis = 1'000'000;

std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, size_t bytes = 0) {
  std::string frame;
  for (const int shift : {16, 8, 0}) frame.push_back(static_cast<char>(bytes >> shift));
  frame.push_back(static_cast<char>(type));
  frame.push_back(static_cast<char>(flags));
  for (const int shift : {24, 16, 8, 0}) frame.push_back(static_cast<char>(stream >> shift));
  return frame + std::string(bytes, 'x');
}

std::string Preface() {
  return absl::StrCat("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Frame(kSettings, 0, 0, 6));
}

// A call with its whole request.
std::string Call(uint32_t stream) {
  return absl::StrCat(Frame(kHeaders, kEndHeaders, stream, 40), Frame(kData, 0, stream, 100),
                      Frame(kData, kEndStream, stream));
}

class FrameGuardTest : public ::testing::Test {
 protected:
  Violation Look(const std::string& bytes) { return guard_.Look(bytes, now_nanos_); }

  std::atomic<int64_t> unfinished_{0};
  const FrameLimits limits_{.streams_max = 10, .unfinished_total_max = 15};
  int64_t now_nanos_ = 1'000'000'000'000;
  FrameGuard guard_{limits_, unfinished_};
};

TEST_F(FrameGuardTest, LetsAnHonestClientDoAsManyCallsAsItLikes) {
  ASSERT_EQ(Look(Preface()), Violation::kNone);
  ASSERT_EQ(Look(Frame(kSettings, kAck, 0)), Violation::kNone);
  for (uint32_t n = 0; n < 10'000; ++n) ASSERT_EQ(Look(Call(2 * n + 1)), Violation::kNone);
  EXPECT_EQ(unfinished_.load(), 0);
}

TEST_F(FrameGuardTest, SeesTheSameHoweverTheBytesAreCut) {
  std::string bytes = Preface();
  for (uint32_t n = 0; n < 10; ++n)
    absl::StrAppend(&bytes, Frame(kHeaders, kEndHeaders, 2 * n + 1, 300));
  for (const char byte : bytes) ASSERT_EQ(Look(std::string(1, byte)), Violation::kNone);
  EXPECT_EQ(unfinished_.load(), 10);
  EXPECT_EQ(Look(Frame(kHeaders, kEndHeaders, 101, 300)), Violation::kStreams);
}

TEST_F(FrameGuardTest, CountsAllCallsUntilTheClientConfirmsTheLimit) {
  ASSERT_EQ(Look(Preface()), Violation::kNone);
  for (uint32_t n = 0; n < 10; ++n) ASSERT_EQ(Look(Call(2 * n + 1)), Violation::kNone);
  EXPECT_EQ(Look(Call(21)), Violation::kStreams);
}

TEST_F(FrameGuardTest, CountsUnfinishedRequestsOfAllConnections) {
  unfinished_ = 14;  // Of others.
  ASSERT_EQ(Look(Preface()), Violation::kNone);
  ASSERT_EQ(Look(Frame(kHeaders, kEndHeaders, 1, 40)), Violation::kNone);
  EXPECT_EQ(Look(Frame(kHeaders, kEndHeaders, 3, 40)), Violation::kUnfinishedRequests);
}

TEST_F(FrameGuardTest, GivesUnfinishedRequestsBackWithTheConnection) {
  {
    FrameGuard other(limits_, unfinished_);
    ASSERT_EQ(other.Look(Preface(), now_nanos_), Violation::kNone);
    ASSERT_EQ(other.Look(Frame(kHeaders, kEndHeaders, 1, 40), now_nanos_), Violation::kNone);
    ASSERT_EQ(unfinished_.load(), 1);
  }
  EXPECT_EQ(unfinished_.load(), 0);
}

TEST_F(FrameGuardTest, AHeaderBlockHasAnEnd) {
  ASSERT_EQ(Look(Preface()), Violation::kNone);
  ASSERT_EQ(Look(Frame(kHeaders, 0, 1, 16'000)), Violation::kNone);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(Look(Frame(kContinuation, 0, 1, 16'000)), Violation::kNone);
  EXPECT_EQ(Look(Frame(kContinuation, 0, 1, 16'000)), Violation::kHeaderBytes);
}

// HTTP/2 rapid reset: requests are complete or reset at once, so few are ever open.
TEST_F(FrameGuardTest, CallsThatAreResetAtOnceAreFew) {
  ASSERT_EQ(Look(Preface() + Frame(kSettings, kAck, 0)), Violation::kNone);
  int resets = 0;
  uint32_t stream = 1;
  while (Look(Call(stream) + Frame(kReset, 0, stream, 4)) == Violation::kNone) {
    ++resets;
    stream += 2;
    ASSERT_LT(resets, 10'000);
  }
  EXPECT_GE(resets, 1000);
}

TEST_F(FrameGuardTest, CallsWhoseDeadlinePassesMayBeReset) {
  ASSERT_EQ(Look(Preface() + Frame(kSettings, kAck, 0)), Violation::kNone);
  for (uint32_t n = 0; n < 10'000; ++n) {
    ASSERT_EQ(Look(Call(2 * n + 1)), Violation::kNone);
    now_nanos_ += 1 * kMillis;
    if (n < 50) continue;
    ASSERT_EQ(Look(Frame(kReset, 0, 2 * (n - 50) + 1, 4)), Violation::kNone);
  }
}

TEST_F(FrameGuardTest, FramesThatSayNothingAreFew) {
  for (const std::string& frame :
       {Frame(kPing, 0, 0, 8), Frame(kSettings, 0, 0), Frame(kData, 0, 1), Frame(2, 0, 1, 5),
        Frame(kContinuation, 0, 1), Frame(77, 0, 0, 3)}) {
    FrameGuard guard(limits_, unfinished_);
    ASSERT_EQ(guard.Look(Preface(), now_nanos_), Violation::kNone);
    int frames = 0;
    while (guard.Look(frame, now_nanos_) == Violation::kNone) ASSERT_LT(++frames, 10'000);
    EXPECT_GE(frames, 1000);
  }
}

TEST(AllowanceTest, ComesBackWithTime) {
  int64_t now_nanos = 1'000'000'000'000;
  Allowance allowance(3, 10);  // One each 100 ms.
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(allowance.Take(now_nanos));
  EXPECT_FALSE(allowance.Take(now_nanos));
  now_nanos += 250 * kMillis;
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(allowance.Take(now_nanos));
  EXPECT_FALSE(allowance.Take(now_nanos));
  now_nanos += 3600 * 1000 * kMillis;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(allowance.Take(now_nanos));
  EXPECT_FALSE(allowance.Take(now_nanos));
}

TEST_F(FrameGuardTest, FindsTheAcknowledgementThatIsNotForGrpc) {
  CallPressure pressure;
  pressure.SetBacklog([] { return CallPressure::Backlog{.calls = 5000, .connections = 1}; });
  pressure.Change(0, 0, 0, now_nanos_);
  StreamLimit announced(2000, pressure);
  announced.Sent(Frame(kSettings, 0, 0), now_nanos_);
  for (uint32_t n = 0; n < StreamLimit::kAnsweredMin; ++n) {
    announced.Opened(2 * n + 1, now_nanos_);
    announced.Sent(Frame(kHeaders, kEndStream | kEndHeaders, 2 * n + 1), now_nanos_);
  }
  ASSERT_NE(announced.Announce(), "");
  FrameGuard guard(limits_, unfinished_, &announced);
  const std::string theirs = Preface() + Frame(kSettings, kAck, 0);
  ASSERT_EQ(guard.Look(theirs, now_nanos_), Violation::kNone);
  EXPECT_EQ(guard.TakeOurFrame(), std::nullopt);
  const std::string call = Call(1);
  ASSERT_EQ(guard.Look(call + Frame(kSettings, kAck, 0) + Call(3), now_nanos_), Violation::kNone);
  EXPECT_EQ(guard.TakeOurFrame(), call.size());
  EXPECT_EQ(guard.TakeOurFrame(), std::nullopt);
}

}  // namespace
}  // namespace tidemark::rpc
