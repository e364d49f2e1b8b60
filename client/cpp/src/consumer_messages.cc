// What the server says to a consumer's session.
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/batch.h"
#include "client/cpp/src/connection.h"
#include "client/cpp/src/consume_wire.h"
#include "client/cpp/src/consumer_session.h"
#include "client/cpp/src/convert.h"
#include "client/cpp/src/status_codec.h"

namespace tidemark::internal {

void ConsumerSession::OnMessage(const grpc::Slice& message) {
  absl::StatusOr<ConsumeMessage> parsed = ParseConsumeMessage(message);
  if (!parsed.ok()) return Finish(EndKind::kFailed, parsed.status());
  if (parsed->note.has_value()) return OnNote(*parsed->note);
  for (std::shared_ptr<BatchData>& delivery : parsed->deliveries) OnDelivery(std::move(delivery));
  // What was handled before it is acknowledged; the damaged batch is delivered again.
  if (!parsed->damage.ok()) BeginLeaving(parsed->damage);
}

void ConsumerSession::OnDelivery(std::shared_ptr<BatchData> data) {
  if (is_work()) Hold(*data);
  Batch batch(std::move(data));
  const AckBook::Partition partition(std::string(batch.topic()), batch.partition());
  queue_.Push(std::move(batch));  // Also if it goes at once: it took credits.
  if (!is_work() && !book_.Owns(partition)) queue_.Drop(partition);
  if (leaving_ || finishing_) queue_.Clear();
}

void ConsumerSession::OnNote(const v1::ConsumeResponse& note) {
  switch (note.message_case()) {
    case v1::ConsumeResponse::kJoined:
      OnJoined(note.joined());
      break;
    case v1::ConsumeResponse::kAssigned:
      OnAssigned(note.assigned());
      break;
    case v1::ConsumeResponse::kRevoked:
      OnRevoked(note.revoked());
      break;
    case v1::ConsumeResponse::kAckConfirmed:
      OnAckConfirmed(note.ack_confirmed());
      break;
    case v1::ConsumeResponse::kNackConfirmed:
      OnNackConfirmed(note.nack_confirmed());
      break;
    case v1::ConsumeResponse::kExtendConfirmed:
      OnExtendConfirmed(note.extend_confirmed());
      break;
    case v1::ConsumeResponse::kCaughtUp:
      queue_.Push(DeliveryQueue::CaughtUpMark{assignments_});
      break;
    case v1::ConsumeResponse::kGap:
      queue_.Push(FromProto(note.gap()));
      break;
    case v1::ConsumeResponse::kDraining:
      // What is handled from now on could not be acknowledged here any more.
      draining_ = true;
      SendAcks();
      break;
    default:  // A heartbeat, or something newer than this library.
      break;
  }
}

void ConsumerSession::OnJoined(const v1::Joined& joined) {
  joined_ = true;
  SetMode(joined.group());
  if (committer_ != nullptr && is_work()) {
    return Finish(
        EndKind::kFailed,
        absl::FailedPreconditionError(absl::StrCat(
            "group \"", options_.group,
            "\" acks event by event; exactly once needs a "
            "group with mode PARTITION_ORDERED, whose offsets a transaction can commit")));
  }
  member_id_ = joined.member_id();
  if (options_.on_joined) options_.on_joined(joined.member_id(), joined.created());
}

void ConsumerSession::OnAssigned(const v1::Assigned& assigned) {
  ++assignments_;
  std::vector<TopicPartitionOffset> offsets;
  for (const v1::TopicPartitionOffset& proto : assigned.partitions()) {
    offsets.push_back(FromProto(proto));
    book_.Assign(offsets.back());
    assignment_of_[{proto.topic(), proto.partition()}] = assigned.assignment();
  }
  if (options_.on_assigned) options_.on_assigned(offsets);
}

void ConsumerSession::OnRevoked(const v1::Revoked& revoked) {
  for (const v1::TopicPartition& proto : revoked.partitions()) {
    const AckBook::Partition partition(proto.topic(), proto.partition());
    queue_.Drop(partition);
    if (pool_ != nullptr) pool_->Drop(partition);
  }
  attempts_ = 0;
  retry_at_ = absl::Time();  // The failed event may be gone; if not, it is tried again a bit early.
  if (pool_ == nullptr) return GiveBack(revoked);
  to_release_.push_back(revoked);
  stream_.Wake();  // TakeResults gives back what nobody is at.
}

// Nothing of these is in hand, so what is handled is acknowledged and they go at once; the next
// owner need not wait for the deadline.
void ConsumerSession::GiveBack(const v1::Revoked& revoked) {
  SendAcks();
  v1::ConsumeRequest release;
  std::vector<TopicPartitionOffset> offsets;
  for (const v1::TopicPartition& proto : revoked.partitions()) {
    if (auto at = book_.Drop({proto.topic(), proto.partition()})) offsets.push_back(*std::move(at));
    *release.mutable_release()->add_partitions() = proto;
  }
  release.mutable_release()->set_revocation(revoked.revocation());
  if (revoked.partitions_size() > 0) Send(release);
  if (options_.on_revoked) options_.on_revoked(offsets);
}

void ConsumerSession::OnAckConfirmed(const v1::AckConfirmed& confirmed) {
  if (acks_unanswered_ > 0) --acks_unanswered_;
  if (is_work()) {
    work_book_.Answered();
    counters_.acks_fenced += static_cast<uint64_t>(confirmed.rejected_events_size());
    return;
  }
  book_.Answered();
  std::vector<TopicPartitionOffset> committed;
  for (const v1::TopicPartitionOffset& proto : confirmed.committed()) {
    committed.push_back(FromProto(proto));
    book_.Confirm(committed.back());
  }
  for (const v1::AckRejected& rejected : confirmed.rejected()) {
    const TopicPartitionOffset ack = FromProto(rejected.ack());
    if (book_.Reject(ack)) {
      queue_.Drop({ack.topic, ack.partition});
      if (pool_ != nullptr) pool_->Drop({ack.topic, ack.partition});
    }
    if (rejected.reason() == "FENCED") {
      ++counters_.acks_fenced;
      continue;
    }
    BeginLeaving(absl::InternalError(absl::StrCat(
        "the server rejected an acknowledgement of topic '", ack.topic, "' partition ",
        ack.partition, " up to ", ack.offset, ": ", rejected.reason(), "; this is a bug")));
  }
  if (options_.on_committed && !committed.empty()) options_.on_committed(committed);
}

void ConsumerSession::OnStreamEnd() {
  const absl::Status status = client_.connection()->Annotate(stream_.status());
  if (leaving_ && all_confirmed()) {
    Finish(EndKind::kLeft, leave_reason_);
  } else if (leaving_) {
    Finish(EndKind::kFailed,
           absl::UnavailableError(absl::StrCat(
               "the connection of group '", options_.group,
               "' broke before the last acknowledgements were confirmed; some events may be "
               "delivered again: ",
               status.message())));
  } else if (status.ok()) {
    Finish(EndKind::kBroken, absl::UnavailableError("the server ended the stream"));
  } else if (IsBrokenConnection(status) || IsOverload(status)) {
    Finish(EndKind::kBroken, status);
  } else {
    Finish(EndKind::kFailed, status);
  }
}

}  // namespace tidemark::internal
