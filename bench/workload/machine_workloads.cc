#include "bench/workload/machine_workloads.h"

#include <algorithm>

#include "bench/baseline/disk.h"
#include "bench/baseline/rocksdb_writes.h"
#include "bench/process/cost_meter.h"

namespace tidemark::bench {

absl::StatusOr<Result> MeasureSmallSyncs(const Session& session, double seconds,
                                         double idle_seconds) {
  const absl::StatusOr<TempDir> directory = session.NewDirectory();
  if (!directory.ok()) return directory.status();
  const absl::StatusOr<Recorder> run = RunSmallSyncs(directory->path(), seconds, idle_seconds);
  if (!run.ok()) return run.status();
  const Percentiles percentiles = PercentilesOf(run->latency());
  return Result{.name = idle_seconds > 0 ? "fdatasync of 4 kB after idle" : "fdatasync of 4 kB",
                .value = percentiles.p50_us,
                .unit = "us",
                .latency_of = "write and fdatasync",
                .percentiles = percentiles,
                .seconds = run->Seconds(),
                .durability = "fdatasync"};
}

absl::StatusOr<std::vector<Result>> MeasureSequentialDisk(const Session& session,
                                                          uint64_t file_bytes) {
  const absl::StatusOr<TempDir> directory = session.NewDirectory();
  if (!directory.ok()) return directory.status();
  const absl::StatusOr<DiskSpeed> speed = RunSequentialDisk(directory->path(), file_bytes);
  if (!speed.ok()) return speed.status();
  const nlohmann::ordered_json config = {{"file_bytes", file_bytes}};
  return std::vector<Result>{{.name = "disk sequential write",
                              .value = speed->write_bytes_per_s / 1e6,
                              .unit = "MB/s",
                              .durability = "one fdatasync at the end",
                              .config = config},
                             {.name = "disk sequential read, cold",
                              .value = speed->read_bytes_per_s / 1e6,
                              .unit = "MB/s",
                              .durability = kReadOnly,
                              .config = config}};
}

absl::StatusOr<Result> MeasureRocksDb(const Session& session, const AppendConfig& config,
                                      double seconds) {
  const absl::StatusOr<TempDir> directory = session.NewDirectory();
  if (!directory.ok()) return directory.status();
  const EventPool pool(config.shape, config.batch_events);
  // A server has two groups under way, one at its fsync and one being prepared: each has half of
  // what is in flight.
  const uint32_t commit_batches = std::max(1u, config.inflight * config.producers / 2);
  const double cpu_before_s = OwnCpuSeconds();
  const absl::StatusOr<Recorder> run = RunRocksDbWrites(
      {.directory = directory->path(), .commit_batches = commit_batches, .seconds = seconds}, pool);
  if (!run.ok()) return run.status();
  return Result{.name = "RocksDB synced writes",
                .value = run->EventsPerSecond(),
                .unit = "events/s",
                .latency_of = "commit",
                .percentiles = PercentilesOf(run->latency()),
                .seconds = run->Seconds(),
                .events = run->events(),
                .bytes = run->bytes(),
                .durability = "fdatasync of the write-ahead log",
                .cost = Cost{.events = run->events(),
                             .bytes = run->bytes(),
                             .client_cpu_s = OwnCpuSeconds() - cpu_before_s},
                .events_by_second = run->events_by_second(),
                .config = {{"batch_events", config.batch_events},
                           {"commit_batches", commit_batches},
                           {"event_data_bytes", config.shape.data_bytes}}};
}

}  // namespace tidemark::bench
