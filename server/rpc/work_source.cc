#include "server/rpc/work_source.h"

#include <utility>

#include "server/delivery/partition_feed.h"
#include "server/groups/work_chunk.h"

namespace tidemark::rpc {
namespace {

// A slice at most: how far reading can go beyond a queue's window.
constexpr uint64_t kSliceEventsMax = 1000;

class FeedSource final : public groups::WorkSource {
 public:
  explicit FeedSource(std::shared_ptr<delivery::PartitionFeed> feed) : feed_(std::move(feed)) {}

  void Add(const log::TopicPtr& topic, PartitionIndex index, log::PartitionPtr partition,
           Offset from) override {
    feed_->Add({.topic = topic,
                .index = index,
                .partition = std::move(partition),
                .next = from,
                .until = delivery::kEndless});
  }

  void Remove(LogId log) override { feed_->Remove(log); }

  absl::StatusOr<Item> Next(log::MayWait may_wait) override {
    absl::StatusOr<delivery::FeedItem> next =
        feed_->Next({.events_max = kSliceEventsMax}, may_wait);
    if (!next.ok()) return next.status();
    Item item{.from_tail = next->from_tail};
    if (next->partition != nullptr) {
      item.log = next->partition->partition->log();
      item.read_to = next->partition->next;
    }
    using From = delivery::FeedItem::Kind;
    switch (next->kind) {
      case From::kSlice: {
        item.kind = Item::Kind::kEvents;
        item.read_to = next->slice.next;
        item.erasures = next->erasures;
        absl::StatusOr<groups::WorkChunk> chunk = groups::MakeChunk(next->slice);
        if (!chunk.ok()) return chunk.status();
        item.chunk = *std::move(chunk);
        return item;
      }
      case From::kGap:
        item.kind = Item::Kind::kGap;
        item.gap_from = next->gap.from;
        item.gap_reason = next->gap_reason;
        item.read_to = next->gap.until;
        return item;
      case From::kScanned:
        item.kind = Item::Kind::kPassed;
        return item;
      case From::kNeedsStore:
        item.kind = Item::Kind::kNeedsStore;
        return item;
      case From::kDeleted:
        item.kind = Item::Kind::kDeleted;
        return item;
      case From::kIdle:
      case From::kFinished:
        break;
    }
    item.kind = Item::Kind::kIdle;
    return item;
  }

  std::vector<std::pair<LogId, Offset>> Positions() const override {
    std::vector<std::pair<LogId, Offset>> positions;
    for (const delivery::FeedPartition* partition : feed_->partitions()) {
      positions.emplace_back(partition->partition->log(), partition->next);
    }
    return positions;
  }

 private:
  const std::shared_ptr<delivery::PartitionFeed> feed_;
};

}  // namespace

groups::WorkSourceFactory MakeWorkSources(log::EventLog& log, uint64_t batch_bytes_max) {
  return [&log, batch_bytes_max](const storage::FilterSpec& filter,
                                 absl::AnyInvocable<void()> wake) {
    return std::make_unique<FeedSource>(delivery::PartitionFeed::Create(
        log, {.filter = log::Filter(filter), .batch_bytes_max = batch_bytes_max}, std::move(wake)));
  };
}

}  // namespace tidemark::rpc
