#include "server/delivery/start_resolver.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/delivery/last_n.h"

namespace tidemark::delivery {
namespace {

absl::Status OutsideRange(const FeedPartition& at, log::Partition::Ends ends, Offset asked,
                          absl::string_view field) {
  const std::string start = std::to_string(ends.start.value());
  const bool cursor = field == "start.after_cursor";
  return MakeError(
      absl::StatusCode::kOutOfRange,
      absl::StrCat(cursor ? "the cursor is at offset " : "offset ", asked.value(),
                   cursor ? ", which" : "", " is outside the readable range [", start, ", ",
                   ends.end.value(), "] of topic \"", at.topic->name(), "\" partition ",
                   at.index.value(),
                   cursor ? ": it is newer than what this log holds, as after restoring a backup"
                          : absl::StrCat(". The first available offset is ", start)),
      {.reason = "OFFSET_OUT_OF_RANGE",
       .metadata = {{"topic", at.topic->name()},
                    {"partition", std::to_string(at.index.value())},
                    {"offset", std::to_string(asked.value())},
                    {"start_offset", start},
                    {"end_offset", std::to_string(ends.end.value())}},
       .fields = {{std::string(field), "is outside the readable range"}}});
}

absl::Status NoSuchRevision(const FeedPartition& at, const StartRevision& from,
                            const log::RevisionPlace& place) {
  using State = log::RevisionPlace::State;
  const std::string of = absl::StrCat("revision ", from.revision, " of key \"", from.key,
                                      "\" of topic \"", at.topic->name(), "\" ");
  ErrorDetail detail{.reason = "REVISION_OUT_OF_RANGE",
                     .metadata = {{"topic", at.topic->name()},
                                  {"key", from.key},
                                  {"revision", std::to_string(from.revision)},
                                  {"events", std::to_string(place.events)}},
                     .fields = {{"start.revision", "is no revision that can be read"}}};
  if (place.state == State::kUnknown) {
    detail.reason = "REVISION_AMONG_ERASED";
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     absl::StrCat(of,
                                  "is among erased events of the key, where revisions can no "
                                  "longer be told. Start at an offset, or at a later revision"),
                     std::move(detail));
  }
  if (place.events == 0) {
    return MakeError(absl::StatusCode::kOutOfRange,
                     absl::StrCat(of, "does not exist: it never had an event"), std::move(detail));
  }
  if (place.state == State::kAhead) {
    return MakeError(absl::StatusCode::kOutOfRange,
                     absl::StrCat(of, "does not exist yet: its newest is ", place.events - 1),
                     std::move(detail));
  }
  if (place.first_revision >= place.events) {
    return MakeError(
        absl::StatusCode::kOutOfRange,
        absl::StrCat(of,
                     "can no longer be read, nor can any later one up to now. The next will be ",
                     place.events),
        std::move(detail));
  }
  detail.metadata.emplace_back("first_revision", std::to_string(place.first_revision));
  return MakeError(absl::StatusCode::kOutOfRange,
                   absl::StrCat(of, "can no longer be read. The first available revision is ",
                                place.first_revision),
                   std::move(detail));
}

absl::Status BadCursor(absl::string_view why) {
  return InvalidField("start.after_cursor", why, "INVALID_CURSOR");
}

class Resolver {
 public:
  Resolver(log::EventLog& log, const RangeSpec& spec, const log::Filter& filter, Position horizon)
      : log_(log),
        spec_(spec),
        filter_(filter),
        horizon_(horizon),
        backward_(spec.direction == log::Direction::kBackward) {}

  // Checks what can be checked before any partition is opened.
  absl::Status Prepare() {
    if (backward_ && std::holds_alternative<StartEarliest>(spec_.start)) {
      return InvalidField("start.earliest",
                          "leaves nothing to a backward read, which goes from new to old. Leave "
                          "start out to begin at the newest event, or read forward");
    }
    const auto* after = std::get_if<StartAfterCursor>(&spec_.start);
    if (after == nullptr) return absl::OkStatus();
    absl::StatusOr<Cursor> cursor = DecodeCursor(after->cursor);
    if (!cursor.ok()) return cursor.status();
    if (cursor->topic != spec_.topic->id()) {
      return BadCursor(absl::StrCat("belongs to another topic than \"", spec_.topic->name(),
                                    "\" (perhaps one of the same name that was deleted)"));
    }
    if (cursor->direction != spec_.direction) {
      return BadCursor(backward_ ? "is of a forward read, and this one is backward. Read forward, "
                                   "or give offsets"
                                 : "is of a backward read, and this one is forward. Read backward, "
                                   "or give offsets");
    }
    for (const Cursor::Place& place : cursor->places) cursor_[place.partition] = place;
    return absl::OkStatus();
  }

