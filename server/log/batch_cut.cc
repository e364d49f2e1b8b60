#include "server/log/batch_cut.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/log/wire.h"

namespace tidemark::log {
namespace {

bool WantsWhole(const storage::StoredBatch& batch, const Filter& filter, const CutLimits& limits) {
  return filter.matches_all() && !limits.without_data && limits.from == batch.header.base_offset &&
         limits.until >= batch.header.end_offset() && batch.events.size() <= limits.bytes_max &&
         batch.header.count <= limits.events_max;
}

EventSlice WholeBatch(const storage::StoredBatch& batch) {
  EventSlice slice;
  slice.header = batch.header;
  slice.base_offset = batch.header.base_offset;
  slice.count = batch.header.count;
  slice.pieces.push_back(batch.events);
  slice.bytes = batch.events.size();
  slice.events_crc32c = batch.header.events_crc32c;
  slice.next = batch.header.end_offset();
  slice.owners.push_back(batch.owner);
  return slice;
}

absl::Status Unwalkable(const storage::StoredBatch& batch, Offset offset) {
  return absl::DataLossError(absl::StrCat("the event at offset ", offset.value(), " of log ",
                                          batch.header.log.value(), " is malformed"));
}

// The event without its data, encoded as an entry of `events`, appended to `out`.
bool AppendWithoutData(absl::string_view event, std::string& out) {
  std::string kept;
  WireReader reader(event);
  WireField field;
  while (reader.Next(field)) {
    if (field.number != kEventDataField) kept.append(field.whole.data(), field.whole.size());
  }
  AppendBytesHeader(out, kEventsField, kept.size());
  out.append(kept);
  return reader.ok();
}

// Adds events to a slice, joining neighbours into one piece.
class SliceBuilder {
 public:
  SliceBuilder(EventSlice& slice, bool without_data) : slice_(slice), without_data_(without_data) {}

  bool Add(Offset offset, const WireField& entry) {
    if (slice_.count == 0) slice_.base_offset = offset;
    deltas_.push_back(offset - slice_.base_offset);
    dense_ = dense_ && deltas_.back() == slice_.count;
    ++slice_.count;
    if (without_data_) {
      const size_t before = rebuilt_.size();
      if (!AppendWithoutData(entry.bytes, rebuilt_)) return false;
      slice_.bytes += rebuilt_.size() - before;
      return true;
    }
    slice_.bytes += entry.whole.size();
    if (!slice_.pieces.empty() &&
        slice_.pieces.back().data() + slice_.pieces.back().size() == entry.whole.data()) {
      absl::string_view& last = slice_.pieces.back();
      last = absl::string_view(last.data(), last.size() + entry.whole.size());
    } else {
      slice_.pieces.push_back(entry.whole);
    }
    return true;
  }

  void Finish(const storage::StoredBatch& batch) {
    if (!dense_) slice_.offset_deltas = std::move(deltas_);
    if (without_data_ && slice_.count > 0) {
      auto owner = std::make_shared<const std::string>(std::move(rebuilt_));
      slice_.pieces.push_back(*owner);
      slice_.owners.push_back(std::move(owner));
    } else {
      slice_.owners.push_back(batch.owner);
    }
  }

 private:
  EventSlice& slice_;
  const bool without_data_;
  bool dense_ = true;
  std::vector<uint64_t> deltas_;
  std::string rebuilt_;
};

}  // namespace

absl::StatusOr<EventSlice> CutBatch(const storage::StoredBatch& batch, const Filter& filter,
                                    const CutLimits& limits) {
  TM_CHECK_LE(batch.header.base_offset.value(), limits.from.value());
  TM_CHECK_LT(limits.from.value(), batch.header.end_offset().value());
  if (WantsWhole(batch, filter, limits)) return WholeBatch(batch);
  EventSlice slice;
  slice.header = batch.header;
  slice.base_offset = limits.from;
  const Offset until = std::min(limits.until, batch.header.end_offset());
  SliceBuilder builder(slice, limits.without_data);
  Offset offset = batch.header.base_offset;
  WireReader reader(batch.events);
  WireField entry;
  bool full = false;
  for (; offset < until && reader.Next(entry); ++offset) {
    if (entry.number != kEventsField || entry.type != WireType::kBytes) {
      return Unwalkable(batch, offset);
    }
    if (offset < limits.from) continue;
    if (!filter.matches_all()) {
      EventView view;
      if (!ViewEvent(entry.bytes, view).ok()) return Unwalkable(batch, offset);
      if (!filter.Matches(view)) continue;
    }
    // Without data an event's size is known only once it is in; then the slice ends just past it.
    const uint64_t more = limits.without_data ? 0 : entry.whole.size();
    if (slice.count > 0 && slice.bytes + more > limits.bytes_max) {
      full = true;
      break;
    }
    if (!builder.Add(offset, entry)) return Unwalkable(batch, offset);
    if (slice.count >= limits.events_max) {
      ++offset;
      full = true;
      break;
    }
  }
  if (!reader.ok() || (!full && offset < until)) {
    return Unwalkable(batch, offset);
  }
  builder.Finish(batch);
  slice.next = offset;
  return slice;
}

}  // namespace tidemark::log
