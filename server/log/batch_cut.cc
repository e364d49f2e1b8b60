#include "server/log/batch_cut.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/log/blanks.h"
#include "server/log/wire.h"

namespace tidemark::log {
namespace {

bool WantsWhole(const storage::StoredBatch& batch, const Filter& filter, const CutLimits& limits) {
  return filter.matches_all() && !limits.without_data && !batch.header.has_erased &&
         limits.from == batch.header.base_offset && limits.until >= batch.header.end_offset() &&
         batch.events.size() <= limits.bytes_max && batch.header.count <= limits.events_max;
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

// Bytes of the fields of `event` but its data; nullopt if it is malformed.
std::optional<uint64_t> SizeWithoutData(absl::string_view event) {
  uint64_t size = 0;
  WireReader reader(event);
  WireField field;
  while (reader.Next(field)) {
    if (field.number != kEventDataField) size += field.whole.size();
  }
  if (!reader.ok()) return std::nullopt;
  return size;
}

// The event without its data, encoded as an entry of `events`, appended to `out`.
bool AppendWithoutData(absl::string_view event, std::string& out) {
  const std::optional<uint64_t> size = SizeWithoutData(event);
  if (!size.has_value()) return false;
  AppendBytesHeader(out, kEventsField, *size);
  WireReader reader(event);
  WireField field;
  while (reader.Next(field)) {
    if (field.number != kEventDataField) out.append(field.whole.data(), field.whole.size());
  }
  return true;
}

// Adds events to a slice, in its direction. Forward and with their data they are referred to,
// neighbours joined into one piece; otherwise they are copied.
class SliceBuilder {
 public:
  SliceBuilder(EventSlice& slice, bool without_data)
      : slice_(slice), without_data_(without_data), copies_(without_data || slice.descending) {}

  bool Add(Offset offset, const WireField& entry) {
    if (slice_.count == 0) slice_.base_offset = offset;
    deltas_.push_back(slice_.descending ? slice_.base_offset - offset
                                        : offset - slice_.base_offset);
    dense_ = dense_ && deltas_.back() == slice_.count;
    ++slice_.count;
    if (copies_) {
      if (without_data_) {
        if (!AppendWithoutData(entry.bytes, copied_)) return false;
      } else {
        copied_.append(entry.whole.data(), entry.whole.size());
      }
      slice_.bytes = copied_.size();
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
    if (copies_ && slice_.count > 0) {
      auto owner = std::make_shared<const std::string>(std::move(copied_));
      slice_.pieces.push_back(*owner);
      slice_.owners.push_back(std::move(owner));
    } else {
      slice_.owners.push_back(batch.owner);
    }
  }

 private:
  EventSlice& slice_;
  const bool without_data_;
  const bool copies_;
  bool dense_ = true;
  std::vector<uint64_t> deltas_;
  std::string copied_;
};

// Makes the map reach the entry of `offset`.
absl::Status ExtendMap(const storage::StoredBatch& batch, Offset offset, EntryMap& map) {
  const uint64_t wanted = offset - batch.header.base_offset + 1;
  if (map.size() >= wanted) return absl::OkStatus();
  if (map.empty()) map.push_back(0);
  uint32_t begin = map.back();
  WireReader reader(batch.events.substr(begin));
  WireField entry;
  while (map.size() < wanted) {
    if (!reader.Next(entry) || entry.number != kEventsField || entry.type != WireType::kBytes) {
      return Unwalkable(batch, batch.header.base_offset + (map.size() - 1));
    }
    begin += static_cast<uint32_t>(entry.whole.size());
    map.push_back(begin);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Wants(const storage::StoredBatch& batch, const Filter& filter, Offset offset,
                           const WireField& entry) {
  if (filter.matches_all()) return true;
  EventView view;
  if (!ViewEvent(entry.bytes, view).ok()) return Unwalkable(batch, offset);
  return filter.Matches(view);
}

// What to do about an entry that may be a blank.
enum class OnErased {
  kNone,  // It is none.
  kPass,
  kStop,  // At the event itself: the slice is what came before it.
  kTell,  // It is the nearest.
};
OnErased Meet(const storage::StoredBatch& batch, const Filter& filter, const CutLimits& limits,
              const WireField& entry, bool nearest) {
  if (!batch.header.has_erased || !IsBlank(entry.bytes)) return OnErased::kNone;
  const bool compacted = ReasonOf(entry.bytes) == GapReason::kCompacted;
  if (limits.pass_erased || (compacted && !filter.matches_all())) return OnErased::kPass;
  return nearest ? OnErased::kTell : OnErased::kStop;
}

absl::StatusOr<EventSlice> CutOldest(const storage::StoredBatch& batch, const Filter& filter,
                                     const CutLimits& limits, const EntryMap& map) {
  EventSlice slice;
  slice.header = batch.header;
  slice.base_offset = limits.from;
  slice.next = std::min(limits.until, batch.header.end_offset());
  SliceBuilder builder(slice, limits.without_data);
  WireReader reader(batch.events.substr(map[limits.from - batch.header.base_offset]));
  WireField entry;
  const Offset until = slice.next;
  for (Offset offset = limits.from; offset < until; ++offset) {
    if (!reader.Next(entry) || entry.number != kEventsField || entry.type != WireType::kBytes) {
      return Unwalkable(batch, offset);
    }
    const OnErased erased = Meet(batch, filter, limits, entry, offset == limits.from);
    if (erased == OnErased::kPass) continue;
    if (erased == OnErased::kStop) {
      slice.next = offset;
      break;
    }
    if (erased == OnErased::kTell) {
      const absl::string_view blank = entry.bytes;
      Offset end = offset + 1;
      while (end < until && reader.Next(entry) && entry.bytes == blank) ++end;
      slice.erased = {.from = offset, .until = end, .reason = ReasonOf(blank)};
      slice.next = end;
      break;
    }
    const absl::StatusOr<bool> wanted = Wants(batch, filter, offset, entry);
    if (!wanted.ok()) return wanted.status();
    if (!*wanted) continue;
    // Without data an event's size is known only once it is in; then the slice ends just past it.
    const uint64_t more = limits.without_data ? 0 : entry.whole.size();
    if (slice.count > 0 && slice.bytes + more > limits.bytes_max) {
      slice.next = offset;
      break;
    }
    if (!builder.Add(offset, entry)) return Unwalkable(batch, offset);
    if (slice.count >= limits.events_max) {
      slice.next = offset + 1;
      break;
    }
  }
  builder.Finish(batch);
  return slice;
}

// Where the blanks begin that are as that at `last`, which ends them; not below `from`.
Offset FirstOfBlanks(const storage::StoredBatch& batch, Offset from, Offset last,
                     absl::string_view blank, const EntryMap& map) {
  while (last > from) {
    const Offset before(last.value() - 1);
    WireReader reader(batch.events.substr(map[before - batch.header.base_offset]));
    WireField entry;
    if (!reader.Next(entry) || entry.bytes != blank) break;
    last = before;
  }
  return last;
}

absl::StatusOr<EventSlice> CutNewest(const storage::StoredBatch& batch, const Filter& filter,
                                     const CutLimits& limits, const EntryMap& map) {
  EventSlice slice;
  slice.header = batch.header;
  slice.descending = true;
  slice.base_offset = Offset(limits.until.value() - 1);
  slice.next = std::max(limits.from, batch.header.base_offset);
  SliceBuilder builder(slice, limits.without_data);
  WireField entry;
  const Offset from = slice.next;
  for (Offset end = limits.until; end > from;) {
    const Offset offset(end.value() - 1);
    WireReader reader(batch.events.substr(map[offset - batch.header.base_offset]));
    if (!reader.Next(entry)) return Unwalkable(batch, offset);
    const OnErased erased = Meet(batch, filter, limits, entry, end == limits.until);
    if (erased == OnErased::kStop) {
      slice.next = end;
      break;
    }
    if (erased == OnErased::kPass) {
      end = offset;
      continue;
    }
    if (erased == OnErased::kTell) {
      slice.next = FirstOfBlanks(batch, from, offset, entry.bytes, map);
      slice.erased = {.from = slice.next, .until = end, .reason = ReasonOf(entry.bytes)};
      break;
    }
    const absl::StatusOr<bool> wanted = Wants(batch, filter, offset, entry);
    if (!wanted.ok()) return wanted.status();
    const uint64_t more = limits.without_data ? 0 : entry.whole.size();
    if (*wanted && slice.count > 0 && slice.bytes + more > limits.bytes_max) {
      slice.next = end;
      break;
    }
    if (*wanted && !builder.Add(offset, entry)) return Unwalkable(batch, offset);
    end = offset;
    if (slice.count >= limits.events_max) {
      slice.next = end;
      break;
    }
  }
  builder.Finish(batch);
  return slice;
}

}  // namespace

absl::StatusOr<EventSlice> CutBatch(const storage::StoredBatch& batch, const Filter& filter,
                                    const CutLimits& limits, EntryMap& map) {
  const bool forward = limits.direction == Direction::kForward;
  const Offset first = forward ? limits.from : Offset(limits.until.value() - 1);
  TM_CHECK_LE(batch.header.base_offset.value(), first.value());
  TM_CHECK_LT(first.value(), batch.header.end_offset().value());
  if (forward && WantsWhole(batch, filter, limits)) return WholeBatch(batch);
  if (absl::Status status = ExtendMap(batch, first, map); !status.ok()) return status;
  return forward ? CutOldest(batch, filter, limits, map) : CutNewest(batch, filter, limits, map);
}

}  // namespace tidemark::log