  absl::StatusOr<FeedPartition> Resolve(PartitionIndex index) {
    absl::StatusOr<log::PartitionPtr> partition = log_.OpenPartition(*spec_.topic, index);
    if (!partition.ok()) return partition.status();
    FeedPartition at{.topic = spec_.topic, .index = index, .partition = *std::move(partition)};
    const log::Partition::Ends ends = at.partition->ends();
    OffsetRange readable{ends.start, ends.end};
    if (spec_.order == Order::kCommit) {
      absl::StatusOr<Offset> end = log_.reader().EndAt(*at.partition, horizon_);
      if (!end.ok()) return end.status();
      readable.until = std::max(*end, readable.from);
    }
    const auto place = cursor_.find(index);
    at.oldest = place == cursor_.end() ? ends.start : place->second.oldest;
    absl::StatusOr<Offset> next = Start(at, ends, readable);
    if (!next.ok()) return next.status();
    absl::StatusOr<Offset> until = Stop(at, readable);
    if (!until.ok()) return until.status();
    at.next = *next;
    at.until = backward_ ? std::min(*until, at.next) : std::max(*until, at.next);
    return at;
  }

 private:
  absl::StatusOr<Offset> Start(const FeedPartition& at, log::Partition::Ends ends,
                               const OffsetRange& readable) const {
    const Offset unnamed = backward_ ? readable.until : readable.from;
    if (std::holds_alternative<StartEarliest>(spec_.start)) return readable.from;
    if (std::holds_alternative<StartLatest>(spec_.start)) return readable.until;
    if (const auto* offsets = std::get_if<StartOffsets>(&spec_.start)) {
      const auto it = offsets->offsets.find(at.index.value());
      if (it == offsets->offsets.end()) return unnamed;
      const Offset asked(it->second);
      if (asked >= ends.start && asked <= ends.end) return asked;
      return OutsideRange(at, ends, asked, "start");
    }
    if (const auto* time = std::get_if<StartTime>(&spec_.start)) return AtTime(at, time->time);
    if (const auto* last = std::get_if<StartLastN>(&spec_.start)) {
      if (backward_) return readable.until;  // And Stop is where they begin.
      return FindLastN(log_, at, readable, last->n, filter_);
    }
    if (const auto* from = std::get_if<StartRevision>(&spec_.start)) {
      return AtRevision(at, *from, readable);
    }
    const auto it = cursor_.find(at.index);
    if (it == cursor_.end()) return unnamed;
    // What retention took since then is announced by the stream as a gap.
    if (it->second.next <= ends.end) return it->second.next;
    return OutsideRange(at, ends, it->second.next, "start.after_cursor");
  }

  absl::StatusOr<Offset> AtRevision(const FeedPartition& at, const StartRevision& from,
                                    const OffsetRange& readable) const {
    using State = log::RevisionPlace::State;
    if (at.index != from.partition) {
      return backward_ ? readable.from : readable.until;
    }
    absl::StatusOr<log::RevisionPlace> place =
        log_.index().FindRevision(*at.partition, from.key, from.revision);
    if (!place.ok()) return place.status();
    switch (place->state) {
      case State::kFound:
        return backward_ ? place->offset + 1 : place->offset;
      case State::kAhead:
        // The next one: whoever has read them all goes on there.
        if (!backward_ && from.revision == place->events) return readable.until;
        break;
      default:
        break;
    }
    return NoSuchRevision(at, from, *place);
  }

  absl::StatusOr<Offset> Stop(const FeedPartition& at, const OffsetRange& readable) const {
    if (std::holds_alternative<StopNever>(spec_.stop)) return kEndless;
    const Offset unnamed = backward_ ? at.oldest : readable.until;
    Offset stop = unnamed;
    if (const auto* offsets = std::get_if<StopOffsets>(&spec_.stop)) {
      const auto it = offsets->offsets.find(at.index.value());
      if (it != offsets->offsets.end()) stop = Offset(it->second);
    } else if (const auto* time = std::get_if<StopTime>(&spec_.stop)) {
      absl::StatusOr<Offset> offset = AtTime(at, time->time);
      if (!offset.ok()) return offset.status();
      stop = *offset;
    }
    if (!backward_) return std::min(stop, readable.until);
    const auto* last = std::get_if<StartLastN>(&spec_.start);
    if (last == nullptr) return stop;
    absl::StatusOr<Offset> newest = FindLastN(log_, at, readable, last->n, filter_);
    if (!newest.ok()) return newest.status();
    return std::max(stop, *newest);
  }

