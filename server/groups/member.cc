#include "server/groups/member.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/groups/live_group.h"

namespace tidemark::groups {

Member::Member(std::shared_ptr<LiveGroup> group, MemberNumber number)
    : group_(std::move(group)), number_(number) {}

Member::~Member() { Leave(); }

std::string Member::id() const { return MemberId(number_); }

bool Member::Progress(LogId log, Offset delivered_end, Offset scanned_to,
                      uint64_t delivered_events) {
  return group_->Progress(number_, log, delivered_end, scanned_to, delivered_events);
}

bool Member::PassGap(LogId log, Offset from, Offset until) {
  return group_->PassGap(number_, log, from, until);
}

void Member::Ack(std::vector<TopicPartitionOffset> offsets, AckCallback done) {
  group_->Ack(number_, std::move(offsets), std::move(done));
}

void Member::Release(const std::vector<TopicPartition>& partitions,
                     std::optional<uint64_t> revocation) {
  group_->Release(number_, partitions, revocation);
}

void Member::Leave() { group_->Leave(number_); }

std::string MemberId(MemberNumber number) { return absl::StrCat("member-", number); }

}  // namespace tidemark::groups
