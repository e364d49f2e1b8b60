#include "bench/workload/quick.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/workload/machine_workloads.h"
#include "bench/workload/quick_goals.h"
#include "bench/workload/replay_workload.h"
#include "bench/workload/tail_workload.h"
#include "bench/workload/unary_workload.h"

namespace tidemark::bench {
namespace {

constexpr double kDriftMax = 1.5;
constexpr double kIdleSeconds = 1.2;  // Beyond the second after which idle pollers go to sleep.

class QuickRun {
 public:
  QuickRun(Session& session, const QuickConfig& config, Reporter& reporter)
      : session_(session), config_(config), reporter_(reporter) {}

  absl::Status Baselines();
  absl::Status Tidemark();
  // Measures the first baseline again.
  absl::Status CheckDrift();

 private:
  absl::Status Disk();
  absl::Status NoopCalls(const ServerProcess& noop);
  absl::Status NoopStreams(const ServerProcess& noop);
  absl::Status Append();
  absl::Status Unary();
  absl::Status Replay();
  absl::Status Tail();

  absl::Status Add(absl::StatusOr<Result> result, const std::string& baseline = "");
  double Seconds(double seconds) const { return seconds * config_.scale; }
  // Just long enough for config_.idle_calls.
  double IdleSeconds() const { return (config_.idle_calls - 0.1) * kIdleSeconds; }

