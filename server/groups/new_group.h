// Where a new group begins, for the commit that creates it.
#pragma once

#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/ids.h"
#include "server/groups/offset_entries.h"
#include "server/log/event_log.h"
#include "server/storage/records.h"

namespace tidemark::groups {

absl::Status NoSuchGroup(absl::string_view name);

// NOT_FOUND  an entry names a topic or partition that does not exist.
absl::Status CheckPlaces(const log::Catalog& catalog, const std::vector<OffsetEntry>& entries);

// The offsets that `group.start` stands for now, in the topics that exist. None for EARLIEST, nor
// in topics that a pattern finds later: without a committed offset a group begins at the start of a
// partition. May wait for the disk.
// NOT_FOUND  a topic that it names does not exist.
absl::StatusOr<std::vector<std::pair<LogId, Offset>>> OffsetsAtStart(
    log::EventLog& log, const storage::GroupRecord& group);

// The offsets of `entries`, for a group in which nothing is committed yet. May wait for the disk and
// for a commit, as OffsetsAtStart may: not for who prepares one.
// NOT_FOUND, OUT_OF_RANGE, ABORTED  as in CommitOffsets.
absl::StatusOr<std::vector<std::pair<LogId, Offset>>> OffsetsOfEntries(
    log::EventLog& log, const std::vector<OffsetEntry>& entries);

}  // namespace tidemark::groups
