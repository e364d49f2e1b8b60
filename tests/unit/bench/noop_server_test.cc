// The loads against the no-op server in a process of its own: they count what they send and get,
// and report what goes wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <optional>
#include <thread>

#include "bench/baseline/disk.h"
#include "bench/baseline/rocksdb_writes.h"
#include "bench/load/append_load.h"
#include "bench/load/group_progress.h"
#include "bench/load/paced_appender.h"
#include "bench/load/paced_replays.h"
#include "bench/load/paced_unary.h"
#include "bench/load/read_load.h"
#include "bench/load/unary_load.h"
#include "bench/process/child_process.h"
#include "bench/process/cost_meter.h"
#include "bench/process/server_process.h"
#include "bench/process/temp_dir.h"

namespace tidemark::bench {
namespace {

class NoopServerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto directory = TempDir::Create("");
    ASSERT_TRUE(directory.ok()) << directory.status();
    directory_.emplace(*std::move(directory));
    auto server = ServerProcess::Start({TIDEMARK_BENCH_PROGRAM, "noop-server"}, directory_->path());
    ASSERT_TRUE(server.ok()) << server.status();
    server_.emplace(*std::move(server));
  }

  std::optional<TempDir> directory_;
  std::optional<ServerProcess> server_;
};

TEST_F(NoopServerTest, AnswersEveryAppendOfEveryProducer) {
  const EventPool pool({}, 10);
  const auto run = RunAppendLoad({.address = server_->address(),
                                  .topics = {"t"},
                                  .events = 1005,
                                  .producers = 2,
                                  .inflight = 4,
                                  .idempotent = true},
                                 pool);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->events(), 1010u);  // Whole requests.
  EXPECT_EQ(run->latency().count(), 101u);
  EXPECT_GT(run->latency().min(), 0);
}

// The last request is intended 99 intervals after the first, so no run can be shorter.
TEST_F(NoopServerTest, SendsByTheClockAndCountsEveryAnswer) {
  PacedAppender appender({.address = server_->address(),
                          .topic = "t",
                          .requests_per_second = 2000,
                          .requests = 100,
                          .batch_events = 3});
  const absl::Status status = appender.Run();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(appender.recorder().latency().count(), 100u);
  EXPECT_EQ(appender.recorder().events(), 300u);
  EXPECT_GT(appender.recorder().latency().min(), 0);
  EXPECT_GE(appender.recorder().Seconds(), 99.0 / 2000);
}

TEST_F(NoopServerTest, ProducersShareTheRateAndTheRequests) {
  const auto run = RunPacedAppenders({.address = server_->address(),
                                      .requests_per_second = 2000,
                                      .requests = 101,
                                      .batch_events = 2,
                                      .zipf = 1},
                                     /*producers=*/3, {"t", "u"});
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->latency().count(), 101u);
  EXPECT_EQ(run->events(), 202u);
}

TEST_F(NoopServerTest, UnaryCallsLeaveByTheClock) {
  const EventPool pool({}, 1);
  const auto run = RunPacedUnary({.address = server_->address(),
                                  .topic = "t",
                                  .connections = 2,
                                  .seconds = 0.1,
                                  .warmup_seconds = 0.05},
                                 /*calls_per_second=*/1000, pool);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->events_with_warmup(), 150u);
  EXPECT_GT(run->latency().min(), 0);
}

TEST_F(NoopServerTest, ReplaysBeginByTheClockAndEachGetsEverything) {
  const auto run = RunPacedReplays({.read = {.address = server_->address(),
                                             .topic = "t",
                                             .parse = true,
                                             .check_offsets = false,
                                             .max_batch_bytes = 1000,
                                             .max_events = 3},
                                    .replays_per_second = 200,
                                    .replays = 21});
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->first.latency().count(), 21u);
  EXPECT_EQ(run->whole.latency().count(), 21u);
  EXPECT_EQ(run->messages.latency().count(), 63u);
  EXPECT_GE(run->whole.latency().max(), run->first.latency().max());
  EXPECT_GE(run->messages.Seconds(), 20.0 / 200);
}

