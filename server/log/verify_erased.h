// ErasedTotalsCheck: whether the totals of erased keys in the index can be those of the events that
// are gone.
//
// Terms.   Total of an erased key: how many of its events are gone, where the first and the last
//          were, under its digest (storage/terms.h). Blank: what is left of an event (blanks.h).
// What.    Of a partition: the first and the last event of each total are gone, and no other total
//          names the same; all totals together count no more events than there are blanks and
//          offsets that retention passed; and no fewer than there are erased ones, but for those
//          of erasures that were not by a key. Of a topic: of a key that was erased by its name no
//          fewer events are counted than its erasures took, and in a topic that lost nothing to
//          retention or compaction no more than all of them could have been.
// Why so.  Nobody knows any more whose event a blank was. So what the totals of a partition say
//          together is exact only where all erasures were by keys and all their events have blanks.
// Order.   Totals, blanks and records of erasures only grow. What is to be no more than another
//          count is read before that one; so what is erased meanwhile is no finding.
// Bounds.  kTotalsAtOnce totals; of a topic 32 bytes and a count for each key that was erased.
// Threads. Waits for the disk; beside everything else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/log/event_log.h"
#include "server/log/term_digest.h"
#include "server/log/verify_progress.h"

namespace tidemark::log {

// Events of all totals of erased keys, at the moment of `cursor`.
absl::StatusOr<uint64_t> CountErased(storage::TermCursor& cursor);
// The index knows of an erasure, or a compaction, before readers do; then they know of all that it
// knew.
void AwaitErasures(EventLog& log);

class ErasedTotalsCheck {
 public:
  static constexpr size_t kTotalsAtOnce = 16'384;

  ErasedTotalsCheck(EventLog& log, TopicPtr topic, PartitionIndex index, VerifyProgress& progress);

  // Counts at the moment of `cursor`, before the events are read. False: a total is damaged, which
  // is reported.
  absl::StatusOr<bool> ReadTotals(storage::TermCursor& cursor);
  // Once all events that were sealed at that moment were read: `blanks` are theirs. Requires that
  // no event, nor anything of the index, is missing or damaged.
  absl::Status Compare(const Partition& partition, const BlankCounts& blanks);

 private:
  // The first or the last event that a total names.
  struct Place {
    Offset offset;
    size_t total = 0;  // Its number among those that are looked at.
    bool last = false;
  };
  struct Look {
    std::vector<std::string> digests;
    std::vector<Place> places;
  };

  void Found(std::string what, Offset from = Offset(0), Offset until = Offset(0));
  // More is counted than is gone? What is erased, and not yet taken out of its batches, is gone.
  absl::Status CompareMost(const Partition& partition, const BlankCounts& blanks);
  // Fewer?
  absl::Status CompareLeast(const Partition& partition, const BlankCounts& blanks);
  // Events of erasures that were not by a key, and may have been in this partition.
  absl::StatusOr<uint64_t> ErasedByNoKey() const;
  absl::StatusOr<BlankCounts> CountBlanks(const Partition& partition, Offset until, bool& whole);
  absl::Status CheckPlaces(const Partition& partition);
  absl::Status CheckPlaces(const Partition& partition, Look& look);
  // False: there is an event at `offset`. What cannot be read, or is passed by retention, is not.
  // `batch` is the one before, and then the one that holds it.
  absl::StatusOr<bool> IsGone(const Partition& partition, Offset offset, storage::BatchPtr& batch);

  EventLog& log_;
  const TopicPtr topic_;
  const PartitionIndex index_;
  const LogId id_;
  VerifyProgress& progress_;
  uint64_t counted_ = 0;  // Of all totals, before the events were read.
};

// Compares the totals of keys that were erased by their name with the records of their erasures;
// `only`: of this topic, null: of all.
absl::Status VerifyErasures(EventLog& log, const TopicPtr& only, VerifyProgress& progress);

}  // namespace tidemark::log
