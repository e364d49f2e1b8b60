// TransactionOffsets: the offsets of groups that one append commits together with its events.
//
// Guarantee. The members that commit own their partitions at the moment of the commit: nobody can
//            take them between the check and the commit, because both happen in the commit's order.
// Threads.   See log::CommitParticipant.
// Lifetime.  The coordinator outlives it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/groups/live_group.h"
#include "server/log/append_request.h"

namespace tidemark::groups {

class GroupCoordinator;

class TransactionOffsets final : public log::CommitParticipant {
 public:
  // Each group once.
  TransactionOffsets(GroupCoordinator& coordinator, std::vector<LiveGroup::Transaction> parts);

  bool IsReady() override;
  absl::Status MakeReady() override;
  absl::Status Prepare(std::vector<log::OffsetWrite>& writes) override;
  void Finish(const absl::Status& commit) override;

 private:
  GroupCoordinator& coordinator_;
  std::vector<LiveGroup::Transaction> parts_;  // By the groups' addresses.
};

}  // namespace tidemark::groups
