// Requests about dead letters.
#include <utility>

#include "server/groups/group_coordinator.h"
#include "server/groups/live_group.h"

namespace tidemark::groups {
namespace {

// Dead letters of one commit.
constexpr size_t kLettersMax = 1000;

}  // namespace

absl::StatusOr<DeadLetterPage> GroupCoordinator::ListDeadLetters(
    absl::string_view group, const std::optional<DeadLetterPlace>& from,
    const storage::FilterSpec& filter, size_t count) {
  const absl::StatusOr<GroupPtr> found = FindLoaded(group);
  if (!found.ok()) return found.status();
  return (*found)->dead_letters().List(from, filter, count);
}

absl::Status GroupCoordinator::ChangeLetters(absl::string_view group,
                                             const DeadLetterChoice& choice, LetterChange change) {
  const absl::StatusOr<GroupPtr> found = FindLoaded(group);
  if (!found.ok()) return found.status();
  const std::shared_ptr<LiveWork> work = (*found)->work();
  if (work == nullptr) return absl::OkStatus();  // It never has any.
  const DeadLetters letters = (*found)->dead_letters();
  // Nobody else changes what is read here, but for what a member does with a redriven one.
  absl::MutexLock lock(&work->letters_mutex());
  DeadLetters::Cursor cursor;
  while (true) {
    const auto* places = std::get_if<std::vector<DeadLetterPlace>>(&choice);
    const auto chosen =
        places != nullptr
            ? letters.FindPlaces(*places)
            : letters.FindMatching(std::get<storage::FilterSpec>(choice), kLettersMax, cursor);
    if (!chosen.ok()) return chosen.status();
    const absl::Status written = work->Change([&](WorkQueue& queue, uint64_t now_us) {
      for (const DeadLetters::Found& letter : *chosen) {
        const bool there = queue.HasPartition(letter.log);
        if (there && !queue.IsRedriven(letter.log, letter.offset)) change(queue, now_us, letter);
      }
    });
    KeepTicking(*found);
    if (!written.ok()) return written;
    if (places != nullptr || chosen->size() < kLettersMax) return absl::OkStatus();
  }
}

absl::StatusOr<GroupCoordinator::Redriven> GroupCoordinator::RedriveDeadLetters(
    absl::string_view group, const DeadLetterChoice& choice, absl::Duration interval) {
  Redriven redriven;
  const auto interval_us = absl::ToDoubleMicroseconds(interval);
  uint64_t first_us = 0;
  const absl::Status status = ChangeLetters(
      group, choice, [&](WorkQueue& queue, uint64_t now_us, const DeadLetters::Found& letter) {
        if (first_us == 0) first_us = now_us;
        const double wait_us = interval_us * static_cast<double>(redriven.events);
        if (queue.Redrive(letter.log, letter.offset, letter.letter,
                          first_us + static_cast<uint64_t>(wait_us), now_us)) {
          ++redriven.events;
        } else {
          ++redriven.left;
        }
      });
  if (!status.ok()) return status;
  return redriven;
}

absl::StatusOr<uint64_t> GroupCoordinator::DiscardDeadLetters(absl::string_view group,
                                                              const DeadLetterChoice& choice) {
  uint64_t events = 0;
  const absl::Status status = ChangeLetters(
      group, choice, [&](WorkQueue& queue, uint64_t now_us, const DeadLetters::Found& letter) {
        queue.Discard(letter.log, letter.offset, letter.letter, now_us);
        ++events;
      });
  if (!status.ok()) return status;
  return events;
}

}  // namespace tidemark::groups
