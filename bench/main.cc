// tidemark-bench: measures a Tidemark server beside what the machine can do without it.
#include <grpc/grpc.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <iostream>
#include <thread>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "bench/baseline/noop_server.h"
#include "bench/command_line.h"
#include "bench/process/child_process.h"
#include "bench/process/temp_dir.h"
#include "bench/report/html_report.h"
#include "bench/workload/goals_workload.h"
#include "bench/workload/quick.h"
#include "bench/workload/reporter.h"

namespace tidemark::bench {
namespace {

constexpr int kFailed = 2;

// Results and what they say of the goals, if `goals` is not null.
absl::Status AddAll(absl::StatusOr<std::vector<Result>> results,
                    std::vector<GoalCheck> (*goals)(const std::vector<Result>&),
                    Reporter& reporter) {
  if (!results.ok()) return results.status();
  for (const Result& result : *results) reporter.Add(result);
  if (goals == nullptr) return absl::OkStatus();
  for (const GoalCheck& check : goals(*results)) reporter.Add(check);
  return absl::OkStatus();
}

absl::Status RunAppend(Session& session, const CommandLine& line, Reporter& reporter) {
  const auto server = session.Tidemark();
  if (!server.ok()) return server.status();
  reporter.Begin("append");
  const auto result = MeasureAppend(**server, line.append, session.Durability(), nullptr);
  if (!result.ok()) return result.status();
  reporter.Add(*result);
  return absl::OkStatus();
}

absl::Status RunUnary(Session& session, const CommandLine& line, Reporter& reporter) {
  const auto server = session.Tidemark();
  if (!server.ok()) return server.status();
  std::vector<uint32_t> callers_list = line.callers;
  if (line.unary.rate > 0) callers_list = {1};  // The clock decides how many there are.
  for (uint32_t callers : callers_list) {
    UnaryConfig config = line.unary;
    config.callers = callers;
    reporter.Begin("unary");
    const auto result = MeasureUnary(**server, config, session.Durability());
    if (!result.ok()) return result.status();
    reporter.Add(*result);
  }
  return absl::OkStatus();
}

absl::Status RunReplay(Session& session, const CommandLine& line, Reporter& reporter) {
  auto server = session.Tidemark();
  if (!server.ok()) return server.status();
  ReplayConfig config = line.replay;
  config.cold = false;
  if (config.topic.empty()) {
    reporter.Begin("append");
    AppendConfig fill = line.replay_fill;
    fill.name = "append (to fill the topic)";
    const auto filled = MeasureAppend(**server, fill, session.Durability(), &config.topic);
    if (!filled.ok()) return filled.status();
    reporter.Add(*filled);
  }
  if (config.rate > 0) {
    reporter.Begin("replays by the clock");
    return AddAll(MeasurePacedReplays(**server, config), nullptr, reporter);
  }
  for (bool parse : {false, true}) {
    config.name = parse ? "replay, decoded" : "replay, bytes";
    config.parse = parse;
    reporter.Begin(config.name);
    const auto result = MeasureReplay(**server, config);
    if (!result.ok()) return result.status();
    reporter.Add(*result);
  }
  if (!line.replay.cold) return absl::OkStatus();
  reporter.Begin("replay, cold");
  if (absl::Status status = session.RestartCold(); !status.ok()) return status;
  server = session.Tidemark();
  if (!server.ok()) return server.status();
  config.name = "replay, bytes, cold";
  config.parse = false;
  config.cold = true;
  const auto result = MeasureReplay(**server, config);
  if (!result.ok()) return result.status();
  reporter.Add(*result);
  return absl::OkStatus();
}

absl::Status RunTail(Session& session, const CommandLine& line, Reporter& reporter) {
  const auto server = session.Tidemark();
  if (!server.ok()) return server.status();
  reporter.Begin("tail");
  const auto results = MeasureTail(**server, line.tail, session.Durability());
  if (!results.ok()) return results.status();
  for (const Result& result : *results) reporter.Add(result);
  return absl::OkStatus();
}

absl::Status RunSustain(Session& session, const CommandLine& line, Reporter& reporter) {
  reporter.Begin("sustain");
  return MeasureSustain(session, line.sustain,
                        [&reporter](const Result& result) { reporter.Add(result); });
}

absl::Status RunFiltered(Session& session, const CommandLine& line, Reporter& reporter) {
  return AddAll(MeasureFiltered(session, line.filtered, reporter), FilteredGoals, reporter);
}

absl::Status RunMixed(Session& session, const CommandLine& line, Reporter& reporter) {
  const auto server = session.Tidemark();
  if (!server.ok()) return server.status();
  MixedConfig config = line.mixed;
  reporter.Begin("append, to have something to replay");
  AppendConfig fill = line.mixed_fill;
  fill.name = "append (to fill the topic)";
  const auto filled = MeasureAppend(**server, fill, session.Durability(), &config.replay_topic);
  if (!filled.ok()) return filled.status();
  reporter.Add(*filled);
  reporter.Begin("mixed");
  return AddAll(MeasureMixed(**server, config, session.Durability()), MixedGoals, reporter);
}

absl::Status RunRestart(Session& session, const CommandLine& line, Reporter& reporter) {
  return AddAll(MeasureRestart(session, line.restart, reporter), RestartGoals, reporter);
}

absl::Status RunOverload(Session& session, const CommandLine& line, Reporter& reporter) {
  const auto server = session.Tidemark();
  if (!server.ok()) return server.status();
  reporter.Begin("overload");
  return AddAll(MeasureOverload(**server, line.overload, session.Durability()), OverloadGoals,
                reporter);
}

absl::Status RunGrow(Session& session, const CommandLine& line, Reporter& reporter) {
  const auto goals = MeasureGrow(session, line.grow, reporter);
  if (!goals.ok()) return goals.status();
  for (const GoalCheck& goal : *goals) reporter.Add(goal);
  return absl::OkStatus();
}

absl::Status Run(Session& session, const CommandLine& line, Reporter& reporter) {
  const QuickConfig quick = {.append = line.append, .scale = line.scale};
  switch (line.command) {
    case Command::kQuick:
      return RunQuick(session, quick, reporter);
    case Command::kBaseline:
      return RunBaselines(session, quick, reporter);
    case Command::kAppend:
      return RunAppend(session, line, reporter);
    case Command::kUnary:
      return RunUnary(session, line, reporter);
    case Command::kReplay:
      return RunReplay(session, line, reporter);
    case Command::kTail:
      return RunTail(session, line, reporter);
    case Command::kSustain:
      return RunSustain(session, line, reporter);
    case Command::kFiltered:
      return RunFiltered(session, line, reporter);
    case Command::kMixed:
      return RunMixed(session, line, reporter);
    case Command::kGrow:
      return RunGrow(session, line, reporter);
    case Command::kRestart:
      return RunRestart(session, line, reporter);
    case Command::kOverload:
      return RunOverload(session, line, reporter);
    case Command::kBounds:
      return RunBounds(session, line.bounds, reporter);
    case Command::kGroups:
      return AddAll(MeasureGroups(session, line.groups, reporter), GroupsGoals, reporter);
    case Command::kConditions:
      return AddAll(MeasureConditions(session, line.conditions, reporter), ConditionsGoals,
                    reporter);
    case Command::kGoals:
      return RunGoals(session, line.goals_quick ? QuickAmounts() : FullAmounts(), reporter);
    case Command::kPeers:
      return RunPeers(session, line.peers, reporter);
    case Command::kNoopServer:
      break;
  }
  return absl::InternalError("a command without a session");
}

// On Ctrl-C: end the servers, remove the directories, leave. Requires: no other thread yet.
void CleanUpOnSignal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals] {
    int number = 0;
    sigwait(&signals, &number);
    KillLiveChildren();
    RemoveLiveTempDirs();
    _exit(128 + number);
  }).detach();
}

