#include "server/groups/transaction_offsets.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "server/groups/group_coordinator.h"

namespace tidemark::groups {

TransactionOffsets::TransactionOffsets(GroupCoordinator& coordinator,
                                       std::vector<LiveGroup::Transaction> parts)
    : coordinator_(coordinator), parts_(std::move(parts)) {
  std::sort(parts_.begin(), parts_.end(), [](const auto& a, const auto& b) {
    return std::less<>()(a.group.get(), b.group.get());
  });
}

bool TransactionOffsets::IsReady() {
  return std::none_of(parts_.begin(), parts_.end(),
                      [](const LiveGroup::Transaction& part) { return part.group->Refresh(); });
}

absl::Status TransactionOffsets::MakeReady() {
  for (const LiveGroup::Transaction& part : parts_) {
    if (!part.group->Refresh()) continue;
    if (absl::Status status = part.group->Load(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status TransactionOffsets::Prepare(std::vector<log::OffsetWrite>& writes) {
  return LiveGroup::PrepareTogether(parts_, writes);
}

void TransactionOffsets::Finish(const absl::Status& commit) {
  for (const LiveGroup::Transaction& part : parts_) {
    part.group->EndTransaction(part.puts, commit);
    coordinator_.KeepTicking(part.group);
  }
}

}  // namespace tidemark::groups
