// Work: what groups of mode KEY_ORDERED and UNORDERED hand to their members, event by event.
//
// Terms.  Lease: a member has the event in its hands, until a due time. Attempt: a delivery that
// was
//         not taken back. Lane: the events of one key of one partition, in order; events without a
//         key, and all of an UNORDERED group, have none. Dead letter: an event that was given up.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/base/ids.h"
#include "server/groups/work_budget.h"
#include "server/log/batch_cut.h"
#include "server/log/gap_reason.h"
#include "server/log/topic.h"
#include "server/storage/records.h"
#include "server/storage/work_rows.h"

namespace tidemark::groups {

struct WorkOptions {
  storage::GroupId group;
  storage::GroupMode mode = storage::GroupMode::kKeyOrdered;
  storage::RetryPolicy retry;
  size_t window_events_max = 10'000;       // Of a partition; one slice may go beyond it.
  uint64_t readahead_bytes_max = 4 << 20;  // Batches kept for events that are not handed out yet.
  size_t redrives_max = 10'000;            // At a time.
  // Keeps a copy of an event in a dead letter; null: as it is. May wait for the disk, once in a
  // while.
  std::function<void(LogId log, Offset offset, std::string event, storage::DeadLetter& letter)>
      keep_copy;
  const WorkBudget* budget = nullptr;  // Of all queues; null: none. Outlives the queue.
};

// An event as it is read. Points into the chunk's bytes.
struct WorkEvent {
  Offset offset;
  absl::string_view entry;  // Encoded, as an entry of `events`.
  absl::string_view type;
  absl::string_view key;
  uint64_t not_before_us = 0;  // 0: at once.
};

// Events of one stored batch, with what keeps their bytes alive.
struct WorkChunk {
  storage::BatchHeader header;
  std::vector<std::shared_ptr<const void>> owners;
  std::vector<WorkEvent> events;  // By rising offset.
};

// What a member gets at once: events of one stored batch, or word of a gap.
struct WorkDelivery {
  LogId log;
  log::TopicPtr topic;
  PartitionIndex partition;
  log::EventSlice slice;           // No events: see `gap`.
  std::vector<uint32_t> attempts;  // Of each event; empty: 1 each.
  struct Gap {
    Offset from;
    Offset until;
    log::GapReason reason = log::GapReason::kRetention;
  };
  std::optional<Gap> gap;  // Can no longer be read.
};

// Why an ack, nack or extension had no effect.
enum class WorkRejection {
  kFenced,       // The event is not, or no longer, the member's.
  kNotInFlight,  // It was not delivered to anybody.
};

// Of a group or one of its partitions, for people.
struct WorkFigures {
  uint64_t window_events = 0;
  bool window_blocked = false;
  uint64_t in_flight_events = 0;
  uint64_t waiting_events = 0;
  uint64_t redeliveries = 0;
  std::optional<uint64_t> oldest_unacked_us;
  uint64_t blocked_keys = 0;
  uint64_t dead_letters = 0;
};

}  // namespace tidemark::groups
