// KeyTotalsCheck: whether the totals of keys in the index are those of the events.
//
// Terms.   Total: how many events a key ever had in a partition, where the first and the last one
//          of them are, as far as the index is on the disk (storage/terms.h).
// What.    Of each key: its last event is where its rows of the index, which are compared with the
//          events beside this, say; its first one no later; and it has at least as many events as
//          rows speak of. In a partition that lost nothing to retention or compaction also: it has
//          exactly as many events as there are.
// How.     All totals are summed up by parts of the keys, and so are all events, without keeping a
//          key. Where two sums differ the events are read again and the keys of that part counted.
// Bounds.  kParts sums, twice; to name what differs, the keys of kPartsOfWalk parts.
// Threads. Waits for the disk; beside everything else. What changes meanwhile is looked at again;
//          if it changes each time, nothing is said.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "server/log/event_log.h"
#include "server/log/term_digest.h"
#include "server/log/verify_progress.h"

namespace tidemark::log {

class KeyTotalsCheck {
 public:
  KeyTotalsCheck(EventLog& log, TopicPtr topic, PartitionIndex index, VerifyProgress& progress);

  // Sums up the totals at the moment of `cursor`, and compares each with the rows of its key.
  // False: one is damaged, which is reported.
  absl::StatusOr<bool> ReadTotals(storage::TermCursor& cursor, const Partition& partition);
  // To be given every event of the partition that was sealed at that moment.
  KeySums& events() { return events_; }
  // Once all were given. Requires that no event, nor anything of the index, is missing or damaged.
  absl::Status Compare(const Partition& partition);

 private:
  static constexpr size_t kPartsOfWalk = 64;
  // What the rows of a key say; what is below the start does not count.
  struct Rows {
    uint64_t events_min = 0;
    Offset first;
    Offset last;
  };

  void Found(std::string what);
  void Report(absl::string_view key, uint64_t counted, uint64_t events);
  static void Add(const storage::TermCursor& cursor, Offset start, Rows& rows);
  // Empty: they agree.
  static std::string Difference(const std::optional<storage::KeyTotal>& total, const Rows& rows,
                                Offset start);
  // The rows of a key and its total, at one moment.
  absl::Status LookAt(const Partition& partition, const std::string& key);
  // Where totals were read: how far they were sealed, and what was erased.
  struct Moment {
    Offset until;
    uint64_t erased = 0;
  };
  // Sums both up again; true: they are the same, or cannot be told. `different` is empty if events
  // were erased meanwhile.
  absl::StatusOr<bool> SameNow(const Partition& partition, std::vector<size_t>& different);
  // Counts the keys of these parts, and reports those that differ. False: events were erased
  // meanwhile, and nothing was reported.
  absl::StatusOr<bool> NameKeys(const Partition& partition, const std::vector<size_t>& parts);
  // Each total that is sealed. Then readers do not get what was erased by then.
  absl::StatusOr<Moment> ReadTotals(
      absl::FunctionRef<void(absl::string_view key, const storage::KeyTotal& total)> visit);
  // True: nothing was erased since.
  absl::StatusOr<bool> IsStill(const Moment& moment);
  // Visits the keys of all events before `until`, batch by batch, as readers get them. False: it
  // could not be read as a whole.
  absl::StatusOr<bool> WalkKeys(const Partition& partition, Offset until,
                                absl::FunctionRef<bool(const storage::StoredBatch&)> visit);
  // True: not all of the partition's history can be counted.
  static bool IsCut(const Partition& partition) {
    return partition.ends().start > Offset(0) || partition.deleted();
  }

  EventLog& log_;
  const TopicPtr topic_;
  const PartitionIndex index_;
  const LogId id_;
  VerifyProgress& progress_;
  KeySums totals_;
  KeySums events_;
};

}  // namespace tidemark::log
