// Offsets that transactions set.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/groups/group.h"

namespace tidemark::groups {

absl::Status Group::CheckTransaction(const std::vector<OffsetEntry>& entries) {
  if (life_ == Life::kDeleted) {
    return NoSuch("group", record_.name, ": it was deleted. Join it, or check the name");
  }
  if (is_work()) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     absl::StrCat("group \"", record_.name,
                                  "\" acks by event; nothing was written. Only PARTITION_ORDERED "
                                  "groups commit offsets with an append"),
                     {.reason = "GROUP_ACKS_BY_EVENT", .metadata = {{"group", record_.name}}});
  }
  std::vector<EntryState> states;
  std::vector<LogId> logs;
  return CheckCommit(entries, /*allow_rewind=*/false, states, logs);
}

std::vector<Group::PutOffset> Group::PutTransaction(const std::vector<OffsetEntry>& entries,
                                                    absl::Time now) {
  std::vector<PutOffset> puts;
  for (const OffsetEntry& entry : entries) {
    PartitionState* state = Find(entry.topic, entry.partition);
    TM_CHECK(state != nullptr);
    const LogId log = state->partition->log();
    puts.push_back({log, entry.offset, commits_.Put(log, entry.offset)});
    Ownership* owner = state->owner.get();
    if (owner == nullptr) continue;
    // As if it had acked; the partition may go on to its next owner, who begins at the newest
    // offset.
    owner->acked = std::max(owner->acked, entry.offset);
    owner->in_flight.Ack(owner->acked);
    rearrange_ = rearrange_ || (owner->revoked && owner->drained());
  }
  last_progress_ = now;
  return puts;
}

void Group::EndTransaction(const std::vector<PutOffset>& puts, const absl::Status& commit,
                           absl::Time now) {
  for (const PutOffset& put : puts) {
    commits_.EndPut(put.log, put.offset, put.order, commit.ok());
  }
  Settle(now);
}

}  // namespace tidemark::groups
