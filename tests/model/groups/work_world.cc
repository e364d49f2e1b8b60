#include "tests/model/groups/work_world.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/log/event_scan.h"
#include "server/log/wire.h"
#include "server/storage/key_schema.h"

namespace tidemark::groups {

WorkWorld::WorkWorld(uint64_t seed) : random_(seed) {
  options_.group = storage::GroupId(7);
  options_.mode =
      random_.OneIn(4) ? storage::GroupMode::kUnordered : storage::GroupMode::kKeyOrdered;
  options_.retry.lease_us = 10'000'000;
  options_.retry.initial_backoff_us = 1'000'000;
  options_.retry.max_backoff_us = 20'000'000;
  if (random_.OneIn(2)) options_.retry.max_attempts = static_cast<uint32_t>(random_.In(1, 5));
  options_.retry.block_key_after_dead_letter = random_.OneIn(2);
  options_.retry.skip_delayed = random_.OneIn(2);
  options_.window_events_max = random_.OneIn(2) ? 20 : 1000;
  options_.readahead_bytes_max = random_.OneIn(2) ? 200 : 1 << 20;
  options_.redrives_max = 5;
  auto topic = std::make_shared<log::Topic>();
  topic->record.id = TopicId(1);
  topic->record.name = "hr";
  topic->record.first_log = LogId(10);
  topic->record.config.partitions = static_cast<uint32_t>(random_.In(1, 4));
  topic_ = topic;
  for (uint32_t i = 0; i < topic_->partitions(); ++i) {
    truths_[topic_->log(PartitionIndex(i))].index = PartitionIndex(i);
  }
  StartQueue();
}

void WorkWorld::Fail(const std::string& what) {
  if (problem_.empty()) problem_ = what;
}

void WorkWorld::ReadRows(LogId log, RestoredWork& restored,
                         std::vector<std::pair<Offset, storage::DeadLetter>>& letters) const {
  for (const auto& [key, value] : disk_) {
    storage::GroupRowKeyParts parts;
    if (!storage::ParseGroupRowKey(key, parts) || parts.log != log) continue;
    if (key[0] == storage::kWorkBlockPrefix) {
      restored.Add(parts.number, *storage::DecodeWorkBlock(value));
    } else if (key[0] == storage::kDeadLetterPrefix) {
      letters.emplace_back(Offset(parts.number), *storage::DecodeDeadLetter(value));
    }
  }
}

void WorkWorld::StartQueue() {
  queue_ = std::make_unique<WorkQueue>(options_);
  for (auto& [log, truth] : truths_) AddPartition(log, truth);
}

void WorkWorld::AddPartition(LogId log, const Truth& truth) {
  RestoredWork restored;
  std::vector<std::pair<Offset, storage::DeadLetter>> letters;
  ReadRows(log, restored, letters);
  std::optional<Offset> committed;
  if (disk_offsets_.contains(log)) committed = Offset(disk_offsets_.at(log));
  queue_->AddPartition(topic_, truth.index, committed, std::move(restored));
  for (const auto& [offset, letter] : letters) queue_->AddDeadLetter(log, offset, letter, now_us_);
}

// --- The disk.

void WorkWorld::Apply(const WorkWrite& write) {
  for (const log::OffsetWrite& offset : write.offsets) {
    uint64_t& committed = disk_offsets_[offset.log];
    if (offset.committed.value() < committed && !may_fall_) {
      Fail(absl::StrCat("log ", offset.log, " fell from ", committed, " to ", offset.committed));
    }
    committed = offset.committed.value();
  }
  for (const log::GroupRowChange& row : write.rows) {
    if (row.value.has_value()) {
      disk_[row.key] = *row.value;
    } else if (row.until.empty()) {
      disk_.erase(row.key);
    } else {
      disk_.erase(disk_.lower_bound(row.key), disk_.lower_bound(row.until));
    }
  }
}

void WorkWorld::BeginWrite() {
  if (write_.has_value() || !queue_->dirty()) return;
  write_ = queue_->BeginWrite();
  in_write_.insert(unwritten_.begin(), unwritten_.end());
  unwritten_.clear();
}

void WorkWorld::EndWrite() {
  if (!write_.has_value()) return;
  const bool ok = !random_.OneIn(5);
  if (ok) {
    Apply(*write_);
    for (const auto& [log, offset] : in_write_) truths_.at(log).confirmed.insert(offset);
    in_write_.clear();
  }
  write_.reset();
  queue_->EndWrite(ok);
}

void WorkWorld::Crash() {
  if (write_.has_value() && random_.OneIn(2)) Apply(*write_);
  write_.reset();
  in_write_.clear();
  unwritten_.clear();
  clients_.clear();
  ReadDisk();
  StartQueue();
}

// What the disk says becomes the truth, after it is compared with it.
void WorkWorld::ReadDisk() {
  for (auto& [log, truth] : truths_) {
    RestoredWork restored;
    std::vector<std::pair<Offset, storage::DeadLetter>> letters;
    ReadRows(log, restored, letters);
    std::set<uint64_t> dead;
    for (const auto& [offset, letter] : letters) dead.insert(offset.value());
    std::set<uint64_t> done;
    const uint64_t committed = disk_offsets_.contains(log) ? disk_offsets_.at(log) : 0;
    for (uint64_t offset = 0; offset < committed; ++offset) done.insert(offset);
    for (const RestoredWork::Done& range : restored.done) {
      for (uint64_t offset = range.from.value(); offset < range.until.value(); ++offset) {
        done.insert(offset);
      }
    }
    for (const uint64_t offset : done) {
      if (offset >= truth.events.size() || !truth.finished(offset)) {
        Fail(absl::StrCat("the disk says that ", log, "/", offset, " is done, and it is not"));
      }
    }
    for (const uint64_t offset : truth.confirmed) {
      if (!done.contains(offset) || dead.contains(offset)) {
        Fail(absl::StrCat("the confirmed ack of ", log, "/", offset, " is lost"));
      }
    }
    std::erase_if(truth.done,
                  [&](uint64_t offset) { return !done.contains(offset) || dead.contains(offset); });
    // A discard that did not reach the disk did not happen.
    std::erase_if(truth.discarded, [&](uint64_t offset) { return dead.contains(offset); });
    truth.dead = dead;
  }
}

// --- The log.

void WorkWorld::Append() {
  auto it = truths_.begin();
  std::advance(it, random_.Below(truths_.size()));
  for (uint64_t count = random_.In(1, 6); count > 0; --count) {
    Event event;
    if (!random_.OneIn(5)) event.key = absl::StrCat("k", random_.Below(6));
    event.wanted = !random_.OneIn(4);
    if (random_.OneIn(10)) event.not_before_us = now_us_ + random_.Below(8'000'000);
    std::string message;
    log::AppendBytesHeader(message, log::kEventTypeField, 1);
    message += "t";
    log::AppendBytesHeader(message, log::kEventKeyField, event.key.size());
    message += event.key;
    log::AppendBytesHeader(event.entry, log::kEventsField, message.size());
    event.entry += message;
    it->second.events.push_back(std::move(event));
  }
}

// As a feed does: a few events of one partition, or word that the filter passed some.
void WorkWorld::Read() {
  auto it = truths_.begin();
  std::advance(it, random_.Below(truths_.size()));
  auto& [log, truth] = *it;
  if (!queue_->wants_events() || queue_->IsFull(log)) return;
  const uint64_t from = queue_->ReadFrom(log).value();
  const uint64_t until = std::min<uint64_t>(truth.events.size(), from + random_.In(1, 8));
  if (from >= until) return;
  truth.read_to = std::max(truth.read_to, until);
  auto bytes = std::make_shared<std::string>();
  for (uint64_t offset = from; offset < until; ++offset) *bytes += truth.events[offset].entry;
  WorkChunk chunk{.header = {.log = log,
                             .base_offset = Offset(from),
                             .count = static_cast<uint32_t>(until - from),
                             .events_bytes = static_cast<uint32_t>(bytes->size())},
                  .owners = {bytes}};
  size_t at = 0;
  for (uint64_t offset = from; offset < until; ++offset) {
    const Event& event = truth.events[offset];
    const absl::string_view entry = absl::string_view(*bytes).substr(at, event.entry.size());
    at += event.entry.size();
    if (!event.wanted) continue;
    chunk.events.push_back({.offset = Offset(offset),
                            .entry = entry,
                            .type = "t",
                            .key = event.key,
                            .not_before_us = event.not_before_us});
  }
  if (chunk.events.empty()) return queue_->ReadTo(log, Offset(until));
  queue_->AddEvents(log, chunk, Offset(until), now_us_);
}

void WorkWorld::Reread() {
  for (const WorkQueue::Wanted& wanted : queue_->TakeWanted(random_.In(1, 4))) {
    if (random_.OneIn(6)) {
      queue_->RereadLater(wanted.log, wanted.offset);
      continue;
    }
    const Event& event = truths_.at(wanted.log).events[wanted.offset.value()];
    auto bytes = std::make_shared<std::string>(event.entry);
    const WorkChunk chunk{.header = {.log = wanted.log,
                                     .base_offset = wanted.offset,
                                     .count = 1,
                                     .events_bytes = static_cast<uint32_t>(bytes->size())},
                          .owners = {bytes}};
    queue_->Reread(wanted.log, chunk, {.offset = wanted.offset, .entry = *bytes}, now_us_);
  }
}

void WorkWorld::WriteAll() {
  while (queue_->dirty() || write_.has_value()) {
    BeginWrite();
    EndWrite();
  }
}

std::optional<storage::DeadLetter> WorkWorld::LetterAt(const Place& place) const {
  const auto it =
      disk_.find(storage::DeadLetterKey(options_.group, place.first, Offset(place.second)));
  if (it == disk_.end()) return std::nullopt;
  return *storage::DecodeDeadLetter(it->second);
}

// A dead letter that is on disk, not being redriven.
std::optional<WorkWorld::Place> WorkWorld::AnyLetter() {
  std::vector<Place> places;
  for (const auto& [log, truth] : truths_) {
    for (const uint64_t offset : truth.dead) {
      const auto letter = LetterAt({log, offset});
      if (!letter.has_value() || letter->redrive.has_value()) continue;
      if (!queue_->IsRedriven(log, Offset(offset))) places.push_back({log, offset});
    }
  }
  if (places.empty()) return std::nullopt;
  return random_.Of(places);
}

}  // namespace tidemark::groups
