// The baselines without a network: the disk, and RocksDB on it.
#ifndef TIDEMARK_BENCH_WORKLOAD_MACHINE_WORKLOADS_H_
#define TIDEMARK_BENCH_WORKLOAD_MACHINE_WORKLOADS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "bench/measure/result.h"
#include "bench/workload/append_workload.h"
#include "bench/workload/session.h"

namespace tidemark::bench {

// The median of a 4 kB write and fdatasync.
// With `idle_seconds` of sleep before each sync; then the name says so.
absl::StatusOr<Result> MeasureSmallSyncs(const Session& session, double seconds,
                                         double idle_seconds = 0);

// Sequential write (with one sync at the end) and cold sequential read of one file.
absl::StatusOr<std::vector<Result>> MeasureSequentialDisk(const Session& session,
                                                          uint64_t file_bytes);

// The bytes of `config`'s requests in synced RocksDB writes. A commit holds as many requests as the
// append load keeps in flight, the most that a server could ever put into one.
absl::StatusOr<Result> MeasureRocksDb(const Session& session, const AppendConfig& config,
                                      double seconds);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_MACHINE_WORKLOADS_H_
