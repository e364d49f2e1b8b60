#include "bench/workload/peers_workload.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/measure/clock.h"
#include "bench/peers/drivers.h"
#include "bench/peers/peer_broker.h"
#include "bench/process/cost_meter.h"
#include "bench/workload/peers_report.h"
#include "bench/workload/quick_goals.h"

namespace tidemark::bench {
namespace {

class PeersRun {
 public:
  PeersRun(Session& session, const PeersConfig& config, Reporter& reporter)
      : session_(session),
        config_(config),
        reporter_(reporter),
        log_(absl::StrCat("bench_log_", NowNs())),
        tail_log_(absl::StrCat("bench_tail_", NowNs())),
        batches_(MakePeerBatches(config.shape, config.batch_events)),
        setup_directory_(config.setup_directory.empty() ? TIDEMARK_PEER_SETUP
                                                        : config.setup_directory) {}

  absl::Status Tidemark();
  void Peer(const PeerSpec& spec);

 private:
  struct System {
    std::string name;
    std::string durability;
    std::string settings;
    PeerClient& client;
    const ServerProcess& process;
  };
  absl::Status MeasureMode(const PeerSpec& spec, const PeerMode& mode);
  absl::Status Measure(const System& system);
  absl::StatusOr<Result> Append(const System& system);
  absl::StatusOr<Result> Replay(const System& system, uint64_t events);
  absl::StatusOr<Result> Tail(const System& system);
  void Add(Result result, const char* work);

