// Transactions that set offsets of several groups.
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/seeded_fault.h"
#include "server/groups/live_group.h"

namespace tidemark::groups {

// Locks all groups at once, which the analysis cannot follow. Nobody else holds two of them.
absl::Status LiveGroup::PrepareTogether(std::vector<Transaction>& parts,
                                        std::vector<log::OffsetWrite>& writes)
    ABSL_NO_THREAD_SAFETY_ANALYSIS {
  for (Transaction& part : parts) part.group->mu_.Lock();
  absl::Status status;
  for (const Transaction& part : parts) {
    if (status.ok() && !part.group->group_.offsets_loaded()) {
      status = MakeError(absl::StatusCode::kUnavailable,
                         absl::StrCat("group \"", part.group->group_.record().name,
                                      "\" is being loaded; nothing was written. Repeat"),
                         {.reason = "GROUP_BUSY", .retry_delay = absl::Milliseconds(10)});
    }
    if (status.ok()) status = part.group->group_.CheckTransaction(part.entries);
  }
  for (Transaction& part : parts) {
    if (!status.ok()) break;
    Group& group = part.group->group_;
    part.puts = group.PutTransaction(part.entries, part.group->context_->clock.Now());
    for (const Group::PutOffset& put : part.puts) {
      if (TM_SEEDED_FAULT("offsets_apart")) continue;
      writes.push_back({group.record().id, put.log, put.offset});
    }
  }
  for (Transaction& part : parts) part.group->mu_.Unlock();
  return status;
}

void LiveGroup::EndTransaction(const std::vector<Group::PutOffset>& puts,
                               const absl::Status& commit) {
  {
    absl::MutexLock lock(&mu_);
    group_.EndTransaction(puts, commit, context_->clock.Now());
    CollectLocked();
  }
  Drain();
}

}  // namespace tidemark::groups
