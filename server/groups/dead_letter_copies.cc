// Copies of dead letters' events, made before retention passes them; and dead letters of events
// that are erased.
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

// In this order nothing is missed: what becomes a dead letter after the first step keeps its own
// copy, and what became one before is in the store, with its mark, when that is read.
absl::Status GroupCoordinator::KeepDeadLetters(const log::Partition& partition, Offset start) {
  for (const GroupPtr& group : All()) {
    const std::shared_ptr<LiveWork> work = group->work();
    if (work == nullptr) continue;
    absl::Status status = work->ExpectTrim(partition.log(), start);
    if (!status.ok()) return status;
  }
  return ForGroupsWithLetters(partition.log(), [&](const GroupPtr& group) {
    return group->EnsureWork()->CopyLetters(partition, start);
  });
}

absl::Status GroupCoordinator::EraseDeadLetters(LogId log, ErasedLetters erased) {
  for (const GroupPtr& group : All()) {
    const std::shared_ptr<LiveWork> work = group->work();
    if (work == nullptr) continue;
    // Also that those made before are in the store, to be found there.
    absl::Status status = work->ForgetBytes(log);
    if (!status.ok()) return status;
  }
  return ForGroupsWithLetters(
      log, [&](const GroupPtr& group) { return group->EnsureWork()->EraseLetters(log, erased); });
}

absl::Status GroupCoordinator::ForGroupsWithLetters(
    LogId log, absl::FunctionRef<absl::Status(const GroupPtr&)> visit) {
  const std::string prefix = storage::DeadLetterMarksPrefix(log);
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
      if (absl::Status status = visit(group); !status.ok()) return status;
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

absl::Status LiveWork::ExpectTrim(LogId log, Offset start) {
  {
    absl::MutexLock lock(&mu_);
    const bool has_letters = queue_.ExpectTrim(log, start) || queue_.HasDying(log, start);
    // What is closed writes nothing any more, and has its rows deleted.
    if (!has_letters || closed_) return absl::OkStatus();
  }
  RereadDying(log, start);
  const absl::Status written = Change([](WorkQueue&, uint64_t) {});
  // A queue that met a damaged event writes nothing: no letter of it was confirmed.
  return absl::IsDataLoss(written) ? absl::OkStatus() : written;
}

absl::Status LiveWork::CopyLetters(const log::Partition& partition, Offset start) {
  const LogId log = partition.log();
  absl::MutexLock lock(&letters_mu_);
  for (int pass = 0; pass < kPassesMax; ++pass) {
    const auto letters = FindUncopied(partition, start);
    if (!letters.ok()) return letters.status();
    if (letters->empty()) return absl::OkStatus();
    if (!HasPartition(log)) return WriteCopies(log, *letters);
    bool changed = false;
    const absl::Status written = Change([&](WorkQueue& queue, uint64_t) {
      for (const auto& [offset, letter] : *letters) {
        // Of one that is redriven by the row and not in memory the row is about to change.
        if (letter.redrive.has_value() && !queue.IsRedriven(log, offset)) {
          changed = true;
        } else {
          queue.ChangeLetter(log, offset, letter);
        }
      }
    });
    if (!written.ok()) return written;
    if (!changed) return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status LiveWork::ForgetBytes(LogId log) {
  return Change([log](WorkQueue& queue, uint64_t now_us) { queue.ForgetBytes(log, now_us); });
}

absl::Status LiveWork::EraseLetters(LogId log, ErasedLetters erased) {
  absl::MutexLock lock(&letters_mu_);
  for (int pass = 0; pass < kPassesMax; ++pass) {
    Letters letters;
    absl::Status status = ForLetters(context_->log.store(), group_, log, Offset(0),
                                     [&](Offset offset, storage::DeadLetter letter) {
                                       if (erased(offset, letter)) {
                                         letters.emplace_back(offset, std::move(letter));
                                       }
                                       return true;
                                     });
    if (!status.ok() || letters.empty()) return status;
    if (!HasPartition(log)) return DeleteLetters(log, letters);
    bool changed = false;
    status = Change([&](WorkQueue& queue, uint64_t now_us) {
      for (const auto& [offset, letter] : letters) {
        // Of one that is redriven by the row and not in memory the row is about to change.
        if (letter.redrive.has_value() && !queue.IsRedriven(log, offset)) {
          changed = true;
        } else {
          queue.EraseLetter(log, offset, letter, now_us);
        }
      }
    });
    if (!status.ok()) return status;
    if (!changed) return absl::OkStatus();
  }
  return absl::UnavailableError("a consumer group is redriving an erased dead letter");
}

// Of a partition that no queue knows yet, so that nobody else writes its rows.
absl::Status LiveWork::DeleteLetters(LogId log, const Letters& letters) const {
  std::vector<log::GroupRowChange> rows;
  for (const auto& [offset, letter] : letters) {
    rows.push_back({.key = storage::DeadLetterKey(group_, log, offset), .value = {}});
  }
  return log::AwaitDone([&](log::DoneCallback done) {
    context_->log.CommitGroupState({}, std::move(rows), std::move(done));
  });
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
    if (!event->has_value()) continue;
    absl::Status kept =
        KeepCopy(context_->log, partition.log(), offset, **std::move(event), letter);
    if (!kept.ok()) return kept;
    found.emplace_back(offset, std::move(letter));
  }
  return found;
}

// Of a partition that no queue knows yet, so that nobody else writes its rows.
absl::Status LiveWork::WriteCopies(LogId log, const Letters& letters) const {
  std::vector<log::GroupRowChange> rows;
  for (const auto& [offset, letter] : letters) {
    rows.push_back({.key = storage::DeadLetterKey(group_, log, offset),
                    .value = storage::EncodeDeadLetter(letter)});
  }
  return log::AwaitDone([&](log::DoneCallback done) {
    context_->log.CommitGroupState({}, std::move(rows), std::move(done));
  });
}

}  // namespace tidemark::groups
