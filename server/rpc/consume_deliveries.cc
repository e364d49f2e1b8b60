// The server's side of Consume: assignments, deliveries and confirmations on their way out.
#include <algorithm>
#include <utility>

#include "server/base/check.h"
#include "server/rpc/batch_encoder.h"
#include "server/rpc/byte_buffer.h"
#include "server/rpc/consume_call.h"
#include "server/rpc/consume_messages.h"
#include "server/rpc/convert.h"

namespace tidemark::rpc {

void ConsumeCall::Receive(GroupEvent event) {
  absl::MutexLock lock(&mu_);
  inbox_.push_back(std::move(event));
  KickLocked();
}

void ConsumeCall::Kick() {
  absl::MutexLock lock(&mu_);
  KickLocked();
}

bool ConsumeCall::TakePumpLocked() {
  kicked_ = true;
  if (pumping_ || ended_) return false;
  pumping_ = true;
  return true;
}

void ConsumeCall::KickLocked() {
  if (!TakePumpLocked()) return;
  if (work_ != nullptr) return PumpOnLive();
  queue_.answers.Post(shared_from_this());
}

void ConsumeCall::KickHere() {
  {
    absl::MutexLock lock(&mu_);
    if (!TakePumpLocked()) return;
    if (work_ != nullptr) return PumpOnLive();
  }
  Pump(log::MayWait::kNo);
}

void ConsumeCall::Answer() { Pump(log::MayWait::kNo); }

void ConsumeCall::PumpOnLive() {
  context_.live.Schedule([call = shared_from_this()] { call->Pump(log::MayWait::kNo); });
}

bool ConsumeCall::HoldsBack() const {
  return !caught_up_ && context_.pace.holds_back(base::MonotonicNanos());
}

void ConsumeCall::PumpInTurn() {
  context_.readers.Schedule(
      [call = shared_from_this()] { call->Pump(log::MayWait::kNo, /*in_turn=*/true); });
}

void ConsumeCall::PumpOnReader() {
  context_.readers.Schedule([call = shared_from_this()] { call->Pump(log::MayWait::kYes); });
}

void ConsumeCall::Pump(log::MayWait may_wait, bool in_turn) {
  while (true) {
    GroupEvent event;
    bool has_event = false;
    {
      absl::MutexLock lock(&mu_);
      kicked_ = false;
      if (!StepLocked()) return;
      if (!inbox_.empty()) {
        if (may_wait == log::MayWait::kNo) return PumpOnReader();  // It may open partitions.
        event = std::move(inbox_.front());
        inbox_.pop_front();
        has_event = true;
      }
    }
    if (has_event) {
      if (absl::Status status = Apply(event); !status.ok()) return EndNow(status);
      continue;
    }
    if (may_wait == log::MayWait::kNo && !in_turn && HoldsBack()) return PumpInTurn();
    absl::StatusOr<bool> wrote = Deliver(may_wait);
    if (!wrote.ok()) return EndNow(wrote.status());
    if (*wrote) return;
    absl::MutexLock lock(&mu_);
    if (!kicked_) {
      pumping_ = false;
      return;
    }
  }
}

bool ConsumeCall::StepLocked() {
  if (cancelled_ || end_now_) {
    EndLocked();
    return false;
  }
  if (!outbox_.empty()) {
    const v1::ConsumeResponse response = std::move(outbox_.front());
    outbox_.pop_front();
    WriteLocked(Serialize(response));
    return false;
  }
  if (end_when_quiet_ && pending_acks_ == 0) {
    EndLocked();
    return false;
  }
  if (heartbeat_due_) {
    heartbeat_due_ = false;
    v1::ConsumeResponse response;
    FillTime(context_.clock.Now(), *response.mutable_heartbeat()->mutable_time());
    WriteLocked(Serialize(response));
    return false;
  }
  return true;
}

absl::Status ConsumeCall::Apply(const GroupEvent& event) {
  if (const auto* assigned = std::get_if<std::vector<groups::AssignedPartition>>(&event)) {
    return ApplyAssigned(*assigned);
  }
  if (const auto* taken = std::get_if<Taking>(&event)) {
    for (const LogId log : taken->logs) {
      if (assigned_.erase(log) > 0) feed_->Remove(log);
    }
    return absl::OkStatus();
  }
  const auto& revoked = std::get<Revocation>(event);
  v1::ConsumeResponse response;
  FillTime(revoked.deadline, *response.mutable_revoked()->mutable_deadline());
  response.mutable_revoked()->set_revocation(revoked.number);
  for (const LogId log : revoked.logs) {
    const auto it = assigned_.find(log);
    if (it == assigned_.end()) continue;
    feed_->Remove(log);
    v1::TopicPartition& out = *response.mutable_revoked()->add_partitions();
    out.set_topic(it->second.topic);
    out.set_partition(it->second.partition.value());
    assigned_.erase(it);
  }
  absl::MutexLock lock(&mu_);
  outbox_.push_back(std::move(response));
  return absl::OkStatus();
}

void ConsumeCall::UseFilter(const std::shared_ptr<const log::Filter>& filter) {
  if (feed_ != nullptr && filter_ == filter) return;
  TM_CHECK(assigned_.empty());
  filter_ = filter;
  feed_ = delivery::PartitionFeed::Create(
      context_.log, {.filter = *filter, .batch_bytes_max = context_.limits.batch_bytes_max},
      [weak = weak_from_this()] {
        if (const auto call = weak.lock()) call->Kick();
      });
}

absl::Status ConsumeCall::ApplyAssigned(const std::vector<groups::AssignedPartition>& partitions) {
  for (const groups::AssignedPartition& assigned : partitions) {
    UseFilter(assigned.filter);
    absl::StatusOr<log::PartitionPtr> partition =
        context_.log.OpenPartition(*assigned.topic, assigned.partition);
    if (absl::IsNotFound(partition.status())) continue;  // Deleted: the group will say so.
    if (!partition.ok()) return partition.status();
    feed_->Remove(assigned.log);
    assigned_[assigned.log] = {.topic = assigned.topic->name(), .partition = assigned.partition};
    feed_->Add({.topic = assigned.topic,
                .index = assigned.partition,
                .partition = *std::move(partition),
                .next = assigned.from,
                .until = delivery::kEndless});
  }
  caught_up_ = false;
  absl::MutexLock lock(&mu_);
  outbox_.push_back(AssignedMessage(partitions));
  return absl::OkStatus();
}

absl::StatusOr<bool> ConsumeCall::Deliver(log::MayWait may_wait) {
  delivery::FeedLimits limits;
  std::shared_ptr<groups::WorkMember> work;
  {
    absl::MutexLock lock(&mu_);
    if (member_ == nullptr || end_when_quiet_ || paused_) return false;
    if (credit_events_ == 0 || credit_bytes_ == 0) return false;
    limits = {.events_max = credit_events_, .bytes_max = credit_bytes_};
    work = work_;
  }
  if (HoldsBack())
    limits.bytes_max = std::min(limits.bytes_max, base::HistoryPace::kShortTurnBytes);
  if (work != nullptr) return DeliverWork(*work, limits.events_max, limits.bytes_max);
  if (feed_ == nullptr) return false;
  absl::StatusOr<delivery::FeedItem> item = feed_->Next(limits, may_wait);
  if (!item.ok()) return item.status();
  if (!item->from_tail) caught_up_ = false;
  switch (item->kind) {
    case delivery::FeedItem::Kind::kSlice:
      return DeliverSlice(item->slice, *item->partition);
    case delivery::FeedItem::Kind::kNeedsStore:
      PumpOnReader();
      return true;
    case delivery::FeedItem::Kind::kGap:
      return WriteGap(*item);
    case delivery::FeedItem::Kind::kScanned:
      ReportScan(*item->partition);
      Kick();
      return false;
    case delivery::FeedItem::Kind::kDeleted:
      // The group decides what that means for its members, at its next tick.
      Forget(item->partition->partition->log());
      return false;
    default:
      return OnNothingLeft();
  }
}

void ConsumeCall::Forget(LogId log) {
  feed_->Remove(log);
  Kick();
}

absl::StatusOr<bool> ConsumeCall::DeliverSlice(const log::EventSlice& slice,
                                               const delivery::FeedPartition& partition) {
  const LogId log = partition.partition->log();
  const Offset delivered_end = slice.OffsetAt(slice.count - 1) + 1;
  const std::shared_ptr<groups::Member> member = this->member();
  if (!member->Progress(log, delivered_end, slice.next, slice.count)) {
    Forget(log);  // Revoked meanwhile; the group's event is on its way.
    return false;
  }
  DeliveryMessage message;
  message.Add(slice, partition.topic->name(), partition.index);
  WriteDeliveries(message);
  return true;
}

absl::StatusOr<bool> ConsumeCall::WriteGap(const delivery::FeedItem& item) {
  v1::ConsumeResponse response;
  v1::Gap& gap = *response.mutable_gap();
  gap.set_topic(item.partition->topic->name());
  gap.set_partition(item.partition->index.value());
  gap.set_from_offset(item.gap.from.value());
  gap.set_until_offset(item.gap.until.value());
  gap.set_reason(ToProto(item.gap_reason));
  const LogId log = item.partition->partition->log();
  if (!member()->PassGap(log, item.gap.from, item.partition->next)) {
    Forget(log);  // Revoked meanwhile; the next owner is told.
    return false;
  }
  absl::MutexLock lock(&mu_);
  WriteLocked(Serialize(response));
  return true;
}

absl::StatusOr<bool> ConsumeCall::OnNothingLeft() {
  // What the filter passed since the last delivery counts as read.
  if (!filter_->matches_all()) {
    for (const delivery::FeedPartition* partition : feed_->partitions()) ReportScan(*partition);
  }
  if (caught_up_ || feed_->empty()) return false;
  caught_up_ = true;
  v1::ConsumeResponse response;
  response.mutable_caught_up();
  absl::MutexLock lock(&mu_);
  WriteLocked(Serialize(response));
  return true;
}

void ConsumeCall::ReportScan(const delivery::FeedPartition& partition) {
  // False means revoked: then the next owner scans it again.
  (void)member()->Progress(partition.partition->log(), partition.next, partition.next, 0);
}

void ConsumeCall::WriteDeliveries(DeliveryMessage& message) {
  context_.metrics.read_batches_total.Increment(message.deliveries());
  context_.metrics.read_bytes_total.Increment(static_cast<double>(message.bytes()));
  if (caught_up_) context_.pace.LiveDelivered(message.bytes(), base::MonotonicNanos());
  const grpc::ByteBuffer bytes = message.Take();
  absl::MutexLock lock(&mu_);
  credit_events_ -= std::min(credit_events_, message.events());
  credit_bytes_ -= std::min(credit_bytes_, message.bytes());
  WriteLocked(bytes);
}

std::shared_ptr<groups::Member> ConsumeCall::member() {
  absl::MutexLock lock(&mu_);
  return member_;
}

void ConsumeCall::WriteLocked(const grpc::ByteBuffer& message) {
  last_write_nanos_ = base::MonotonicNanos();
  stream_.Write(message, written_.Start(shared_from_this()));
}

void ConsumeCall::OnWritten(bool ok) {
  {
    absl::MutexLock lock(&mu_);
    cancelled_ = cancelled_ || !ok;
    if (work_ != nullptr) return PumpOnLive();
  }
  Pump(log::MayWait::kNo);
}

}  // namespace tidemark::rpc
