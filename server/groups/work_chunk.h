// From the slices that readers cut to the chunks that work queues take.
//
// Threads. Plain functions.
#pragma once

#include "absl/status/statusor.h"
#include "server/groups/work_types.h"
#include "server/log/batch_cut.h"
#include "server/log/delivery_time.h"
#include "server/log/partition_reader.h"

namespace tidemark::groups {

// DATA_LOSS  an event cannot be walked.
absl::StatusOr<WorkChunk> MakeChunk(const log::EventSlice& slice);

// A chunk of one event that lies in a row, not in a batch.
absl::StatusOr<WorkChunk> MakeChunk(Offset offset, absl::string_view event);

// The event at `offset`, read from memory or the disk; nothing if it can no longer be read, and why
// in `gone`. DATA_LOSS  its batch is damaged.
// `batch`: the last one that was read, or null; of neighbours one read gets many.
absl::StatusOr<std::optional<WorkChunk>> ReadOne(const log::PartitionReader& reader,
                                                 const log::Partition& partition, Offset offset,
                                                 storage::BatchPtr& batch, log::GapReason& gone);

// The encoded event of an entry of `events` that was read before.
std::string EventOf(absl::string_view entry);

// False: malformed. `entry` is an entry of `events`.
bool ViewEntry(absl::string_view entry, absl::Time append_time, log::WorkView& view);

}  // namespace tidemark::groups
