// Raw RocksDB: the same event bytes in synced writes, with no server in front.
//
// Terms.     A commit is one WriteBatch with `commit_batches` values of one request's events each,
//            and one fdatasync of the write-ahead log. Keys rise, so compaction has nothing to
//            rewrite. Options are those of a log: no compression, 64 MiB memtables, two levels.
#ifndef TIDEMARK_BENCH_BASELINE_ROCKSDB_WRITES_H_
#define TIDEMARK_BENCH_BASELINE_ROCKSDB_WRITES_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "bench/load/event_pool.h"
#include "bench/measure/recorder.h"

namespace tidemark::bench {

struct RocksDbWrites {
  // An empty directory.
  std::string directory;
  uint32_t commit_batches = 8;
  // Ends at whichever comes first; 0: no such limit. One of the two is set.
  double seconds = 3;
  uint64_t events = 0;
};

// Latency is that of a commit.
absl::StatusOr<Recorder> RunRocksDbWrites(const RocksDbWrites& config, const EventPool& pool);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_BASELINE_ROCKSDB_WRITES_H_
