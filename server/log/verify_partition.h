// VerifyPartition: reads all of a partition and says what is wrong with it.
//
// What.    Every batch from the start to the end of now: its checksums, that offsets are dense and
//          positions and append times rise; and that the index of types and keys, totals of keys
//          included (verify_totals.h), says exactly what the events say, as far as it is on the
//          disk. That what is encrypted can be decrypted.
// How.     Batches come from the store, not from the tail: what is on the disk counts.
// Bounds.  A page of batches, and 64 bytes for each segment of the index; see KeyTotalsCheck.
// Threads. Waits for the disk; beside appends, retention and everything else.
#pragma once

#include "absl/status/status.h"
#include "server/log/event_log.h"
#include "server/log/verify_progress.h"

namespace tidemark::log {

// What is wrong goes to `progress`. Not OK only where the walk has to end: progress says so, or the
// disk refuses.
absl::Status VerifyPartition(EventLog& log, const TopicPtr& topic, PartitionIndex partition,
                             VerifyProgress& progress);

}  // namespace tidemark::log
