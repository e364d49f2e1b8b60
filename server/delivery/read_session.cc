#include "server/delivery/read_session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace tidemark::delivery {
namespace {

absl::StatusOr<Offset> ResolveStop(const log::PartitionReader& reader, const OpenedPartition& at,
                                   const StopSpec& stop) {
  if (std::holds_alternative<StopNever>(stop)) return kEndless;
  if (const auto* offsets = std::get_if<StopOffsets>(&stop)) {
    const auto it = offsets->offsets.find(at.index.value());
    if (it == offsets->offsets.end()) return at.ends.end;
    return std::min(Offset(it->second), at.ends.end);
  }
  if (const auto* time = std::get_if<StopTime>(&stop)) {
    absl::StatusOr<Offset> offset = reader.OffsetAtTime(*at.partition, CeilMicros(time->time));
    if (!offset.ok()) return offset.status();
    return std::min(*offset, at.ends.end);
  }
  return at.ends.end;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ReadSession>> ReadSession::Open(log::EventLog& log, ReadSpec spec,
                                                               absl::AnyInvocable<void()> wake) {
  log::Filter filter(spec.filter);
  absl::StatusOr<std::vector<OpenedPartition>> opened =
      ResolveStart(log, *spec.topic, spec.partitions, spec.start, filter);
  if (!opened.ok()) return opened.status();
  if (const auto* offsets = std::get_if<StopOffsets>(&spec.stop)) {
    for (const auto& [partition, offset] : offsets->offsets) {
      if (partition >= spec.topic->partitions()) {
        return NoSuchPartition(*spec.topic, partition, "stop.offsets");
      }
    }
  }
  const bool finite = !std::holds_alternative<StopNever>(spec.stop);
  std::unique_ptr<ReadSession> session(new ReadSession(spec.topic, spec.events_max, finite));
  session->feed_ = PartitionFeed::Create(log.reader(),
                                         {.filter = std::move(filter),
                                          .batch_bytes_max = spec.batch_bytes_max,
                                          .without_data = spec.without_data},
                                         std::move(wake));
  for (const OpenedPartition& one : *opened) {
    absl::StatusOr<Offset> until = ResolveStop(log.reader(), one, spec.stop);
    if (!until.ok()) return until.status();
    session->feed_->Add({.topic = spec.topic,
                         .index = one.index,
                         .partition = one.partition,
                         .next = one.start,
                         .until = std::max(*until, one.start)});
  }
  return session;
}

std::string ReadSession::CursorText() const {
  Cursor cursor{.topic = topic_->id(), .next = {}};
  for (const FeedPartition* partition : feed_->partitions()) {
    cursor.next.emplace_back(partition->index, NextOf(*partition));
  }
  return EncodeCursor(cursor);
}

Offset ReadSession::NextOf(const FeedPartition& partition) const {
  // The feed has passed what is held, the client has not.
  if (held_.has_value() && held_->partition == &partition) {
    if (held_->kind == FeedItem::Kind::kSlice) return held_->slice.base_offset;
    if (held_->kind == FeedItem::Kind::kGap) return held_->gap_from;
  }
  return partition.next;
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
            .gap_from = item.gap_from,
            .gap_until = item.partition->next};
  }
  if (events_left_.has_value()) *events_left_ -= item.slice.count;
  return {.kind = Item::Kind::kBatch,
          .slice = std::move(item.slice),
          .partition = item.partition->index};
}

absl::StatusOr<ReadSession::Item> ReadSession::Next(log::MayWait may_wait) {
  if (held_.has_value()) {
    FeedItem item = *std::exchange(held_, std::nullopt);
    return FromFeed(std::move(item));
  }
  if (events_left_ == 0) return End();
  absl::StatusOr<FeedItem> item =
      feed_->Next({.events_max = events_left_.value_or(UINT64_MAX)}, may_wait);
  if (!item.ok()) return item.status();
  switch (item->kind) {
    case FeedItem::Kind::kNeedsStore:
      return Item{.kind = Item::Kind::kNeedsStore};
    case FeedItem::Kind::kDeleted:
      return NoSuch("topic", topic_->name(), ": it was deleted");
    case FeedItem::Kind::kFinished:
      return End();
    case FeedItem::Kind::kIdle:
      // A finite read idles only if what it was to read is not there: the stops were ends.
      if (live_) return Item{.kind = Item::Kind::kIdle};
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
