#include "server/delivery/read_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace tidemark::delivery {
absl::StatusOr<std::unique_ptr<ReadSession>> ReadSession::Open(log::EventLog& log, ReadSpec spec,
                                                               absl::AnyInvocable<void()> wake) {
  log::Filter filter(spec.filter);
  absl::StatusOr<std::vector<FeedPartition>> opened = ResolveRange(log,
                                                                   {.topic = spec.topic,
                                                                    .partitions = spec.partitions,
                                                                    .start = spec.start,
                                                                    .stop = spec.stop,
                                                                    .direction = spec.direction,
                                                                    .order = spec.order},
                                                                   filter);
  if (!opened.ok()) return opened.status();
  std::unique_ptr<ReadSession> session(new ReadSession(spec));
  session->feed_ = PartitionFeed::Create(log,
                                         {.filter = std::move(filter),
                                          .direction = spec.direction,
                                          .order = spec.order,
                                          .batch_bytes_max = spec.batch_bytes_max,
                                          .without_data = spec.without_data},
                                         std::move(wake));
  for (FeedPartition& one : *opened) session->feed_->Add(std::move(one));
  return session;
}

std::string ReadSession::CursorText() const {
  Cursor cursor{.topic = topic_->id(), .direction = direction_, .places = {}};
  for (const FeedPartition* partition : feed_->partitions()) {
    cursor.places.push_back(
        {.partition = partition->index, .next = NextOf(*partition), .oldest = partition->oldest});
  }
  return EncodeCursor(cursor);
}

Offset ReadSession::NextOf(const FeedPartition& partition) const {
  // The feed has passed what is held, the client has not.
  const bool held = held_.has_value() && held_->partition == &partition &&
                    held_->kind != FeedItem::Kind::kScanned;
  return held ? held_->resume : partition.next;
}

bool ReadSession::TakeMoved() {
  const uint64_t passed_before = std::exchange(passed_, feed_->passed());
  return std::exchange(moved_, false) || passed_ != passed_before;
}

ReadSession::Item ReadSession::End() {
  if (last_checkpoint_sent_) return {.kind = Item::Kind::kEnd};
  last_checkpoint_sent_ = true;
  return {.kind = Item::Kind::kCheckpoint, .cursor = CursorText()};
}

ReadSession::Item ReadSession::FromFeed(FeedItem item) {
  if (item.kind == FeedItem::Kind::kScanned) {
    moved_ = false;
    return {.kind = Item::Kind::kCheckpoint, .cursor = CursorText()};
  }
  moved_ = true;
  if (item.kind == FeedItem::Kind::kGap) {
    return {.kind = Item::Kind::kGap,
            .partition = item.partition->index,
            .gap = item.gap,
            .gap_reason = item.gap_reason};
  }
  if (events_left_.has_value()) *events_left_ -= item.slice.count;
  return {.kind = Item::Kind::kBatch,
          .slice = std::move(item.slice),
          .partition = item.partition->index};
}

absl::StatusOr<ReadSession::Item> ReadSession::Next(log::MayWait may_wait, uint64_t bytes_max) {
  if (held_.has_value()) {
    FeedItem item = *std::exchange(held_, std::nullopt);
    return FromFeed(std::move(item));
  }
  if (events_left_ == 0) return End();
  absl::StatusOr<FeedItem> item = feed_->Next(
      {.events_max = events_left_.value_or(UINT64_MAX), .bytes_max = bytes_max}, may_wait);
  if (!item.ok()) return item.status();
  switch (item->kind) {
    case FeedItem::Kind::kNeedsStore:
      return Item{.kind = Item::Kind::kNeedsStore};
    case FeedItem::Kind::kDeleted:
      return NoSuch("topic", topic_->name(), ": it was deleted");
    case FeedItem::Kind::kFinished:
      return End();
    case FeedItem::Kind::kIdle:
      // A finite read idles only until what was committed before it becomes readable.
      if (live_ || finite_) return Item{.kind = Item::Kind::kIdle};
      live_ = true;
      moved_ = false;
      return Item{.kind = Item::Kind::kCaughtUp, .cursor = CursorText()};
    case FeedItem::Kind::kSlice:
    case FeedItem::Kind::kScanned:
    case FeedItem::Kind::kGap:
      break;
  }
  if (live_ && !item->from_tail) {
    live_ = false;
    held_ = *std::move(item);
    return Item{.kind = Item::Kind::kFellBehind};
  }
  return FromFeed(*std::move(item));
}

}  // namespace tidemark::delivery
