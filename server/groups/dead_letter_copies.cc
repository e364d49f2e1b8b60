// Copies of dead letters' events, made before retention passes them.
#include <utility>

#include "server/groups/dead_letters.h"
#include "server/groups/group_coordinator.h"
#include "server/groups/live_group.h"
#include "server/storage/key_schema.h"

namespace tidemark::groups {
namespace {

constexpr size_t kMarksMax = 1000;
// A letter that changes meanwhile is looked at again after that is written.
constexpr int kPassesMax = 3;

}  // namespace

absl::Status GroupCoordinator::KeepDeadLetters(const log::Partition& partition, Offset start) {
  const std::string prefix = storage::DeadLetterMarksPrefix(partition.log());
  const std::string end = storage::PrefixEnd(prefix);
  std::string from = prefix;
  while (true) {
    const auto marks = context_->log.store().ReadGroupRows(from, end, kMarksMax);
    if (!marks.ok()) return marks.status();
    for (const auto& [key, value] : *marks) {
      storage::GroupId id;
      if (!storage::ParseDeadLetterMarkKey(key, id)) continue;
      const GroupPtr group = FindById(id);
      if (group == nullptr) {  // Deleted, its dead letters with it.
        context_->log.CommitGroupState({}, {{.key = key, .value = {}}}, [](absl::Status) {});
        continue;
      }
      absl::Status status = group->EnsureWork()->CopyLetters(partition, start);
      if (!status.ok()) return status;
      KeepTicking(group);
    }
    if (marks->size() < kMarksMax) return absl::OkStatus();
    from = marks->back().first + '\0';
  }
}

GroupCoordinator::GroupPtr GroupCoordinator::FindById(storage::GroupId id) const {
  for (const GroupPtr& group : All()) {
    if (group->id() == id) return group;
  }
  return nullptr;
}

absl::Status LiveWork::CopyLetters(const log::Partition& partition, Offset start) {
  const LogId log = partition.log();
  absl::MutexLock lock(&letters_mu_);
  for (int pass = 0; pass < kPassesMax; ++pass) {
    const auto letters = FindUncopied(partition, start);
    if (!letters.ok()) return letters.status();
    if (letters->empty()) return absl::OkStatus();
    bool changed = false;
    const absl::Status written = log::AwaitDone([&](log::DoneCallback done) {
      bool loaded = false;
      {
        absl::MutexLock queue_lock(&mu_);
        loaded = queue_.HasPartition(log);
      }
      if (!loaded) return WriteCopies(log, *letters, std::move(done));
      Change(
          [&](WorkQueue& queue, uint64_t) {
            for (const auto& [offset, letter] : *letters) {
              // Of one that is redriven by the row and not in memory the row is about to change.
              if (letter.redrive.has_value() && !queue.IsRedriven(log, offset)) {
                changed = true;
              } else {
                queue.ChangeLetter(log, offset, letter);
              }
            }
          },
          std::move(done));
    });
    if (!written.ok()) return written;
    if (!changed) return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::StatusOr<LiveWork::Letters> LiveWork::FindUncopied(const log::Partition& partition,
                                                         Offset until) const {
  Letters found;
  Letters letters;
  absl::Status status =
      ForLetters(context_->log.store(), group_, partition.log(), partition.ends().start,
                 [&](Offset offset, storage::DeadLetter letter) {
                   if (offset >= until) return false;
                   if (!letter.event.has_value()) {
                     letters.emplace_back(offset, std::move(letter));
                   }
                   return true;
                 });
  if (!status.ok()) return status;
  for (auto& [offset, letter] : letters) {
    auto event = ReadStoredEvent(context_->log.reader(), partition, offset);
    // What is damaged cannot be kept; space is freed all the same.
    if (absl::IsDataLoss(event.status())) continue;
    if (!event.ok()) return event.status();
    letter.event = *std::move(event);
    if (letter.event.has_value()) found.emplace_back(offset, std::move(letter));
  }
  return found;
}

// Of a partition that no queue knows yet, so that nobody else writes its rows.
void LiveWork::WriteCopies(LogId log, const Letters& letters, log::DoneCallback done) const {
  std::vector<log::GroupRowChange> rows;
  for (const auto& [offset, letter] : letters) {
    rows.push_back({.key = storage::DeadLetterKey(group_, log, offset),
                    .value = storage::EncodeDeadLetter(letter)});
  }
  context_->log.CommitGroupState({}, std::move(rows), std::move(done));
}

}  // namespace tidemark::groups
