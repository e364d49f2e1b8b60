// Retention: moves the starts of partitions as their topics' rules say.
//
// Terms.     Rule: max_age, max_bytes or both. Passed: what the rule no longer keeps: batches as
// old
//            as max_age, and the oldest ones while those from them on have more than max_bytes; the
//            newest batch is never passed by max_bytes alone. Due: when a partition has to be
//            looked at again.
// Who.       Enforce, for who is about to read: exact, and waits until it is durable. Step, for
// disk
//            and memory, some times a second: looks at what is due and lets a little collect, so
//            that a busy partition costs one small commit now and then.
// Cost.      What a partition passes is found by binary search in the index. Partitions that are
// not
//            in memory are read once after the start and then when their oldest batch is due (what
//            is appended later is younger), with max_bytes every ten minutes.
// Bounds.    Per partition of a topic with a rule: 16 bytes. A step looks at kVisitsPerStep.
// Threads.   Safe from any thread. Enforce and Step may wait for the disk and for a commit.
// Failure.   A partition whose index is damaged is left as it is; a refusing pipeline moves
// nothing,
//            and reads go on where they are.
// Lifetime.  What is passed to the constructor outlives it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/base/clock.h"
#include "server/log/catalog.h"
#include "server/log/commit_pipeline.h"
#include "server/log/index_sealer.h"
#include "server/log/partition_table.h"
#include "server/storage/store.h"

namespace tidemark::log {

class Retention {
 public:
  // Partitions that one step looks at.
  static constexpr size_t kVisitsPerStep = 2000;

  Retention(storage::Store& store, PartitionTable& partitions, CommitPipeline& pipeline,
            IndexSealer& sealer, const base::Clock& clock)
      : store_(store),
        partitions_(partitions),
        pipeline_(pipeline),
        sealer_(sealer),
        clock_(clock) {}

  // The topic is new, or has other settings: its partitions are due now.
  void Watch(const TopicPtr& topic) ABSL_LOCKS_EXCLUDED(mu_);
  void Forget(TopicId topic) ABSL_LOCKS_EXCLUDED(mu_);

  // Returns when nothing of `partition` is readable that the rule has passed by now.
  absl::Status Enforce(const TopicPtr& topic, const PartitionPtr& partition);

  // Called before a start moves, by who moves it; unless it is OK the start stays. May wait for the
  // disk and for a commit. Null: nobody.
  using TrimGuard = std::function<absl::Status(const Partition& partition, Offset start)>;
  void SetGuard(TrimGuard guard) ABSL_LOCKS_EXCLUDED(guard_mu_);

  // True if it moved a start.
  absl::StatusOr<bool> Step() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Watched {
    TopicPtr topic;
    struct Place {
      uint64_t due_us = 0;         // When its oldest batch is too old; 0: not looked at yet.
      uint64_t not_before_us = 0;  // After an error.
    };
    std::vector<Place> places;  // By partition.
  };
  struct Visit {
    TopicPtr topic;
    PartitionIndex partition;
    bool due;  // Else only a partition in memory can have passed: by max_bytes.
  };
  // A start that has to move, and where what it cuts off lies.
  struct Cut {
    LogTrim trim;
    storage::EpochSpan epochs;
  };

  uint64_t NowMicros() const;
  std::vector<Visit> TakeDue(uint64_t now_us) ABSL_LOCKS_EXCLUDED(mu_);
  void Set(const Visit& visit, Watched::Place place) ABSL_LOCKS_EXCLUDED(mu_);
  // Looks at one partition; sets when it is due again.
  absl::Status Look(const Visit& visit, uint64_t now_us, std::vector<Cut>& cuts);
  // Empty: nothing is passed.
  absl::StatusOr<std::optional<Cut>> FindCut(const TopicPtr& topic, const PartitionPtr& partition,
                                             uint64_t now_us) const;
  // Commits the cuts and marks what they cut off as garbage.
  absl::Status Apply(const std::vector<Cut>& cuts);
  // Returns when these, and all that were asked for before, are durable and published.
  absl::Status Trim(std::vector<LogTrim> trims);
  absl::Status Guard(const std::vector<Cut>& cuts) ABSL_LOCKS_EXCLUDED(guard_mu_);

  storage::Store& store_;
  PartitionTable& partitions_;
  CommitPipeline& pipeline_;
  IndexSealer& sealer_;
  const base::Clock& clock_;

  absl::Mutex guard_mu_;  // Leaf.
  std::shared_ptr<const TrimGuard> guard_ ABSL_GUARDED_BY(guard_mu_);

  absl::Mutex mu_;  // Leaf.
  absl::btree_map<TopicId, Watched> watched_ ABSL_GUARDED_BY(mu_);
  // Where the next step begins, so that every partition has its turn.
  std::pair<TopicId, uint32_t> next_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tidemark::log
