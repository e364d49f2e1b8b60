#include "tidemark/member_stream.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/batch.h"
#include "client/cpp/src/connection.h"
#include "client/cpp/src/consume_wire.h"
#include "client/cpp/src/convert.h"
#include "client/cpp/src/raw_stream.h"
#include "client/cpp/src/steady_time.h"

namespace tidemark {
namespace {

using internal::FromProto;
using internal::RawStream;
using internal::SteadyNow;
using internal::ToProto;

void AddIds(const std::vector<EventId>& events,
            google::protobuf::RepeatedPtrField<v1::EventId>* ids) {
  for (const EventId& event : events) {
    v1::EventId& id = *ids->Add();
    id.set_topic(event.topic);
    id.set_partition(event.partition);
    id.set_offset(event.offset);
  }
}

v1::ConsumeRequest JoinMessage(const Client& client, const MemberOptions& options) {
  v1::ConsumeRequest request;
  v1::Join& join = *request.mutable_join();
  internal::FillJoin(client, options, join);
  if (options.retry) ToProto(*options.retry, join.mutable_retry_policy());
  join.set_deliveries_max(options.deliveries_max);
  join.mutable_credits()->set_events(options.credit_events);
  join.mutable_credits()->set_bytes(options.credit_bytes);
  return request;
}

std::vector<EventRejected> RejectedFrom(
    const google::protobuf::RepeatedPtrField<v1::EventRejected>& protos) {
  std::vector<EventRejected> rejected;
  for (const v1::EventRejected& proto : protos) {
    rejected.push_back(
        {{proto.id().topic(), proto.id().partition(), proto.id().offset()}, proto.reason()});
  }
  return rejected;
}

AckConfirmed ConfirmedFrom(const v1::AckConfirmed& proto) {
  AckConfirmed confirmed{.acked_events = proto.acked_events(),
                         .rejected = RejectedFrom(proto.rejected_events())};
  for (const v1::TopicPartitionOffset& offset : proto.committed()) {
    confirmed.committed.push_back(FromProto(offset));
  }
  for (const v1::AckRejected& rejected : proto.rejected()) {
    const v1::TopicPartitionOffset& ack = rejected.ack();
    confirmed.rejected.push_back({{ack.topic(), ack.partition(), ack.offset()}, rejected.reason()});
  }
  return confirmed;
}

// No item: nothing that the caller needs to know.
std::optional<MemberItem> ItemFrom(const v1::ConsumeResponse& note) {
  switch (note.message_case()) {
    case v1::ConsumeResponse::kJoined:
      return MemberJoined{note.joined().member_id(), FromProto(note.joined().group()),
                          note.joined().created()};
    case v1::ConsumeResponse::kAssigned: {
      PartitionsAssigned assigned{.assignment = note.assigned().assignment()};
      for (const auto& proto : note.assigned().partitions()) {
        assigned.partitions.push_back(FromProto(proto));
      }
      return assigned;
    }
    case v1::ConsumeResponse::kRevoked: {
      PartitionsRevoked revoked{.deadline = FromProto(note.revoked().deadline()),
                                .revocation = note.revoked().revocation()};
      for (const auto& proto : note.revoked().partitions()) {
        revoked.partitions.push_back({proto.topic(), proto.partition()});
      }
      return revoked;
    }
    case v1::ConsumeResponse::kAckConfirmed:
      return ConfirmedFrom(note.ack_confirmed());
    case v1::ConsumeResponse::kNackConfirmed:
      return NackConfirmed{note.nack_confirmed().retried(), note.nack_confirmed().dead_letters(),
                           RejectedFrom(note.nack_confirmed().rejected())};
    case v1::ConsumeResponse::kExtendConfirmed:
      return ExtendConfirmed{note.extend_confirmed().extended(),
                             RejectedFrom(note.extend_confirmed().rejected())};
    case v1::ConsumeResponse::kCaughtUp:
      return CaughtUp{};
    case v1::ConsumeResponse::kGap:
      return FromProto(note.gap());
    case v1::ConsumeResponse::kDraining:
      return ServerDraining{};
    default:  // A heartbeat, or something newer than this library.
      return std::nullopt;
  }
}

}  // namespace

class MemberStream::Impl {
 public:
  Impl(const Client& client, MemberOptions options)
      : client_(client),
        options_(std::move(options)),
        stream_(client.connection()->channel(), internal::kConsumeMethod),
        last_contact_(SteadyNow()) {
    Send(JoinMessage(client_, options_));
  }

  absl::StatusOr<std::optional<MemberItem>> Next(absl::Duration timeout);
  void Send(const v1::ConsumeRequest& request) {
    if (left_) return;
    const grpc::Slice slice(request.SerializeAsString());
    out_.emplace_back(&slice, 1);
  }
  void Leave() {
    v1::ConsumeRequest request;
    request.mutable_leave();
    Send(request);
    left_ = true;
  }
  void Wake() { stream_.Wake(); }

 private:
  // Ends with `status`.
  absl::Status Fail(absl::Status status) {
    end_ = std::move(status);
    return end_;
  }
  void OnMessage(const grpc::Slice& message);
  absl::Status OnEnded();

