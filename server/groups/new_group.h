// Where a new group begins, for the commit that creates it. To be looked for before that: opening a
// partition may wait for a commit that retention makes.
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

struct NewOffsets {
  std::vector<log::TopicPtr> topics;  // Have to be there still when the group is created.
  std::vector<std::pair<LogId, Offset>> offsets;
};

// NOT_FOUND  a topic was deleted meanwhile.
absl::Status CheckTopicsAreThere(const log::Catalog& catalog, const NewOffsets& first);

// The offsets that `group.start` stands for now, in the topics that exist; not those that are 0,
// with EARLIEST, nor in topics that a pattern finds later: without a committed offset a group
// begins at offset 0, and is told what of that is gone. May wait for the disk and for a commit.
// NOT_FOUND  a topic that it names does not exist.
absl::StatusOr<NewOffsets> OffsetsAtStart(log::EventLog& log, const storage::GroupRecord& group);

// The offsets of `entries`, for a group in which nothing is committed yet. May wait for
// the disk and for a commit.
// NOT_FOUND, OUT_OF_RANGE, ABORTED  as in CommitOffsets.
absl::StatusOr<NewOffsets> OffsetsOfEntries(log::EventLog& log,
                                            const std::vector<OffsetEntry>& entries);

}  // namespace tidemark::groups
