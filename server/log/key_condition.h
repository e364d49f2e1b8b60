// Conditions on keys: what a request expects of the state that its commit sees.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/base/ids.h"
#include "server/log/partition.h"
#include "server/log/topic.h"

namespace tidemark::log {

// How many events of a key are in [0, until) of its partition, whether they can be read or not.
struct KeyCount {
  uint64_t events = 0;
  Offset until;
};

struct KeyCondition {
  enum class Expect { kAbsent, kExists, kRevision };
  TopicPtr topic;  // Whose keys are indexed.
  PartitionIndex partition = {};
  std::string key = {};
  Expect expect = Expect::kExists;
  uint64_t revision = 0;  // With kRevision.
  // What is known already; filled in on the way to the pipeline (request_gate.h).
  PartitionPtr opened = nullptr;
  KeyCount known = {};

  // Of a key that has `events` events.
  bool Holds(uint64_t events) const;
};

using KeyRevision = storage::KeyRevision;

// A condition that does not hold, and what is.
struct FailedCondition {
  const KeyCondition* condition;
  uint64_t events;
};

// ABORTED  CONDITION_FAILED: lists them, as the contract of Condition tells. Requires at least one.
absl::Status ConditionsFailed(const std::vector<FailedCondition>& failed);

}  // namespace tidemark::log
