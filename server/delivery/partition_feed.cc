#include "server/delivery/partition_feed.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/error.h"

namespace tidemark::delivery {
namespace {

// Names the partition in an error that arose below, where only logs are known.
absl::Status At(const FeedPartition& partition, const absl::Status& status) {
  if (!absl::IsDataLoss(status)) return status;
  return MakeError(absl::StatusCode::kDataLoss,
                   absl::StrCat("topic \"", partition.topic->name(), "\" partition ",
                                partition.index.value(), ": ", status.message()),
                   {.reason = "CORRUPT_BATCH",
                    .metadata = {{"topic", partition.topic->name()},
                                 {"partition", std::to_string(partition.index.value())},
                                 {"offset", std::to_string(partition.next.value())}}});
}

}  // namespace

std::shared_ptr<PartitionFeed> PartitionFeed::Create(const log::PartitionReader& reader,
                                                     FeedOptions options,
                                                     absl::AnyInvocable<void()> wake) {
  return std::shared_ptr<PartitionFeed>(
      new PartitionFeed(reader, std::move(options), std::move(wake)));
}

PartitionFeed::PartitionFeed(const log::PartitionReader& reader, FeedOptions options,
                             absl::AnyInvocable<void()> wake)
    : reader_(reader), options_(std::move(options)), wake_(std::move(wake)) {}

PartitionFeed::~PartitionFeed() {
  for (const auto& [id, slot] : slots_) slot->partition.partition->StopWaiting(this);
}

void PartitionFeed::Add(FeedPartition partition) {
  const LogId log = partition.partition->log();
  TM_CHECK(!slot_of_log_.contains(log));
  const uint32_t id = next_slot_++;
  auto slot = std::make_unique<Slot>();
  slot->partition = std::move(partition);
  slots_[id] = std::move(slot);
  slot_of_log_[log] = id;
  PushReady(id, /*front=*/false);
}

bool PartitionFeed::Remove(LogId log) {
  const auto it = slot_of_log_.find(log);
  if (it == slot_of_log_.end()) return false;
  const auto slot = slots_.find(it->second);
  slot->second->partition.partition->StopWaiting(this);
  if (slot->second->finished) --finished_;
  slots_.erase(slot);
  slot_of_log_.erase(it);
  return true;
}

const FeedPartition* PartitionFeed::Find(LogId log) const {
  const auto it = slot_of_log_.find(log);
  return it == slot_of_log_.end() ? nullptr : &slots_.at(it->second)->partition;
}

std::vector<const FeedPartition*> PartitionFeed::partitions() const {
  std::vector<const FeedPartition*> partitions;
  partitions.reserve(slots_.size());
  for (const auto& [id, slot] : slots_) partitions.push_back(&slot->partition);
  std::sort(partitions.begin(), partitions.end(),
            [](const FeedPartition* a, const FeedPartition* b) {
              return a->partition->log() < b->partition->log();
            });
  return partitions;
}

std::optional<uint32_t> PartitionFeed::PopReady() {
  absl::MutexLock lock(&mu_);
  if (ready_.empty()) {
    parked_ = true;
    return std::nullopt;
  }
  const uint32_t slot = ready_.front();
  ready_.pop_front();
  return slot;
}

void PartitionFeed::PushReady(uint32_t slot, bool front) {
  absl::MutexLock lock(&mu_);
  if (front) {
    ready_.push_front(slot);
  } else {
    ready_.push_back(slot);
  }
}

void PartitionFeed::OnReady(uint32_t slot) {
  {
    absl::MutexLock lock(&mu_);
    ready_.push_back(slot);
    if (!parked_) return;
    parked_ = false;
  }
  wake_();
}

absl::StatusOr<std::optional<FeedItem>> PartitionFeed::Fill(uint32_t id, Slot& slot,
                                                            log::MayWait may_wait) {
  FeedPartition& at = slot.partition;
  absl::StatusOr<log::PartitionRead> read =
      reader_.Read(*at.partition, at.next, at.until, options_.batch_bytes_max, may_wait);
  if (!read.ok()) {
    PushReady(id, /*front=*/true);
    return At(at, read.status());
  }
  using State = log::PartitionRead::State;
  switch (read->state) {
    case State::kBatches:
      slot.page.assign(read->batches.begin(), read->batches.end());
      slot.page_from_tail = read->from_tail;
      PushReady(id, /*front=*/true);
      return std::nullopt;
    case State::kAtEnd:
      if (!at.partition->Wait(at.next, weak_from_this(), id)) PushReady(id, /*front=*/false);
      return std::nullopt;
    case State::kNeedsStore: {
      PushReady(id, /*front=*/true);
      FeedItem item{.kind = FeedItem::Kind::kNeedsStore};
      return std::optional<FeedItem>(std::move(item));
    }
    case State::kTooOld: {
      FeedItem item{.kind = FeedItem::Kind::kGap, .partition = &at, .gap_from = at.next};
      at.next = std::min(at.partition->ends().start, at.until);
      PushReady(id, /*front=*/true);
      return std::optional<FeedItem>(std::move(item));
    }
    case State::kDeleted: {
      PushReady(id, /*front=*/true);
      FeedItem item{.kind = FeedItem::Kind::kDeleted, .partition = &at};
      return std::optional<FeedItem>(std::move(item));
    }
  }
  TM_CHECK(false);
}

absl::StatusOr<log::EventSlice> PartitionFeed::CutFront(Slot& slot,
                                                        const FeedLimits& limits) const {
  FeedPartition& at = slot.partition;
  absl::StatusOr<log::EventSlice> slice =
      log::CutBatch(*slot.page.front(), options_.filter,
                    {.from = at.next,
                     .until = at.until,
                     .bytes_max = std::min(limits.bytes_max, options_.batch_bytes_max),
                     .events_max = limits.events_max,
                     .without_data = options_.without_data});
  if (!slice.ok()) return At(at, slice.status());
  at.next = slice->next;
  if (at.next >= slot.page.front()->header.end_offset()) slot.page.pop_front();
  return slice;
}

absl::StatusOr<FeedItem> PartitionFeed::Next(const FeedLimits& limits, log::MayWait may_wait) {
  uint64_t scanned_bytes = 0;
  bool from_tail = true;
  while (const std::optional<uint32_t> id = PopReady()) {
    const auto found = slots_.find(*id);
    if (found == slots_.end()) continue;  // Removed since it became ready.
    Slot& slot = *found->second;
    if (slot.partition.next >= slot.partition.until) {
      if (!slot.finished) ++finished_;
      slot.finished = true;
      continue;
    }
    if (slot.page.empty()) {
      absl::StatusOr<std::optional<FeedItem>> item = Fill(*id, slot, may_wait);
      if (!item.ok()) return item.status();
      if (item->has_value()) return **std::move(item);
      continue;
    }
    from_tail = from_tail && slot.page_from_tail;
    scanned_bytes += slot.page.front()->events.size();
    absl::StatusOr<log::EventSlice> slice = CutFront(slot, limits);
    if (!slice.ok()) {
      PushReady(*id, /*front=*/true);
      return slice.status();
    }
    PushReady(*id, /*front=*/!slot.page.empty());
    if (slice->count > 0) {
      return FeedItem{.kind = FeedItem::Kind::kSlice,
                      .partition = &slot.partition,
                      .slice = *std::move(slice),
                      .from_tail = from_tail};
    }
    ++passed_;
    if (scanned_bytes >= options_.scan_bytes_max) {
      return FeedItem{
          .kind = FeedItem::Kind::kScanned, .partition = &slot.partition, .from_tail = from_tail};
    }
  }
  return FeedItem{.kind = !slots_.empty() && finished_ == slots_.size() ? FeedItem::Kind::kFinished
                                                                        : FeedItem::Kind::kIdle};
}

}  // namespace tidemark::delivery
