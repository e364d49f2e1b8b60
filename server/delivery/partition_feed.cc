#include "server/delivery/partition_feed.h"

#include <algorithm>
#include <utility>

#include "server/base/check.h"

namespace tidemark::delivery {
namespace {

// Spans and candidates of a feed, over all its partitions.
constexpr size_t kRowsMax = 16 << 10;
constexpr size_t kRowsOfPartitionMax = 256;
constexpr size_t kRowsOfPartitionMin = 4;
// Stands for the horizon where a slot is expected.
constexpr uint32_t kHorizonSlot = UINT32_MAX;

}  // namespace

std::shared_ptr<PartitionFeed> PartitionFeed::Create(log::EventLog& log, FeedOptions options,
                                                     absl::AnyInvocable<void()> wake) {
  return std::shared_ptr<PartitionFeed>(
      new PartitionFeed(log, std::move(options), std::move(wake)));
}

PartitionFeed::PartitionFeed(log::EventLog& log, FeedOptions options,
                             absl::AnyInvocable<void()> wake)
    : log_(log),
      order_(options.order),
      scan_bytes_max_(options.scan_bytes_max),
      context_{.reader = log.reader(),
               .index = log.index(),
               .filter = std::move(options.filter),
               .direction = options.direction,
               .needs_positions = options.order == Order::kCommit,
               .batch_bytes_max = options.batch_bytes_max,
               .without_data = options.without_data},
      wake_(std::move(wake)),
      turns_(Turns::Make(options.order, options.direction)) {}

PartitionFeed::~PartitionFeed() {
  for (const auto& [id, slot] : slots_) slot->walk.at().partition->StopWaiting(this);
}

void PartitionFeed::SetRowsMax() {
  context_.rows_max = std::clamp(kRowsMax / std::max<size_t>(1, slots_.size()), kRowsOfPartitionMin,
                                 kRowsOfPartitionMax);
}

void PartitionFeed::Add(FeedPartition partition) {
  const LogId log = partition.partition->log();
  TM_CHECK(!slot_of_log_.contains(log));
  const uint32_t id = next_slot_++;
  slots_[id] = std::make_unique<Slot>(Slot{.walk = PartitionWalk(context_, std::move(partition))});
  slot_of_log_[log] = id;
  SetRowsMax();
  PushReady(id, /*front=*/false);
}

bool PartitionFeed::Remove(LogId log) {
  const auto it = slot_of_log_.find(log);
  if (it == slot_of_log_.end()) return false;
  const auto slot = slots_.find(it->second);
  slot->second->walk.at().partition->StopWaiting(this);
  if (slot->second->finished) --finished_;
  turns_->Remove(it->second);
  slots_.erase(slot);
  slot_of_log_.erase(it);
  SetRowsMax();
  return true;
}

const FeedPartition* PartitionFeed::Find(LogId log) const {
  const auto it = slot_of_log_.find(log);
  return it == slot_of_log_.end() ? nullptr : &slots_.at(it->second)->walk.at();
}

std::vector<const FeedPartition*> PartitionFeed::partitions() const {
  std::vector<const FeedPartition*> partitions;
  partitions.reserve(slots_.size());
  for (const auto& [id, slot] : slots_) partitions.push_back(&slot->walk.at());
  std::sort(partitions.begin(), partitions.end(),
            [](const FeedPartition* a, const FeedPartition* b) {
              return a->partition->log() < b->partition->log();
            });
  return partitions;
}

std::optional<uint32_t> PartitionFeed::TakeReady() {
  absl::MutexLock lock(&mu_);
  if (ready_.empty()) return std::nullopt;
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

bool PartitionFeed::Park() {
  absl::MutexLock lock(&mu_);
  parked_ = ready_.empty();
  return parked_;
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

PartitionFeed::Found PartitionFeed::LookAt(uint32_t id, Slot& slot, Search& search) {
  PartitionWalk& walk = slot.walk;
  const Offset before = walk.at().next;
  const auto state = walk.Look(search.may_wait, search.effort);
  if (!state.ok()) {
    PushReady(id, /*front=*/true);
    return state.status();
  }
  using State = PartitionWalk::State;
  if (walk.at().next != before && *state != State::kGap) {
    ++passed_;
    search.passed = &walk.at();
  }
  switch (*state) {
    case State::kFront:
      turns_->Set(id, context_.needs_positions ? walk.position() : Position(0));
      return std::nullopt;
    case State::kPassed:
      PushReady(id, /*front=*/true);
      return std::nullopt;
    case State::kAtEnd:
      if (!walk.at().partition->Wait(walk.at().next, weak_from_this(), id)) {
        PushReady(id, /*front=*/false);
      }
      return std::nullopt;
    case State::kFinished:
      if (!slot.finished) ++finished_;
      slot.finished = true;
      return std::nullopt;
    case State::kNeedsStore:
      PushReady(id, /*front=*/true);
      return FeedItem{.kind = FeedItem::Kind::kNeedsStore};
    case State::kGap:
      PushReady(id, /*front=*/true);
      return FeedItem{.kind = FeedItem::Kind::kGap,
                      .partition = &walk.at(),
                      .gap = walk.gap(),
                      .resume = before};
    case State::kDeleted:
      PushReady(id, /*front=*/true);
      return FeedItem{.kind = FeedItem::Kind::kDeleted, .partition = &walk.at()};
  }
  TM_CHECK(false);
}

PartitionFeed::Found PartitionFeed::LookAtReady(Search& search) {
  while (turns_->needs_all() || !turns_->next().has_value()) {
    const std::optional<uint32_t> id = TakeReady();
    if (!id.has_value()) break;
    if (*id == kHorizonSlot) {
      waits_for_horizon_ = false;
      continue;
    }
    const auto found = slots_.find(*id);
    if (found == slots_.end()) continue;  // Removed since it became ready.
    Found item = LookAt(*id, *found->second, search);
    if (!item.ok() || item->has_value()) return item;
    if (std::optional<FeedItem> way = GiveWay(search)) return way;
  }
  return std::nullopt;
}

std::optional<FeedItem> PartitionFeed::GiveWay(const Search& search) const {
  if (search.effort.bytes < scan_bytes_max_) return std::nullopt;
  if (search.passed == nullptr) return FeedItem{.kind = FeedItem::Kind::kNeedsStore};
  return FeedItem{
      .kind = FeedItem::Kind::kScanned, .partition = search.passed, .from_tail = search.from_tail};
}

bool PartitionFeed::WaitForHorizon(Position position) {
  if (waits_for_horizon_) return true;
  waits_for_horizon_ = log_.horizon().Wait(position, weak_from_this(), kHorizonSlot);
  return waits_for_horizon_;
}

PartitionFeed::Found PartitionFeed::TakeTurn(const Turns::Turn& turn, Position horizon,
                                             const FeedLimits& limits, Search& search) {
  PartitionWalk& walk = slots_.at(turn.slot)->walk;
  const bool forward = context_.direction == log::Direction::kForward;
  const absl::StatusOr<PartitionWalk::State> loaded =
      walk.Load(forward ? std::min(turn.ends, horizon) : turn.ends,
                context_.batch_bytes_max / slots_.size(), search.may_wait, search.effort);
  if (!loaded.ok()) return loaded.status();
  if (*loaded == PartitionWalk::State::kNeedsStore) {
    return FeedItem{.kind = FeedItem::Kind::kNeedsStore};
  }
  if (*loaded != PartitionWalk::State::kFront) {
    turns_->Remove(turn.slot);
    PushReady(turn.slot, /*front=*/true);
    return std::nullopt;
  }
  search.from_tail = search.from_tail && walk.page_from_tail();
  const uint64_t bytes = walk.front_bytes();
  const Offset before = walk.at().next;
  absl::StatusOr<log::EventSlice> slice = walk.Cut(limits);
  if (!slice.ok()) return slice.status();
  if (walk.has_page()) {
    turns_->Set(turn.slot, walk.position());
  } else {
    turns_->Remove(turn.slot);
    PushReady(turn.slot, /*front=*/false);
  }
  if (slice->erased.has_value()) {
    return FeedItem{.kind = FeedItem::Kind::kGap,
                    .partition = &walk.at(),
                    .gap = {slice->erased->from, slice->erased->until},
                    .gap_reason = slice->erased->reason,
                    .resume = before,
                    .from_tail = search.from_tail};
  }
  if (slice->count > 0) {
    return FeedItem{.kind = FeedItem::Kind::kSlice,
                    .partition = &walk.at(),
                    .slice = *std::move(slice),
                    .resume = before,
                    .from_tail = search.from_tail,
                    .erasures = walk.page_erasures()};
  }
  ++passed_;
  search.passed = &walk.at();
  search.effort.bytes += bytes;
  return GiveWay(search);
}

absl::StatusOr<FeedItem> PartitionFeed::Next(const FeedLimits& limits, log::MayWait may_wait) {
  Search search{.may_wait = may_wait};
  while (true) {
    // Before the ready ones are looked at: see the invariant.
    const Position horizon =
        order_ == Order::kCommit ? log_.horizon().published() : Position(UINT64_MAX);
    Found item = LookAtReady(search);
    if (!item.ok()) return item.status();
    if (item->has_value()) return **std::move(item);
    const std::optional<Turns::Turn> turn = turns_->next();
    if (turn.has_value() && turn->position <= horizon) {
      item = TakeTurn(*turn, horizon, limits, search);
      if (!item.ok()) return item.status();
      if (item->has_value()) return **std::move(item);
      continue;
    }
    if (turn.has_value() && !WaitForHorizon(horizon + 1)) continue;
    if (!Park()) continue;
    const bool finished = !slots_.empty() && finished_ == slots_.size();
    return FeedItem{.kind = finished ? FeedItem::Kind::kFinished : FeedItem::Kind::kIdle};
  }
}

}  // namespace tidemark::delivery
