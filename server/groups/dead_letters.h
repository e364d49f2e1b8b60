// Dead letters, as people see and handle them. The rows are the truth; a work queue knows which of
// them are being redriven and which keys they block.
//
// Threads. Safe from any thread; waits for the disk.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "server/groups/live_work.h"
#include "server/groups/work_types.h"
#include "server/log/event_log.h"
#include "server/log/filter.h"
#include "server/storage/store.h"

namespace tidemark::groups {

// DATA_LOSS  the row is damaged.
absl::StatusOr<std::optional<storage::DeadLetter>> ReadDeadLetter(const storage::Store& store,
                                                                  storage::GroupId group, LogId log,
                                                                  Offset offset);

// Visits the dead letters of a log from `from` on, until the visitor returns false.
absl::Status ForLetters(const storage::Store& store, storage::GroupId group, LogId log, Offset from,
                        absl::FunctionRef<bool(Offset, storage::DeadLetter)> visit);

struct DeadLetterPlace {
  std::string topic;
  PartitionIndex partition;
  Offset offset;
  friend bool operator==(const DeadLetterPlace&, const DeadLetterPlace&) = default;
};

struct DeadLetterView {
  DeadLetterPlace place;
  storage::DeadLetter letter;
  std::optional<std::string> event;  // Encoded; unset: it can no longer be read.
};

struct DeadLetterPage {
  std::vector<DeadLetterView> letters;
  // Where the next page begins; unset: this was the last.
  std::optional<DeadLetterPlace> next;
};

// The encoded event; nothing if it can no longer be read.
absl::StatusOr<std::optional<std::string>> ReadStoredEvent(const log::PartitionReader& reader,
                                                           const log::Partition& partition,
                                                           Offset offset);

// Puts a copy of an event into a dead letter: encrypted, if its topic's events are. Without one if
// it cannot be encrypted.
absl::Status KeepCopy(const log::EventLog& log, LogId of, Offset offset, std::string event,
                      storage::DeadLetter& letter);
// The copy in a dead letter, as it was appended; nothing if there is none, or its key was
// destroyed.
absl::StatusOr<std::optional<std::string>> CopyIn(const log::EventLog& log, LogId of, Offset offset,
                                                  const storage::DeadLetter& letter);

class DeadLetters {
 public:
  // Topics of the group, by name.
  DeadLetters(log::EventLog& log, storage::GroupId group, std::vector<log::TopicPtr> topics)
      : log_(log), group_(group), topics_(std::move(topics)) {}

  // At most `count` of those that match, from `from` on, by topic, partition and offset, with their
  // events.
  absl::StatusOr<DeadLetterPage> List(const std::optional<DeadLetterPlace>& from,
                                      const storage::FilterSpec& filter, size_t count) const;

  struct Found {
    LogId log;
    Offset offset;
    storage::DeadLetter letter;
  };
  // Those of these that are there and are not being redriven.
  absl::StatusOr<std::vector<Found>> FindPlaces(const std::vector<DeadLetterPlace>& places) const;
  // The next `count` of those that match and are not being redriven; fewer: these are the last.
  struct Cursor {
    size_t log = 0;
    Offset offset;
  };
  absl::StatusOr<std::vector<Found>> FindMatching(const storage::FilterSpec& filter, size_t count,
                                                  Cursor& cursor) const;

 private:
  struct Log {
    log::TopicPtr topic;
    PartitionIndex partition;
    LogId log;
  };
  std::vector<Log> Logs() const;
  absl::StatusOr<std::optional<std::string>> ReadEvent(const Log& log, Offset offset) const;

  log::EventLog& log_;
  const storage::GroupId group_;
  const std::vector<log::TopicPtr> topics_;
};

}  // namespace tidemark::groups
