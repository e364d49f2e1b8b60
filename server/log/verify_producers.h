// Checking what is remembered of producers: each record can be read, and what it says was appended
// is not behind the end of its partition.
//
// Threads. Waits for the disk; beside everything else.
#pragma once

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/log/event_log.h"
#include "server/log/verify_progress.h"

namespace tidemark::log {

// Ends of partitions, asked for once, and again when one seems to be passed.
class KnownEnds {
 public:
  explicit KnownEnds(EventLog& log) : log_(log) {}
  // True if `log` is of a deleted topic or ends at or behind `offset`.
  absl::StatusOr<bool> Reaches(LogId log, Offset offset);

 private:
  EventLog& log_;
  absl::flat_hash_map<LogId, Offset> ends_;
};

absl::Status VerifyProducers(EventLog& log, VerifyProgress& progress);

}  // namespace tidemark::log
