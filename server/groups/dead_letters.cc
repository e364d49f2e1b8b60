#include "server/groups/dead_letters.h"

#include <tuple>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/groups/work_chunk.h"
#include "server/log/wire.h"
#include "server/storage/key_schema.h"

namespace tidemark::groups {
namespace {

// Rows that are read at once.
constexpr size_t kRowsMax = 1000;

bool Matches(const log::Filter& filter, const storage::DeadLetter& letter) {
  return filter.matches_all() || filter.Matches({.type = letter.type, .key = letter.key});
}

}  // namespace

absl::Status ForLetters(const storage::Store& store, storage::GroupId group, LogId log, Offset from,
                        absl::FunctionRef<bool(Offset, storage::DeadLetter)> visit) {
  const std::string end = storage::PrefixEnd(storage::DeadLettersPrefix(group, log));
  std::string key = storage::DeadLetterKey(group, log, from);
  while (true) {
    const auto rows = store.ReadGroupRows(key, end, kRowsMax);
    if (!rows.ok()) return rows.status();
    for (const auto& [row_key, value] : *rows) {
      storage::GroupRowKeyParts parts;
      if (!storage::ParseGroupRowKey(row_key, parts)) {
        return absl::DataLossError("damaged key of a dead letter");
      }
      absl::StatusOr<storage::DeadLetter> letter = storage::DecodeDeadLetter(value);
      if (!letter.ok()) return letter.status();
      if (!visit(Offset(parts.number), *std::move(letter))) return absl::OkStatus();
    }
    if (rows->size() < kRowsMax) return absl::OkStatus();
    key = rows->back().first + '\0';
  }
}

absl::StatusOr<std::optional<storage::DeadLetter>> ReadDeadLetter(const storage::Store& store,
                                                                  storage::GroupId group, LogId log,
                                                                  Offset offset) {
  const std::string key = storage::DeadLetterKey(group, log, offset);
  const auto rows = store.ReadGroupRows(key, key + '\0', 1);
  if (!rows.ok()) return rows.status();
  if (rows->empty()) return std::nullopt;
  absl::StatusOr<storage::DeadLetter> letter = storage::DecodeDeadLetter(rows->front().second);
  if (!letter.ok()) return letter.status();
  return *std::move(letter);
}

std::vector<DeadLetters::Log> DeadLetters::Logs() const {
  std::vector<Log> logs;
  for (const log::TopicPtr& topic : topics_) {
    for (uint32_t p = 0; p < topic->partitions(); ++p) {
      logs.push_back({topic, PartitionIndex(p), topic->log(PartitionIndex(p))});
    }
  }
  return logs;
}

absl::StatusOr<std::optional<std::string>> DeadLetters::ReadEvent(const Log& log,
                                                                  Offset offset) const {
  absl::StatusOr<log::PartitionPtr> partition = log_.OpenPartition(*log.topic, log.partition);
  if (absl::IsNotFound(partition.status())) return std::nullopt;  // Deleted meanwhile.
  if (!partition.ok()) return partition.status();
  return ReadStoredEvent(log_.reader(), **partition, offset);
}

absl::StatusOr<DeadLetterPage> DeadLetters::List(const std::optional<DeadLetterPlace>& from,
                                                 const storage::FilterSpec& filter,
                                                 size_t count) const {
  const log::Filter wanted(filter);
  DeadLetterPage page;
  for (const Log& log : Logs()) {
    Offset first(0);
    if (from.has_value()) {
      const auto here = std::tie(log.topic->name(), log.partition);
      const auto there = std::tie(from->topic, from->partition);
      if (here < there) continue;
      if (here == there) first = from->offset;
    }
    absl::Status status = ForLetters(
        log_.store(), group_, log.log, first, [&](Offset offset, storage::DeadLetter letter) {
          if (letter.redrive.has_value() || !Matches(wanted, letter)) return true;
          DeadLetterPlace place{log.topic->name(), log.partition, offset};
          if (page.letters.size() == count) {
            page.next = std::move(place);
            return false;
          }
          page.letters.push_back({.place = std::move(place), .letter = std::move(letter)});
          return true;
        });
    if (!status.ok()) return status;
    for (DeadLetterView& view : page.letters) {
      if (view.place.topic != log.topic->name() || view.place.partition != log.partition) continue;
      absl::StatusOr<std::optional<std::string>> copy =
          CopyIn(log_, log.log, view.place.offset, view.letter);
      if (!copy.ok()) return copy.status();
      view.event = *std::move(copy);
      if (view.event.has_value()) continue;
      absl::StatusOr<std::optional<std::string>> event = ReadEvent(log, view.place.offset);
      if (!event.ok()) return event.status();
      view.event = *std::move(event);
    }
    if (page.next.has_value()) break;
  }
  return page;
}

absl::StatusOr<std::vector<DeadLetters::Found>> DeadLetters::FindPlaces(
    const std::vector<DeadLetterPlace>& places) const {
  std::vector<Found> found;
  for (const Log& log : Logs()) {
    for (const DeadLetterPlace& place : places) {
      if (place.topic != log.topic->name() || place.partition != log.partition) continue;
      auto letter = ReadDeadLetter(log_.store(), group_, log.log, place.offset);
      if (!letter.ok()) return letter.status();
      if (!letter->has_value() || (*letter)->redrive.has_value()) continue;
      found.push_back({log.log, place.offset, **std::move(letter)});
    }
  }
  return found;
}

absl::StatusOr<std::vector<DeadLetters::Found>> DeadLetters::FindMatching(
    const storage::FilterSpec& filter, size_t count, Cursor& cursor) const {
  const log::Filter wanted(filter);
  const std::vector<Log> logs = Logs();
  std::vector<Found> found;
  for (; cursor.log < logs.size(); ++cursor.log, cursor.offset = Offset(0)) {
    const LogId log = logs[cursor.log].log;
    absl::Status status = ForLetters(log_.store(), group_, log, cursor.offset,
                                     [&](Offset offset, storage::DeadLetter letter) {
                                       if (found.size() == count) return false;
                                       cursor.offset = offset + 1;
                                       if (!letter.redrive.has_value() && Matches(wanted, letter)) {
                                         found.push_back({log, offset, std::move(letter)});
                                       }
                                       return true;
                                     });
    if (!status.ok()) return status;
    if (found.size() == count) return found;
  }
  return found;
}

absl::StatusOr<std::optional<std::string>> ReadStoredEvent(const log::PartitionReader& reader,
                                                           const log::Partition& partition,
                                                           Offset offset) {
  storage::BatchPtr batch;
  log::GapReason gone;
  const absl::StatusOr<std::optional<WorkChunk>> chunk =
      ReadOne(reader, partition, offset, batch, gone);
  if (!chunk.ok()) return chunk.status();
  if (!chunk->has_value()) return std::nullopt;
  log::WireReader entry((*chunk)->events.front().entry);
  log::WireField field;
  if (!entry.Next(field)) return absl::DataLossError("a stored event is malformed");
  return std::string(field.bytes);
}

absl::Status KeepCopy(const log::EventLog& log, LogId of, Offset offset, std::string event,
                      storage::DeadLetter& letter) {
  letter.event.reset();
  const log::TopicPtr topic = log.catalog().FindByLog(of);
  letter.event_sealed = topic != nullptr && topic->record.config.encrypt_by_key;
  if (!letter.event_sealed) {
    letter.event = std::move(event);
    return absl::OkStatus();
  }
  absl::StatusOr<std::string> sealed = log.cipher().SealEvent(topic->id(), of, offset, event);
  letter.event_sealed = sealed.ok();
  if (!sealed.ok()) return sealed.status();
  letter.event = *std::move(sealed);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> CopyIn(const log::EventLog& log, LogId of, Offset offset,
                                                  const storage::DeadLetter& letter) {
  if (!letter.event.has_value() || !letter.event_sealed) return letter.event;
  absl::StatusOr<std::string> opened = log.cipher().OpenEvent(of, offset, *letter.event);
  if (absl::IsNotFound(opened.status())) return std::nullopt;
  if (!opened.ok()) return opened.status();
  return *std::move(opened);
}

}  // namespace tidemark::groups
