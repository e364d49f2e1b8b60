#include "server/groups/work_chunk.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/log/wire.h"

namespace tidemark::groups {
namespace {

absl::Status Unwalkable(const storage::BatchHeader& header, Offset offset) {
  return absl::DataLossError(
      absl::StrCat("the event at offset ", offset, " of log ", header.log, " is malformed"));
}

}  // namespace

bool ViewEntry(absl::string_view entry, absl::Time append_time, log::WorkView& view) {
  log::WireReader reader(entry);
  log::WireField field;
  return reader.Next(field) && field.type == log::WireType::kBytes &&
         log::ViewWork(field.bytes, append_time, view).ok();
}

std::string EventOf(absl::string_view entry) {
  log::WireReader reader(entry);
  log::WireField field;
  TM_CHECK(reader.Next(field));
  return std::string(field.bytes);
}

absl::StatusOr<WorkChunk> MakeChunk(const log::EventSlice& slice) {
  WorkChunk chunk{.header = slice.header, .owners = slice.owners};
  chunk.events.reserve(slice.count);
  const absl::Time append_time = slice.header.append_time();
  uint32_t i = 0;
  for (const absl::string_view piece : slice.pieces) {
    log::WireReader reader(piece);
    log::WireField field;
    while (reader.Next(field)) {
      log::WorkView view;
      const Offset offset = slice.OffsetAt(i);
      if (i >= slice.count || field.type != log::WireType::kBytes ||
          !log::ViewWork(field.bytes, append_time, view).ok()) {
        return Unwalkable(slice.header, offset);
      }
      WorkEvent& event = chunk.events.emplace_back();
      event.offset = offset;
      event.entry = field.whole;
      event.type = view.event.type;
      event.key = view.event.key;
      if (view.not_before.has_value()) {
        event.not_before_us =
            static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixMicros(*view.not_before)));
      }
      ++i;
    }
    if (!reader.ok()) return Unwalkable(slice.header, slice.OffsetAt(std::min(i, slice.count - 1)));
  }
  TM_CHECK_EQ(i, slice.count);
  return chunk;
}

absl::StatusOr<std::optional<WorkChunk>> ReadOne(const log::PartitionReader& reader,
                                                 const log::Partition& partition, Offset offset,
                                                 storage::BatchPtr& batch, log::GapReason& gone) {
  gone = log::GapReason::kRetention;
  const bool held = batch != nullptr && batch->header.log == partition.log() &&
                    batch->header.base_offset <= offset && offset < batch->header.end_offset();
  if (!held) {
    const absl::StatusOr<log::PartitionRead> read =
        reader.Read(partition, offset, offset + 1, 1, log::MayWait::kYes);
    if (!read.ok()) return read.status();
    if (read->state != log::PartitionRead::State::kBatches) return std::nullopt;
    batch = read->batches.front();
  }
  const absl::StatusOr<log::EventSlice> slice =
      log::CutBatch(*batch, log::Filter(), {.from = offset, .until = offset + 1});
  if (!slice.ok()) return slice.status();
  if (slice->erased.has_value()) {
    gone = slice->erased->reason;
    return std::nullopt;
  }
  absl::StatusOr<WorkChunk> chunk = MakeChunk(*slice);
  if (!chunk.ok()) return chunk.status();
  return *std::move(chunk);
}

absl::StatusOr<WorkChunk> MakeChunk(Offset offset, absl::string_view event) {
  auto bytes = std::make_shared<std::string>();
  log::AppendBytesHeader(*bytes, log::kEventsField, event.size());
  bytes->append(event.data(), event.size());
  log::EventSlice slice;
  slice.header = {
      .base_offset = offset, .count = 1, .events_bytes = static_cast<uint32_t>(bytes->size())};
  slice.base_offset = offset;
  slice.count = 1;
  slice.pieces.push_back(*bytes);
  slice.owners.push_back(bytes);
  return MakeChunk(slice);
}

}  // namespace tidemark::groups
