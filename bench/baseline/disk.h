// What the disk alone can do: a small sync, and reading a file that is not in memory.
#ifndef TIDEMARK_BENCH_BASELINE_DISK_H_
#define TIDEMARK_BENCH_BASELINE_DISK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/measure/recorder.h"

namespace tidemark::bench {

// Appends 4 kB and calls fdatasync, again and again, with `idle_seconds` of sleep before each.
// Latency is of both together, without the sleep.
absl::StatusOr<Recorder> RunSmallSyncs(const std::string& directory, double seconds,
                                       double idle_seconds = 0);

struct DiskSpeed {
  // Buffered 1 MiB writes and one fdatasync at the end.
  double write_bytes_per_s = 0;
  // Buffered 1 MiB reads after the page cache was told to forget the file.
  double read_bytes_per_s = 0;
};
absl::StatusOr<DiskSpeed> RunSequentialDisk(const std::string& directory, uint64_t file_bytes);

// Asks the kernel to forget its cached pages of every file below `directory`. Works for what is on
// disk already (it syncs first); no privilege needed.
absl::Status DropCachedPages(const std::string& directory);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_BASELINE_DISK_H_