  Session& session_;
  const QuickConfig& config_;
  Reporter& reporter_;
  const ServerProcess* tidemark_ = nullptr;
  std::string topic_;
  std::vector<Result> results_;
};

absl::Status QuickRun::Add(absl::StatusOr<Result> result, const std::string& baseline) {
  if (!result.ok()) return result.status();
  if (const Result* base = FindResult(results_, baseline)) CompareTo(*base, *result);
  reporter_.Add(*result);
  results_.push_back(*std::move(result));
  return absl::OkStatus();
}

absl::Status QuickRun::Disk() {
  reporter_.Begin("disk");
  if (auto s = Add(MeasureSmallSyncs(session_, Seconds(0.7))); !s.ok()) return s;
  if (auto s = Add(MeasureSmallSyncs(session_, IdleSeconds(), kIdleSeconds)); !s.ok()) return s;
  auto disk = MeasureSequentialDisk(session_, config_.disk_file_bytes);
  if (!disk.ok()) return disk.status();
  for (Result& result : *disk) {
    if (auto s = Add(std::move(result)); !s.ok()) return s;
  }
  reporter_.Begin(kRocksDbName);
  return Add(MeasureRocksDb(session_, config_.append, Seconds(3)));
}

absl::Status QuickRun::NoopCalls(const ServerProcess& noop) {
  for (uint32_t callers : config_.callers) {
    reporter_.Begin(absl::StrCat("no-op unary, ", callers, " callers"));
    const UnaryConfig unary = {.name = "no-op unary", .callers = callers, .seconds = Seconds(1)};
    if (auto s = Add(MeasureNoopUnary(noop, unary)); !s.ok()) return s;
  }
  reporter_.Begin("no-op unary after idle seconds");
  return Add(MeasureNoopUnary(
      noop, {.name = "no-op unary", .seconds = IdleSeconds(), .idle_seconds = kIdleSeconds}));
}

absl::Status QuickRun::NoopStreams(const ServerProcess& noop) {
  reporter_.Begin(kNoopBidiName);
  AppendConfig bidi = config_.append;
  bidi.name = kNoopBidiName;
  bidi.events = 0;
  bidi.seconds = Seconds(2);
  if (auto s = Add(MeasureNoopAppend(noop, bidi)); !s.ok()) return s;
  reporter_.Begin(kRawStreamName);
  const auto messages = [this](double count) { return static_cast<uint64_t>(Seconds(count)) + 1; };
  if (auto s = Add(MeasureRawStream(noop, {.messages = messages(30'000)})); !s.ok()) return s;
  if (!config_.decoded) return absl::OkStatus();
  return Add(MeasureRawStream(
      noop, {.name = "raw byte stream, decoded", .messages = messages(6'000), .parse = true}));
}

absl::Status QuickRun::Baselines() {
  if (auto s = Disk(); !s.ok()) return s;
  const auto noop = session_.Noop();
  if (!noop.ok()) return noop.status();
  if (auto s = NoopCalls(**noop); !s.ok()) return s;
  absl::Status status = NoopStreams(**noop);
  session_.StopNoop();  // It would only take memory from what follows.
  return status;
}

absl::Status QuickRun::Append() {
  reporter_.Begin("append");
  AppendConfig append = config_.append;
  append.name = kAppendName;
  append.seconds = Seconds(5);
  const std::string durability = session_.Durability();
  auto s = Add(MeasureAppend(*tidemark_, append, durability, &topic_), kRocksDbName);
  if (!s.ok()) return s;
  reporter_.Begin("append without key index");
  append.name = kAppendUnindexedName;
  append.index_keys = false;
  append.topic.clear();
  append.seconds = Seconds(3);
  return Add(MeasureAppend(*tidemark_, append, durability, nullptr), kRocksDbName);
}

absl::Status QuickRun::Unary() {
  for (uint32_t callers : config_.callers) {
    reporter_.Begin(absl::StrCat("unary, ", callers, " callers"));
    const UnaryConfig unary = {.callers = callers, .seconds = Seconds(1.5)};
    auto s = Add(MeasureUnary(*tidemark_, unary, session_.Durability()),
                 absl::StrCat("no-op unary x", callers));
    if (!s.ok()) return s;
  }
  reporter_.Begin("unary after idle seconds");
  const UnaryConfig idle = {.seconds = IdleSeconds(), .idle_seconds = kIdleSeconds};
  return Add(MeasureUnary(*tidemark_, idle, session_.Durability()));
}

absl::Status QuickRun::Replay() {
  reporter_.Begin("replay");
  ReplayConfig replay = {.name = kReplayBytesName, .topic = topic_};
  if (auto s = Add(MeasureReplay(*tidemark_, replay), kRawStreamName); !s.ok()) return s;
  if (!config_.decoded) return absl::OkStatus();
  replay.name = "replay, decoded";
  replay.parse = true;
  return Add(MeasureReplay(*tidemark_, replay), "raw byte stream, decoded");
}

absl::Status QuickRun::Tail() {
  reporter_.Begin("tail");
  TailConfig tail = {.seconds = Seconds(3)};
  // Half of what the server can do with requests of one event.
  if (const Result* most = FindResult(results_, kUnary64Name)) tail.rate = most->value / 2;
  auto results = MeasureTail(*tidemark_, tail, session_.Durability());
  if (!results.ok()) return results.status();
  for (Result& result : *results) {
    if (auto s = Add(std::move(result), kSyncName); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status QuickRun::Tidemark() {
  auto server = session_.Tidemark();
  if (!server.ok()) return server.status();
  tidemark_ = *server;
  if (auto s = Append(); !s.ok()) return s;
  if (auto s = Unary(); !s.ok()) return s;
  if (auto s = Replay(); !s.ok()) return s;
  if (auto s = Tail(); !s.ok()) return s;
  if (!session_.OwnsServer()) return absl::OkStatus();
  reporter_.Begin("cold replay");
  if (auto s = session_.RestartCold(); !s.ok()) return s;
  server = session_.Tidemark();
  if (!server.ok()) return server.status();
  const ReplayConfig replay = {.name = kReplayColdName, .topic = topic_, .cold = true};
  if (auto s = Add(MeasureReplay(**server, replay), kDiskReadName); !s.ok()) return s;
  return session_.StopTidemark();
}

absl::Status QuickRun::CheckDrift() {
  absl::StatusOr<Result> again = MeasureSmallSyncs(session_, Seconds(0.7));
  if (!again.ok()) return again.status();
  again->name = absl::StrCat(kSyncName, ", again");
  if (auto s = Add(std::move(again), kSyncName); !s.ok()) return s;
  const double drift = results_.back().ratio.value_or(1);
  if (drift < kDriftMax && drift > 1 / kDriftMax) return absl::OkStatus();
  reporter_.Note(
      absl::StrFormat("Take this run with care: a small sync at its end took %.1f times as long as "
                      "at its start, so\n"
                      "something else used the disk or the processor meanwhile.",
                      drift));
  return absl::OkStatus();
}

}  // namespace

absl::Status MeasureQuick(Session& session, const QuickConfig& config, Reporter& reporter) {
  if (absl::Status status = session.CheckServer(); !status.ok()) return status;
  QuickRun run(session, config, reporter);
  absl::Status status = run.Baselines();
  if (status.ok()) status = run.Tidemark();
  if (status.ok()) status = run.CheckDrift();
  return status;
}

absl::Status RunQuick(Session& session, const QuickConfig& config, Reporter& reporter) {
  absl::Status status = MeasureQuick(session, config, reporter);
  for (const GoalCheck& check : QuickGoals(reporter.results())) reporter.Add(check);
  reporter.Note(
      "Client and server share this machine's cores. Ratios are of figures from this run; they, "
      "not\n"
      "the absolute figures, compare between days and machines. bench/README.md says what each "
      "means.");
  return status;
}

absl::Status RunBaselines(Session& session, const QuickConfig& config, Reporter& reporter) {
  return QuickRun(session, config, reporter).Baselines();
}

}  // namespace tidemark::bench
