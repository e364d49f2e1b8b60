#include "server/log/batch_replacer.h"

#include <utility>

#include "absl/synchronization/notification.h"

namespace tidemark::log {

absl::Status BatchReplacer::Commit(LogId log, const std::vector<Replacement>& replacements,
                                   absl::FunctionRef<void(storage::WriteSet&)> also,
                                   absl::FunctionRef<void(Partition&)> publish) {
  PartitionPtr published;
  std::vector<storage::SupersededBatch> superseded;
  absl::Notification committed;
  absl::Status result;
  const auto prepare = [&](storage::WriteSet& set) -> absl::Status {
    if (catalog_.FindByLog(log) == nullptr) return absl::OkStatus();
    absl::StatusOr<PartitionPtr> partition = partitions_.Get(log);
    if (!partition.ok()) return partition.status();
    published = *partition;
    for (const Replacement& replacement : replacements) {
      if (!set.CanReplace(replacement.row)) {
        return absl::AbortedError("a batch is of the newest epoch");
      }
    }
    for (const Replacement& replacement : replacements) {
      const storage::BatchHeader& header = replacement.batch->header;
      // A row below the start would come back to life.
      if (header.base_offset < (*partition)->next_start()) continue;
      superseded.push_back(set.ReplaceBatch(header, replacement.batch->events, replacement.row));
    }
    also(set);
    return absl::OkStatus();
  };
  pipeline_.Mutate({.prepare = prepare,
                    .publish =
                        [&] {
                          store_.MarkSuperseded(superseded);
                          if (published != nullptr) publish(*published);
                        },
                    .done =
                        [&](absl::Status status) {
                          result = std::move(status);
                          committed.Notify();
                        }});
  committed.WaitForNotification();
  if (absl::IsAborted(result)) store_.EndEpoch();
  return result;
}

}  // namespace tidemark::log
