// Offset entries: what CommitOffsets is asked to set, and the checks of each against the partition
// as it is.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "server/base/error.h"
#include "server/base/ids.h"

namespace tidemark::groups {

// Expects that no offset was ever committed.
struct NothingCommitted {};

struct OffsetEntry {
  std::string topic;
  PartitionIndex partition;
  Offset offset;
  // Commit only if the committed offset is this. monostate: whatever it is.
  std::variant<std::monostate, Offset, NothingCommitted> expected;
  // Who commits; empty: nobody who owns the partition. With the assignment by which it does.
  std::string member_id = {};
  uint64_t assignment = 0;
};

// What one group is to commit with an append; each partition once, at least one.
struct GroupOffsets {
  std::string group;
  std::vector<OffsetEntry> entries;
};

// The partition of an entry as the commit finds it.
struct EntryState {
  const OffsetEntry* entry = nullptr;
  std::optional<Offset> committed;  // Newest, also if it is still on its way to the disk.
  Offset end;
  std::string owner;        // A live member's id, or empty.
  std::string client_name;  // The owner's.
  uint64_t assignment = 0;  // The owner's.
  bool fenced = false;      // The group was sought elsewhere: the owner commits nothing any more.
  Offset delivered;         // To the owner, or passed by its filter.
};

// OK, or the first kind of error that applies: ABORTED (FENCED), OUT_OF_RANGE, ABORTED (with every
// mismatch), FAILED_PRECONDITION.
absl::Status CheckEntries(const std::vector<EntryState>& states, bool allow_rewind);

absl::Status NoSuchPartition(const OffsetEntry& entry, uint32_t partitions);

}  // namespace tidemark::groups
