// Seeking: moving a group's committed offsets while it runs.
#pragma once

#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "server/groups/member.h"
#include "server/log/partition.h"
#include "server/log/topic.h"

namespace tidemark::groups {

// A partition that a seek moves, or would move.
struct SeekMove {
  log::TopicPtr topic;
  PartitionIndex index;
  log::PartitionPtr partition;
  Offset from;  // The newest committed offset before it, else the partition's start.
  Offset to;
};
using SeekCallback = absl::AnyInvocable<void(absl::StatusOr<std::vector<SeekMove>>) &&>;

}  // namespace tidemark::groups