  const Client client_;
  const MemberOptions options_;
  RawStream stream_;
  std::deque<grpc::ByteBuffer> out_;
  std::deque<MemberItem> items_;
  absl::Status damaged_;  // Comes after the items.
  absl::Status end_;
  bool left_ = false;
  absl::Time last_contact_;
};

void MemberStream::Impl::OnMessage(const grpc::Slice& message) {
  last_contact_ = SteadyNow();
  absl::StatusOr<internal::ConsumeMessage> parsed = internal::ParseConsumeMessage(message);
  if (!parsed.ok()) {
    damaged_ = parsed.status();
    return;
  }
  damaged_ = parsed->damage;
  for (std::shared_ptr<internal::BatchData>& delivery : parsed->deliveries) {
    items_.emplace_back(Batch(std::move(delivery)));
  }
  if (!parsed->note.has_value()) return;
  if (std::optional<MemberItem> item = ItemFrom(*parsed->note)) items_.push_back(*std::move(item));
}

absl::Status MemberStream::Impl::OnEnded() {
  const absl::Status status = client_.connection()->Annotate(stream_.status());
  if (!status.ok()) return Fail(status);
  if (!left_) return Fail(absl::UnavailableError("the server ended the stream"));
  items_.emplace_back(MemberLeft{});
  end_ = absl::FailedPreconditionError("the member has left");
  return absl::OkStatus();
}

absl::StatusOr<std::optional<MemberItem>> MemberStream::Impl::Next(absl::Duration timeout) {
  const absl::Time deadline = SteadyNow() + timeout;
  while (true) {
    if (stream_.can_write() && !out_.empty()) {
      stream_.Write(out_.front());
      out_.pop_front();
    }
    if (!items_.empty()) {
      MemberItem item = std::move(items_.front());
      items_.pop_front();
      return item;
    }
    if (!damaged_.ok() && end_.ok()) return Fail(damaged_);
    if (!end_.ok()) return end_;
    const absl::Time silent_at = last_contact_ + options_.silence_max;
    const absl::Duration left = std::min(deadline, silent_at) - SteadyNow();
    switch (stream_.Wait(std::max(left, absl::ZeroDuration()))) {
      case RawStream::Signal::kStarted:
        stream_.Read();
        break;
      case RawStream::Signal::kRead:
        OnMessage(stream_.TakeMessage());
        stream_.Read();
        break;
      case RawStream::Signal::kEnded:
        if (absl::Status status = OnEnded(); !status.ok()) return status;
        break;
      case RawStream::Signal::kWritten:
        break;
      case RawStream::Signal::kWake:
        return std::optional<MemberItem>();
      case RawStream::Signal::kTimeout:
        if (SteadyNow() >= silent_at) {
          return Fail(absl::UnavailableError(
              absl::StrCat("the stream of group '", options_.group, "' was silent for ",
                           absl::FormatDuration(options_.silence_max))));
        }
        if (SteadyNow() >= deadline) return std::optional<MemberItem>();
        break;
    }
  }
}

MemberStream::MemberStream(const Client& client, MemberOptions options)
    : impl_(std::make_unique<Impl>(client, std::move(options))) {}

MemberStream::~MemberStream() = default;

absl::StatusOr<std::optional<MemberItem>> MemberStream::Next(absl::Duration timeout) {
  return impl_->Next(timeout);
}

void MemberStream::AckUpTo(const std::vector<TopicPartitionOffset>& offsets) {
  v1::ConsumeRequest request;
  for (const TopicPartitionOffset& offset : offsets) {
    v1::TopicPartitionOffset& proto = *request.mutable_ack()->mutable_up_to()->add_offsets();
    proto.set_topic(offset.topic);
    proto.set_partition(offset.partition);
    proto.set_offset(offset.offset);
  }
  impl_->Send(request);
}

void MemberStream::Ack(const std::vector<EventId>& events) {
  v1::ConsumeRequest request;
  v1::AckIds& ids = *request.mutable_ack()->mutable_ids();
  v1::EventSet* set = nullptr;
  for (const EventId& event : events) {
    if (set == nullptr || set->topic() != event.topic || set->partition() != event.partition) {
      set = ids.add_sets();
      set->set_topic(event.topic);
      set->set_partition(event.partition);
    }
    set->add_offsets(event.offset);
  }
  impl_->Send(request);
}

void MemberStream::Nack(const std::vector<EventId>& events, std::optional<absl::Duration> delay,
                        absl::string_view reason) {
  v1::ConsumeRequest request;
  AddIds(events, request.mutable_nack()->mutable_ids());
  if (delay) ToProto(*delay, request.mutable_nack()->mutable_delay());
  request.mutable_nack()->set_reason(std::string(reason));
  impl_->Send(request);
}

void MemberStream::DeadLetter(const std::vector<EventId>& events, absl::string_view reason) {
  v1::ConsumeRequest request;
  AddIds(events, request.mutable_nack()->mutable_ids());
  request.mutable_nack()->set_dead_letter(true);
  request.mutable_nack()->set_reason(std::string(reason));
  impl_->Send(request);
}

void MemberStream::Extend(const std::vector<EventId>& events, absl::Duration lease) {
  v1::ConsumeRequest request;
  AddIds(events, request.mutable_extend()->mutable_ids());
  ToProto(lease, request.mutable_extend()->mutable_lease());
  impl_->Send(request);
}

void MemberStream::AddCredits(uint64_t events, uint64_t bytes) {
  v1::ConsumeRequest request;
  request.mutable_credits()->set_events(events);
  request.mutable_credits()->set_bytes(bytes);
  impl_->Send(request);
}

void MemberStream::Release(const PartitionsRevoked& revoked) {
  v1::ConsumeRequest request;
  for (const TopicPartition& partition : revoked.partitions) {
    v1::TopicPartition& proto = *request.mutable_release()->add_partitions();
    proto.set_topic(partition.topic);
    proto.set_partition(partition.partition);
  }
  request.mutable_release()->set_revocation(revoked.revocation);
  impl_->Send(request);
}

void MemberStream::Leave() { impl_->Leave(); }

void MemberStream::Wake() { impl_->Wake(); }

}  // namespace tidemark