Output OutputOf(const CommandLine& line) {
  if (!line.json) return Output::kTables;
  return line.command == Command::kGoals ? Output::kGoalsJson : Output::kJson;
}

int Report(const absl::Status& status) {
  if (status.ok()) return 0;
  std::cerr << "tidemark-bench: " << status.ToString() << std::endl;
  return kFailed;
}

int Main(int argc, char** argv) {
  // Packaged abseil looks for deadlocks at every lock, gRPC's included: a cost to do without.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  CommandLine line;
  if (const std::optional<int> exit_code = ParseCommandLine(argc, argv, line)) return *exit_code;
  if (line.command == Command::kNoopServer) {
    return Report(RunNoopServer(line.ports_file, line.session.noop_threads));
  }
  CleanUpOnSignal();
  // Never undone: shutting gRPC down when its last object goes can wait ten seconds for a poller,
  // and would do so between two workloads. After the signals are blocked: it starts threads.
  grpc_init();
  auto session = Session::Open(line.session);
  if (!session.ok()) return Report(session.status());
  Reporter reporter(OutputOf(line));
  absl::Status status = Run(**session, line, reporter);
  reporter.Finish();
  if (status.ok()) status = (*session)->StopTidemark();
  if (!line.report.empty()) {
    const absl::Status written = WriteReport({.command = line.text,
                                              .machine = DescribeMachine(),
                                              .results = reporter.results(),
                                              .goals = reporter.goals(),
                                              .notes = reporter.notes()},
                                             line.report);
    if (status.ok()) status = written;
  }
  return Report(status);
}

}  // namespace
}  // namespace tidemark::bench

int main(int argc, char** argv) { return tidemark::bench::Main(argc, argv); }
