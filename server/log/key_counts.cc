#include "server/log/key_counts.h"

#include <algorithm>

#include "server/base/check.h"
#include "server/log/event_terms.h"
#include "server/log/wire.h"

namespace tidemark::log {
namespace {

// What the thread that prepares commits may have to look through: about 10 us.
constexpr uint64_t kReachEvents = 16 << 10;
// A place in a list and in a map.
constexpr size_t kEntryOverheadBytes = 120;

}  // namespace

uint64_t CountKeyIn(absl::string_view events, Offset base, absl::string_view key, Offset from) {
  uint64_t count = 0;
  Offset offset = base;
  WireReader reader(events);
  WireField entry;
  for (; reader.Next(entry); ++offset) {
    if (offset < from) continue;
    EventView event;
    TM_CHECK(ViewEvent(entry.bytes, event).ok());  // Checked when it came in.
    if (event.key == key) ++count;
  }
  return count;
}

size_t KeyCounts::BytesOf(const Entry& entry) {
  return sizeof(Entry) + kEntryOverheadBytes + entry.key.capacity();
}

std::optional<KeyCount> KeyCounts::Recall(LogId log, absl::string_view key) {
  absl::MutexLock lock(&mu_);
  const auto it = by_place_.find(Place(log, key));
  if (it == by_place_.end()) return std::nullopt;
  uses_.splice(uses_.begin(), uses_, it->second);
  return it->second->count;
}

void KeyCounts::Remember(LogId log, absl::string_view key, KeyCount count) {
  absl::MutexLock lock(&mu_);
  const auto it = by_place_.find(Place(log, key));
  if (it != by_place_.end()) {
    uses_.splice(uses_.begin(), uses_, it->second);
    // A count that took longer may be an older one.
    if (it->second->count.until < count.until) it->second->count = count;
    return;
  }
  uses_.push_front({.log = log, .key = std::string(key), .count = count});
  by_place_[Place(log, uses_.front().key)] = uses_.begin();
  bytes_ += BytesOf(uses_.front());
  while (bytes_ > bytes_max_ && !uses_.empty()) {
    bytes_ -= BytesOf(uses_.back());
    by_place_.erase(Place(uses_.back().log, uses_.back().key));
    uses_.pop_back();
  }
}

bool KeyCounts::Find(KeyCondition& condition) {
  const LogId log = condition.topic->log(condition.partition);
  const std::optional<KeyCount> count = Recall(log, condition.key);
  if (!count.has_value()) return false;
  PartitionPtr partition = partitions_.Find(log);
  if (partition == nullptr) return false;
  const Offset end = partition->ends().end;
  if (count->until < end && end - count->until > kReachEvents) return false;
  if (count->until < partition->index_state().open_begin) return false;
  condition.opened = std::move(partition);
  condition.known = *count;
  return true;
}

absl::Status KeyCounts::Load(KeyCondition& condition) {
  const LogId log = condition.topic->log(condition.partition);
  absl::StatusOr<PartitionPtr> partition = partitions_.Get(log);
  if (!partition.ok()) return partition.status();
  condition.opened = *std::move(partition);
  if (const std::optional<KeyCount> count = Recall(log, condition.key); count.has_value()) {
    condition.known = *count;
    absl::StatusOr<KeyCount> now = CountStaged(condition);
    if (!now.ok()) return now.status();
    condition.known = *now;
  } else {
    absl::StatusOr<KeyCount> counted = index_.CountKey(*condition.opened, condition.key);
    if (!counted.ok()) return counted.status();
    condition.known = *counted;
  }
  Remember(log, condition.key, condition.known);
  return absl::OkStatus();
}

absl::Status KeyCounts::AddPlace(const Partition& partition, absl::string_view key,
                                 const Partition::KeyPlace& place, KeyCount& count) const {
  storage::BatchPtr batch = place.batch;
  if (batch == nullptr) {
    absl::StatusOr<PartitionRead> read =
        reader_.Read(partition, place.from, place.until, 1, MayWait::kYes, Encrypted::kAsStored);
    if (!read.ok()) return read.status();
    if (read->state != PartitionRead::State::kBatches) {
      return absl::OutOfRangeError("the batch was dropped meanwhile");
    }
    batch = read->batches.front();
  }
  // Of what was erased only the index knows whose it was; it is sealed up to there by then.
  if (batch->header.has_erased) return absl::OutOfRangeError("the batch has erased events");
  count.events += CountKeyIn(batch->events, batch->header.base_offset, key, place.from);
  return absl::OkStatus();
}

absl::StatusOr<KeyCount> KeyCounts::CountStaged(const KeyCondition& condition) {
  const Partition& partition = *condition.opened;
  KeyCount count = condition.known;
  const std::optional<KeyCount> recalled = Recall(partition.log(), condition.key);
  if (recalled.has_value() && recalled->until > count.until) count = *recalled;
  const uint64_t hash = HashOfKey(condition.key);
  while (true) {
    const std::optional<Partition::KeyPlaces> places = partition.FindKeySince(hash, count.until);
    bool complete = places.has_value();
    if (complete) {
      KeyCount counted = count;
      for (const Partition::KeyPlace& place : places->places) {
        const absl::Status added = AddPlace(partition, condition.key, place, counted);
        if (absl::IsOutOfRange(added)) {
          complete = false;
          break;
        }
        if (!added.ok()) return added;
      }
      counted.until = std::max(count.until, places->end);
      if (complete) return counted;
    }
    // It was sealed, perhaps dropped since: the store counts what was.
    absl::StatusOr<KeyCount> stored = index_.CountKey(partition, condition.key);
    if (!stored.ok()) return stored.status();
    count = *stored;
  }
}

}  // namespace tidemark::log