  Session& session_;
  const PeersConfig& config_;
  Reporter& reporter_;
  // Names that each of the systems allows, and that no other run uses.
  const std::string log_;
  const std::string tail_log_;
  const std::vector<PeerBatch> batches_;
  const std::string setup_directory_;
};

nlohmann::ordered_json Describe(const std::string& settings, const PeersConfig& config) {
  return {{"event_data_bytes", config.shape.data_bytes},
          {"batch_events", config.batch_events},
          {"inflight", config.append.inflight},
          {"settings", settings}};
}

void PeersRun::Add(Result result, const char* work) {
  const std::string tidemark = absl::StrCat(kTidemarkSystem, work);
  result.of_peer = result.name != tidemark;
  if (const Result* base = FindResult(reporter_.results(), tidemark)) CompareTo(*base, result);
  reporter_.Add(result);
}

absl::StatusOr<Result> PeersRun::Append(const System& system) {
  reporter_.Begin(absl::StrCat(system.name, kAppendWork));
  if (auto status = system.client.CreateLog(log_); !status.ok()) return status;
  const CostMeter meter(system.process);
  Cost cost;
  const auto run =
      RunPeerAppend(system.client, log_, config_.append, batches_, [&](const Recorder& work) {
        cost = meter.Stop(work.events_with_warmup(), work.bytes_with_warmup());
      });
  if (!run.ok()) return run.status();
  return Result{.name = absl::StrCat(system.name, kAppendWork),
                .value = run->EventsPerSecond(),
                .unit = "events/s",
                .latency_of = "ack of a batch",
                .percentiles = PercentilesOf(run->latency()),
                .seconds = run->Seconds(),
                .events = run->events(),
                .bytes = run->bytes(),
                .durability = system.durability,
                .stores = true,
                .cost = cost,
                .events_by_second = run->events_by_second(),
                .config = Describe(system.settings, config_)};
}

absl::StatusOr<Result> PeersRun::Replay(const System& system, uint64_t events) {
  reporter_.Begin(absl::StrCat(system.name, kReplayWork));
  const CostMeter meter(system.process);
  Cost cost;
  const auto run = RunPeerReplay(system.client, log_, events, [&](const Recorder& work) {
    cost = meter.Stop(work.events(), work.bytes());
  });
  if (!run.ok()) return run.status();
  return Result{.name = absl::StrCat(system.name, kReplayWork),
                .value = run->EventsPerSecond(),
                .unit = "events/s",
                .latency_of = "gap between deliveries",
                .percentiles = PercentilesOf(run->latency()),
                .seconds = run->Seconds(),
                .events = run->events(),
                .bytes = run->bytes(),
                .durability = system.durability,
                .cost = cost,
                .events_by_second = run->events_by_second(),
                .config = Describe(system.settings, config_)};
}

absl::StatusOr<Result> PeersRun::Tail(const System& system) {
  reporter_.Begin(absl::StrCat(system.name, kTailWork));
  if (auto status = system.client.CreateLog(tail_log_); !status.ok()) return status;
  PeerTail load = config_.tail;
  load.shape = config_.shape;
  const CostMeter meter(system.process);
  Cost cost;
  const auto run = RunPeerTail(system.client, tail_log_, load, [&](const Recorder& work) {
    cost = meter.Stop(work.events_with_warmup(), 0);
  });
  if (!run.ok()) return run.status();
  const Percentiles percentiles = PercentilesOf(run->latency());
  Result result{.name = absl::StrCat(system.name, kTailWork),
                .value = percentiles.p50_us,
                .unit = "us",
                .latency_of = "intended send to decoded event",
                .percentiles = percentiles,
                .seconds = run->Seconds(),
                .events = run->events(),
                .durability = system.durability,
                .cost = cost,
                .config = Describe(system.settings, config_)};
  result.config["events_per_second"] = load.events_per_second;
  return result;
}

absl::Status PeersRun::Measure(const System& system) {
  sync();  // What an earlier system left in the page cache is not this one's.
  auto append = Append(system);
  if (!append.ok()) return append.status();
  const uint64_t stored = append->cost->events;
  Add(*std::move(append), kAppendWork);
  auto replay = Replay(system, stored);
  if (!replay.ok()) return replay.status();
  Add(*std::move(replay), kReplayWork);
  auto tail = Tail(system);
  if (!tail.ok()) return tail.status();
  Add(*std::move(tail), kTailWork);
  return absl::OkStatus();
}

absl::Status PeersRun::Tidemark() {
  const auto server = session_.Tidemark();
  if (!server.ok()) return server.status();
  {
    auto client = ConnectTidemark((*server)->address());
    if (!client.ok()) return client.status();
    const System system = {
        kTidemarkSystem, session_.Durability(),
        "generated C++ classes; AppendStream, Subscribe; one partition, key index", **client,
        **server};
    if (absl::Status status = Measure(system); !status.ok()) return status;
  }
  return session_.StopTidemark();
}

absl::Status PeersRun::MeasureMode(const PeerSpec& spec, const PeerMode& mode) {
  reporter_.Begin(absl::StrCat(spec.name, ", ", mode.name, ": start"));
  auto directory = session_.NewDirectory();
  if (!directory.ok()) return directory.status();
  const auto broker = PeerBroker::Start(spec, mode, setup_directory_, *std::move(directory));
  if (!broker.ok()) return broker.status();
  return Measure({absl::StrCat(spec.name, ", ", mode.name), mode.durability, spec.settings,
                  (*broker)->client(), (*broker)->process()});
}

void PeersRun::Peer(const PeerSpec& spec) {
  const std::string name = spec.script.substr(0, spec.script.rfind('.'));
  const auto& only = config_.only;
  if (!only.empty() && std::find(only.begin(), only.end(), name) == only.end()) return;
  auto directory = session_.NewDirectory();
  absl::Status status = directory.ok() ? CheckInstalled(spec, setup_directory_, directory->path())
                                       : directory.status();
  if (!status.ok()) {
    reporter_.Note(absl::StrCat(spec.name, ": skipped: ", status.message(), "."));
    return;
  }
  for (const PeerMode& mode : spec.modes) {
    status = MeasureMode(spec, mode);
    if (status.ok()) continue;
    reporter_.Note(absl::StrCat(spec.name, ", ", mode.name, ": failed: ", status.ToString()));
  }
}

}  // namespace

absl::Status MeasurePeers(Session& session, const PeersConfig& config, Reporter& reporter) {
  PeersRun run(session, config, reporter);
  if (absl::Status status = run.Tidemark(); !status.ok()) return status;
  for (const PeerSpec& spec : AllPeers()) run.Peer(spec);
  return absl::OkStatus();
}

absl::Status RunPeers(Session& session, const PeersConfig& config, Reporter& reporter) {
  if (absl::Status status = MeasurePeers(session, config, reporter); !status.ok()) return status;
  for (const GoalCheck& goal : PeerGoals(reporter.results())) reporter.Add(goal);
  reporter.Note(PeerTables(reporter.results()));
  return absl::OkStatus();
}

}  // namespace tidemark::bench