TEST_F(NoopServerTest, AFailedReplayEndsARunByTheClock) {
  server_->Kill();
  const auto run =
      RunPacedReplays({.read = {.address = server_->address(), .topic = "t"}, .replays = 1});
  EXPECT_EQ(run.status().code(), absl::StatusCode::kUnavailable) << run.status();
}

TEST_F(NoopServerTest, ARateTooLowForOneRequestIsRefused) {
  const auto run = RunPacedAppenders({.address = server_->address(), .requests = 0}, 1, {});
  EXPECT_EQ(run.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(GroupProgressTest, WaitsUntilEverythingIsAckedOrAMemberFailed) {
  GroupProgress complete(/*members=*/2, /*events=*/3);
  std::thread members([&] {
    for (int i = 0; i < 2; ++i) complete.OnJoined();
    for (int i = 0; i < 3; ++i) complete.OnAcked(1);
    complete.Fail(absl::CancelledError("after the end"));
  });
  EXPECT_TRUE(complete.AwaitJoined().ok());
  EXPECT_TRUE(complete.AwaitAcked().ok());
  members.join();

  GroupProgress failed(2, 3);
  failed.Fail(absl::AbortedError("the reason"));
  failed.Fail(absl::CancelledError("what followed from it"));
  EXPECT_EQ(failed.AwaitJoined().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(failed.AwaitAcked().code(), absl::StatusCode::kAborted);

  GroupProgress too_many(1, 3);
  too_many.OnAcked(4);
  EXPECT_EQ(too_many.AwaitAcked().code(), absl::StatusCode::kDataLoss);
}

TEST_F(NoopServerTest, AFailedUnaryCallEndsARunByTheClock) {
  const EventPool pool({}, 1);
  server_->Kill();
  const auto run = RunPacedUnary({.address = server_->address(), .topic = "t", .seconds = 60},
                                 /*calls_per_second=*/1000, pool);
  EXPECT_EQ(run.status().code(), absl::StatusCode::kUnavailable) << run.status();
}

TEST_F(NoopServerTest, AnswersUnaryCalls) {
  const EventPool pool({}, 1);
  const auto run = RunUnaryLoad({.address = server_->address(),
                                 .topic = "t",
                                 .callers = 4,
                                 .connections = 2,
                                 .seconds = 0.05},
                                pool);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_GE(run->events(), 4u);
  EXPECT_EQ(run->events(), run->latency().count());
}

TEST_F(NoopServerTest, SendsTheMessagesThatWereAskedFor) {
  ReadLoad load = {.address = server_->address(),
                   .topic = "t",
                   .check_offsets = false,
                   .max_batch_bytes = 64 << 10,
                   .max_events = 20};
  const auto raw = RunReadLoad(load);
  ASSERT_TRUE(raw.ok()) << raw.status();
  EXPECT_EQ(raw->latency().count(), 20u);
  EXPECT_NEAR(static_cast<double>(raw->bytes()), 20.0 * (64 << 10), 20.0 * 2048);
  load.parse = true;
  const auto decoded = RunReadLoad(load);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->bytes(), raw->bytes());
  EXPECT_GT(decoded->events(), 20u * 400);
  EXPECT_LT(decoded->events(), 20u * 655);
}

TEST(IntendedNsTest, IsReadFromTheFirstEightBytes) {
  EXPECT_EQ(IntendedNsIn(std::string("\x01\x02\0\0\0\0\0\0rest", 12)), 0x0201);
  EXPECT_EQ(IntendedNsIn("short"), -1);
}

TEST_F(NoopServerTest, NoticesOffsetsThatRepeat) {
  const auto run = RunReadLoad({.address = server_->address(),
                                .topic = "t",
                                .parse = true,
                                .max_batch_bytes = 1000,
                                .max_events = 2});
  EXPECT_EQ(run.status().code(), absl::StatusCode::kInternal);
}

TEST_F(NoopServerTest, HasAProcessToLookAt) {
  const CostMeter meter(*server_);
  const Cost cost = meter.Stop(0, 0);
  ASSERT_TRUE(cost.server_rss_max_bytes.has_value());
  EXPECT_GT(*cost.server_rss_max_bytes, 1u << 20);
  EXPECT_TRUE(server_->Stop().ok());
  EXPECT_EQ(server_->Usage(), std::nullopt);
}

TEST_F(NoopServerTest, ReportsAServerThatIsGone) {
  const EventPool pool({}, 1);
  const std::string address = server_->address();
  ASSERT_TRUE(server_->Stop().ok());
  const auto append = RunAppendLoad({.address = address, .topics = {"t"}, .events = 10}, pool);
  EXPECT_FALSE(append.ok());
  const auto unary = RunUnaryLoad({.address = address, .topic = "t", .seconds = 0.05}, pool);
  EXPECT_FALSE(unary.ok());
  PacedAppender paced({.address = address, .topic = "t", .requests = 10});
  EXPECT_FALSE(paced.Run().ok());
}

TEST(ServerProcessTest, TellsWhyAServerDidNotStart) {
  const auto directory = TempDir::Create("");
  ASSERT_TRUE(directory.ok());
  const auto server = ServerProcess::Start(
      {TIDEMARK_BENCH_PROGRAM, "noop-server", "--threads", "none"}, directory->path());
  EXPECT_EQ(server.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(server.status().message()), testing::HasSubstr("--threads"));
}

TEST(ServerProcessTest, TellsThatAProgramDoesNotExist) {
  const auto server = ServerProcess::Start({"/nowhere/server"}, "/tmp");
  EXPECT_EQ(server.status().code(), absl::StatusCode::kNotFound);
}

bool IsEmpty(const std::string& directory) { return std::filesystem::is_empty(directory); }

// Ctrl-C in the middle of a run leaves neither files nor servers.
TEST(InterruptTest, RemovesWhatTheRunMade) {
  const auto directory = TempDir::Create("");
  ASSERT_TRUE(directory.ok());
  const std::string work = directory->Child("work");
  std::filesystem::create_directory(work);
  const auto bench = ChildProcess::Start({TIDEMARK_BENCH_PROGRAM, "baseline", "--dir", work},
                                         directory->Child("log"));
  ASSERT_TRUE(bench.ok()) << bench.status();
  while (IsEmpty(work) && (*bench)->IsRunning()) std::this_thread::yield();
  ASSERT_TRUE((*bench)->IsRunning()) << (*bench)->LogTail();
  kill((*bench)->pid(), SIGINT);
  while ((*bench)->IsRunning()) std::this_thread::yield();
  EXPECT_TRUE(IsEmpty(work));
  EXPECT_EQ((*bench)->Stop(absl::ZeroDuration()).message(), "exit code 130");
}

TEST(TempDirTest, DisappearsWithItsContents) {
  std::string path;
  {
    const auto directory = TempDir::Create("");
    ASSERT_TRUE(directory.ok());
    path = directory->path();
    std::filesystem::create_directory(directory->Child("inner"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(MachineBaselinesTest, MeasureTheDiskAndRocksDb) {
  const auto directory = TempDir::Create("");
  ASSERT_TRUE(directory.ok());
  const auto syncs = RunSmallSyncs(directory->path(), 0.02);
  ASSERT_TRUE(syncs.ok()) << syncs.status();
  EXPECT_EQ(syncs->bytes(), syncs->latency().count() * 4096);
  const auto disk = RunSequentialDisk(directory->path(), 4 << 20);
  ASSERT_TRUE(disk.ok()) << disk.status();
  EXPECT_GT(disk->read_bytes_per_s, 0);
  const EventPool pool({}, 10);
  const auto writes = RunRocksDbWrites(
      {.directory = directory->Child("db"), .commit_batches = 3, .seconds = 0, .events = 100},
      pool);
  ASSERT_TRUE(writes.ok()) << writes.status();
  EXPECT_EQ(writes->events(), 120u);  // Whole commits of 30.
  EXPECT_TRUE(DropCachedPages(directory->path()).ok());
}

}  // namespace
}  // namespace tidemark::bench