  absl::StatusOr<Offset> AtTime(const FeedPartition& at, absl::Time time) const {
    return log_.reader().OffsetAtTime(*at.partition, CeilMicros(time));
  }

  log::EventLog& log_;
  const RangeSpec& spec_;
  const log::Filter& filter_;
  const Position horizon_;
  const bool backward_;
  absl::flat_hash_map<PartitionIndex, Cursor::Place> cursor_;
};

// The partitions to read: each once, all if none is named.
absl::StatusOr<std::vector<PartitionIndex>> Selected(const log::Topic& topic,
                                                     const std::vector<uint32_t>& partitions) {
  std::vector<PartitionIndex> selected;
  absl::flat_hash_set<uint32_t> seen;
  for (const uint32_t partition : partitions) {
    if (partition >= topic.partitions()) return NoSuchPartition(topic, partition, "partitions");
    if (!seen.insert(partition).second) {
      return InvalidField("partitions", absl::StrCat("names partition ", partition, " twice"));
    }
    selected.emplace_back(partition);
  }
  if (partitions.empty()) {
    for (uint32_t i = 0; i < topic.partitions(); ++i) selected.emplace_back(i);
  }
  return selected;
}

absl::Status CheckNamed(const RangeSpec& spec, const std::vector<PartitionIndex>& selected) {
  if (const auto* offsets = std::get_if<StopOffsets>(&spec.stop)) {
    for (const auto& [partition, offset] : offsets->offsets) {
      if (partition >= spec.topic->partitions()) {
        return NoSuchPartition(*spec.topic, partition, "stop.offsets");
      }
    }
  }
  const auto* offsets = std::get_if<StartOffsets>(&spec.start);
  if (offsets == nullptr) return absl::OkStatus();
  const absl::flat_hash_set<PartitionIndex> read(selected.begin(), selected.end());
  for (const auto& [partition, offset] : offsets->offsets) {
    if (partition >= spec.topic->partitions()) {
      return NoSuchPartition(*spec.topic, partition, "start.offsets");
    }
    if (!read.contains(PartitionIndex(partition))) {
      return InvalidField("start.offsets", absl::StrCat("names partition ", partition,
                                                        ", which `partitions` leaves out"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

uint64_t CeilMicros(absl::Time time) {
  const int64_t micros = absl::ToUnixMicros(time);
  const bool exact = absl::FromUnixMicros(micros) == time;
  return static_cast<uint64_t>(std::max<int64_t>(0, exact ? micros : micros + 1));
}

absl::Status NoSuchPartition(const log::Topic& topic, uint64_t partition, absl::string_view field) {
  return MakeError(
      absl::StatusCode::kOutOfRange,
      absl::StrCat(field, ": partition ", partition, " is not below ", topic.partitions(),
                   ", the partition count of topic \"", topic.name(), "\""),
      {.reason = "PARTITION_OUT_OF_RANGE",
       .metadata = {{"field", std::string(field)},
                    {"topic", topic.name()},
                    {"value", std::to_string(partition)},
                    {"partitions", std::to_string(topic.partitions())}},
       .fields = {{std::string(field), absl::StrCat("is not below ", topic.partitions())}}});
}

absl::StatusOr<std::vector<FeedPartition>> ResolveRange(log::EventLog& log, const RangeSpec& spec,
                                                        const log::Filter& filter) {
  absl::StatusOr<std::vector<PartitionIndex>> selected = Selected(*spec.topic, spec.partitions);
  if (!selected.ok()) return selected.status();
  if (absl::Status status = CheckNamed(spec, *selected); !status.ok()) return status;
  // Before any end is asked for, so that every end covers it.
  Resolver resolver(log, spec, filter, log.horizon().published());
  if (absl::Status status = resolver.Prepare(); !status.ok()) return status;
  std::vector<FeedPartition> opened;
  opened.reserve(selected->size());
  for (const PartitionIndex index : *selected) {
    absl::StatusOr<FeedPartition> partition = resolver.Resolve(index);
    if (!partition.ok()) return partition.status();
    opened.push_back(*std::move(partition));
  }
  return opened;
}

}  // namespace tidemark::delivery
