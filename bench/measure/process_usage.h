// ProcessUsage: what a process has used since it began, from /proc.
#ifndef TIDEMARK_BENCH_MEASURE_PROCESS_USAGE_H_
#define TIDEMARK_BENCH_MEASURE_PROCESS_USAGE_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tidemark::bench {

struct ProcessUsage {
  // User and system time of all threads, in seconds; the kernel counts in steps of 10 ms.
  double cpu_s = 0;
  // The largest resident set since the process began.
  uint64_t rss_max_bytes = 0;
  // Bytes sent towards the disk: counted when a page becomes dirty, so it includes what the
  // page cache still holds.
  uint64_t write_bytes = 0;
};

// NOT_FOUND if there is no such process; PERMISSION_DENIED if it is somebody else's.
absl::StatusOr<ProcessUsage> ReadProcessUsage(pid_t pid);

// The process and all that descend from it and live, added up; of those that ended, what their
// parents waited for. rss_max_bytes is the sum of each one's own largest, shared pages counted in
// each.
absl::StatusOr<ProcessUsage> ReadTreeUsage(pid_t pid);

// The pieces of ReadProcessUsage that parse; nullopt where the text is not what the kernel prints.
// `with_ended`: also the time of children that ended and were waited for.
std::optional<double> CpuSecondsOfStat(absl::string_view stat, int64_t ticks_per_second,
                                       bool with_ended = false);
std::optional<pid_t> ParentOfStat(absl::string_view stat);
std::optional<uint64_t> ValueOfLine(absl::string_view text, absl::string_view name);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_MEASURE_PROCESS_USAGE_H_
