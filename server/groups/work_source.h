// WorkSource: where a work queue's events come from: the partitions of a group through its filter,
// history and live alike. delivery/ has what it takes; this is what a group needs of it.
//
// Threads. Add, Remove, Next and Positions: one thread at a time. The wake function may be called
//          on any thread, without locks, once after each Next that answered kIdle.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "server/groups/work_types.h"
#include "server/log/gap_reason.h"
#include "server/log/partition.h"
#include "server/log/partition_reader.h"
#include "server/storage/records.h"

namespace tidemark::groups {

class WorkSource {
 public:
  struct Item {
    enum class Kind {
      kEvents,
      kPassed,      // Nothing matched up to `read_to`; call again.
      kGap,         // What is from `gap_from` to `read_to` can no longer be read.
      kNeedsStore,  // Call again on a thread that may wait.
      kIdle,        // Nothing now; the wake function will be called.
      kDeleted,     // The topic is gone.
    };
    Kind kind = Kind::kIdle;
    LogId log;
    WorkChunk chunk;
    Offset gap_from;
    log::GapReason gap_reason = log::GapReason::kRetention;
    Offset read_to;
    uint64_t erasures = 0;  // Of the partition when `chunk` was read.
    bool from_tail = true;
  };
  virtual ~WorkSource() = default;
  virtual void Add(const log::TopicPtr& topic, PartitionIndex index, log::PartitionPtr partition,
                   Offset from) = 0;
  // Without effect if it is not there.
  virtual void Remove(LogId log) = 0;
  // DATA_LOSS  a batch is damaged or missing.
  virtual absl::StatusOr<Item> Next(log::MayWait may_wait) = 0;
  // Up to where each partition was looked at.
  virtual std::vector<std::pair<LogId, Offset>> Positions() const = 0;
};

using WorkSourceFactory = std::function<std::unique_ptr<WorkSource>(
    const storage::FilterSpec& filter, absl::AnyInvocable<void()> wake)>;

}  // namespace tidemark::groups
