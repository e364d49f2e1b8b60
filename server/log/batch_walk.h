// Walking over all batches of a stretch of a partition, whatever can be read of them.
//
// Threads. Waits for the disk.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "server/log/partition_reader.h"

namespace tidemark::log {

// Returns false to end the walk before the next batch. `batch` is null if it cannot be read; then
// `header` holds only what its index row says.
using BatchVisitor =
    absl::FunctionRef<bool(const storage::BatchHeader& header, const storage::StoredBatch* batch)>;

// Visits the batches that begin in [from, until), in order; `from` is the base of one. Returns
// where the walk ended: after the last batch visited, earlier than `until` also when batches were
// dropped meanwhile (by retention or with the topic).
// DATA_LOSS    a batch cannot be read, nor can its end be told.
// UNAVAILABLE  the disk refuses.
absl::StatusOr<Offset> WalkBatches(const PartitionReader& reader, const storage::Store& store,
                                   const Partition& partition, Offset from, Offset until,
                                   BatchVisitor visit);

}  // namespace tidemark::log
