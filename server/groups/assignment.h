// Assignment: who should own which partition.
//
// Guarantees. Every partition has one owner as long as there is a member; numbers of partitions
//             differ by at most one; no balanced assignment takes fewer partitions from members
//             that own them now; the same input gives the same answer.
#pragma once

#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "server/base/ids.h"

namespace tidemark::groups {

// Number of a member within one run of the server; later members have higher numbers.
using MemberNumber = StrongNumber<struct MemberNumberTag, uint64_t>;

struct MemberShare {
  MemberNumber member;
  std::vector<LogId> owned;  // Disjoint from other members'.
};

using Assignment = absl::flat_hash_map<LogId, MemberNumber>;

// The owners `partitions` should have; empty without members. What a member owns outside of
// `partitions` is ignored.
Assignment Assign(absl::Span<const LogId> partitions, absl::Span<const MemberShare> members);

}  // namespace tidemark::groups
