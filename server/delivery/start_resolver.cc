#include "server/delivery/start_resolver.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/log/batch_cut.h"

namespace tidemark::delivery {
namespace {

absl::Status OutsideRange(const log::Topic& topic, const OpenedPartition& opened, Offset asked) {
  const std::string start = std::to_string(opened.ends.start.value());
  return MakeError(
      absl::StatusCode::kOutOfRange,
      absl::StrCat("offset ", asked.value(), " is outside the readable range [", start, ", ",
                   opened.ends.end.value(), "] of topic \"", topic.name(), "\" partition ",
                   opened.index.value(), ". The first available offset is ", start),
      {.reason = "OFFSET_OUT_OF_RANGE",
       .metadata = {{"topic", topic.name()},
                    {"partition", std::to_string(opened.index.value())},
                    {"offset", std::to_string(asked.value())},
                    {"start_offset", start},
                    {"end_offset", std::to_string(opened.ends.end.value())}},
       .fields = {{"start", "is outside the readable range"}}});
}

absl::StatusOr<Offset> Checked(const log::Topic& topic, const OpenedPartition& opened,
                               Offset asked) {
  if (asked < opened.ends.start || asked > opened.ends.end) {
    return OutsideRange(topic, opened, asked);
  }
  return asked;
}

// The offset from which exactly the newest `n` matching events follow (fewer if there are not so
// many). Walks batches from the end.
absl::StatusOr<Offset> LastN(const log::PartitionReader& reader, const OpenedPartition& opened,
                             uint64_t n, const log::Filter& filter) {
  const auto [start, end] = opened.ends;
  if (filter.matches_all()) {
    return Offset(std::max(start.value(), end.value() - std::min(end.value(), n)));
  }
  uint64_t found = 0;
  Offset until = end;
  while (until > start) {
    const Offset last(until.value() - 1);
    absl::StatusOr<log::PartitionRead> read =
        reader.Read(*opened.partition, last, until, /*bytes_max=*/0, log::MayWait::kYes);
    if (!read.ok()) return read.status();
    if (read->state != log::PartitionRead::State::kBatches) break;
    const storage::StoredBatch& batch = *read->batches.front();
    const Offset from = std::max(start, batch.header.base_offset);
    absl::StatusOr<log::EventSlice> slice =
        log::CutBatch(batch, filter, {.from = from, .until = until});
    if (!slice.ok()) return slice.status();
    if (found + slice->count >= n) {
      const uint64_t skip = found + slice->count - n;
      if (slice->offset_deltas.empty()) return slice->base_offset + skip;
      return slice->base_offset + slice->offset_deltas[skip];
    }
    found += slice->count;
    until = from;
  }
  return start;
}

class Resolver {
 public:
  Resolver(log::EventLog& log, const log::Topic& topic, const log::Filter& filter)
      : log_(log), topic_(topic), filter_(filter) {}

  // Checks what can be checked before any partition is opened.
  absl::Status Prepare(const StartSpec& start) {
    const auto* after = std::get_if<StartAfterCursor>(&start);
    if (after == nullptr) return absl::OkStatus();
    absl::StatusOr<Cursor> cursor = DecodeCursor(after->cursor);
    if (!cursor.ok()) return cursor.status();
    if (cursor->topic != topic_.id()) {
      return InvalidField("start.after_cursor",
                          absl::StrCat("belongs to another topic than \"", topic_.name(),
                                       "\" (perhaps one of the same name that was deleted)"),
                          "INVALID_CURSOR");
    }
    for (const auto& [partition, next] : cursor->next) cursor_[partition] = next;
    return absl::OkStatus();
  }

  absl::StatusOr<Offset> Resolve(const OpenedPartition& opened, const StartSpec& start) {
    if (std::holds_alternative<StartLatest>(start)) return opened.ends.end;
    if (const auto* offsets = std::get_if<StartOffsets>(&start)) {
      const auto it = offsets->offsets.find(opened.index.value());
      if (it == offsets->offsets.end()) return opened.ends.start;
      return Checked(topic_, opened, Offset(it->second));
    }
    if (const auto* time = std::get_if<StartTime>(&start)) {
      return log_.reader().OffsetAtTime(*opened.partition, CeilMicros(time->time));
    }
    if (const auto* last = std::get_if<StartLastN>(&start)) {
      return LastN(log_.reader(), opened, last->n, filter_);
    }
    if (const auto it = cursor_.find(opened.index); it != cursor_.end()) {
      // What retention took since then is announced by the stream as a gap.
      if (it->second > opened.ends.end) return OutsideRange(topic_, opened, it->second);
      return it->second;
    }
    return opened.ends.start;
  }

 private:
  log::EventLog& log_;
  const log::Topic& topic_;
  const log::Filter& filter_;
  absl::flat_hash_map<PartitionIndex, Offset> cursor_;
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

absl::Status CheckNamed(const log::Topic& topic, const std::vector<PartitionIndex>& selected,
                        const StartSpec& start) {
  const auto* offsets = std::get_if<StartOffsets>(&start);
  if (offsets == nullptr) return absl::OkStatus();
  for (const auto& [partition, offset] : offsets->offsets) {
    if (partition >= topic.partitions()) return NoSuchPartition(topic, partition, "start.offsets");
    if (std::find(selected.begin(), selected.end(), PartitionIndex(partition)) == selected.end()) {
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

absl::StatusOr<std::vector<OpenedPartition>> ResolveStart(log::EventLog& log,
                                                          const log::Topic& topic,
                                                          const std::vector<uint32_t>& partitions,
                                                          const StartSpec& start,
                                                          const log::Filter& filter) {
  absl::StatusOr<std::vector<PartitionIndex>> selected = Selected(topic, partitions);
  if (!selected.ok()) return selected.status();
  if (absl::Status status = CheckNamed(topic, *selected, start); !status.ok()) return status;
  Resolver resolver(log, topic, filter);
  if (absl::Status status = resolver.Prepare(start); !status.ok()) return status;
  std::vector<OpenedPartition> opened;
  for (const PartitionIndex index : *selected) {
    absl::StatusOr<log::PartitionPtr> partition = log.OpenPartition(topic, index);
    if (!partition.ok()) return partition.status();
    OpenedPartition& one = opened.emplace_back();
    one.index = index;
    one.partition = *std::move(partition);
    one.ends = one.partition->ends();
    absl::StatusOr<Offset> resolved = resolver.Resolve(one, start);
    if (!resolved.ok()) return resolved.status();
    one.start = *resolved;
  }
  return opened;
}

}  // namespace tidemark::delivery
