#include "server/rpc/work_messages.h"

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "server/base/error.h"
#include "server/base/utf8.h"
#include "server/log/delivery_time.h"
#include "server/rpc/convert.h"
#include "server/rpc/names.h"

namespace tidemark::rpc {
namespace {

constexpr size_t kReasonBytesMax = 1024;

// Collects events; neighbours tend to be of one partition.
class Collector {
 public:
  Collector(const RpcLimits& limits, const groups::LiveWork& work) : limits_(limits), work_(work) {}

  absl::Status Add(const std::string& topic, uint32_t partition, absl::Span<const uint64_t> offsets,
                   absl::string_view field) {
    absl::Status status = Find(topic, PartitionIndex(partition), field);
    if (!status.ok()) return status;
    const LogId log = named_.partitions[at_].log;
    for (const uint64_t offset : offsets) named_.events.push_back({log, Offset(offset)});
    named_.partition_of.resize(named_.events.size(), at_);
    return absl::OkStatus();
  }
  NamedEvents Take() { return std::move(named_); }

 private:
  absl::Status Find(const std::string& topic, PartitionIndex partition, absl::string_view field) {
    const auto is = [&](const NamedEvents::Partition& known) {
      return known.partition == partition && known.topic == topic;
    };
    if (at_ < named_.partitions.size() && is(named_.partitions[at_])) return absl::OkStatus();
    for (at_ = 0; at_ < named_.partitions.size(); ++at_) {
      if (is(named_.partitions[at_])) return absl::OkStatus();
    }
    absl::Status name = CheckName(topic, limits_.name_bytes_max, absl::StrCat(field, ".topic"));
    if (!name.ok()) return name;
    named_.partitions.push_back(
        {topic, partition, work_.FindLog(topic, partition).value_or(LogId(0))});
    return absl::OkStatus();
  }

  const RpcLimits& limits_;
  const groups::LiveWork& work_;
  NamedEvents named_;
  uint32_t at_ = 0;
};

absl::Status CheckCount(uint64_t count, absl::string_view field) {
  if (count == 0) return InvalidField(field, "is required: at least one event");
  if (count > kEventRefsMax) {
    return OverLimit(field, "event_ids_max", kEventRefsMax, count, "events");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<NamedEvents> FromProto(const google::protobuf::RepeatedPtrField<v1::EventId>& ids,
                                      const RpcLimits& limits, const groups::LiveWork& work,
                                      absl::string_view field) {
  if (absl::Status status = CheckCount(ids.size(), field); !status.ok()) return status;
  Collector collector(limits, work);
  for (int i = 0; i < ids.size(); ++i) {
    const absl::Status status =
        collector.Add(ids[i].topic(), ids[i].partition(), {ids[i].offset()}, field);
    if (!status.ok()) return status;
  }
  return collector.Take();
}

absl::StatusOr<NamedEvents> FromProto(const v1::AckIds& ids, const RpcLimits& limits,
                                      const groups::LiveWork& work) {
  uint64_t count = ids.ids_size();
  for (const v1::EventSet& set : ids.sets()) count += set.offsets_size();
  if (absl::Status status = CheckCount(count, "ack.ids"); !status.ok()) return status;
  Collector collector(limits, work);
  for (const v1::EventId& id : ids.ids()) {
    const absl::Status status =
        collector.Add(id.topic(), id.partition(), {id.offset()}, "ack.ids.ids");
    if (!status.ok()) return status;
  }
  for (const v1::EventSet& set : ids.sets()) {
    const absl::Status status =
        collector.Add(set.topic(), set.partition(), set.offsets(), "ack.ids.sets");
    if (!status.ok()) return status;
  }
  return collector.Take();
}

absl::StatusOr<groups::WorkQueue::NackOptions> NackOptionsFromProto(const v1::Nack& nack) {
  groups::WorkQueue::NackOptions options{.dead_letter = nack.dead_letter(),
                                         .reason = nack.reason()};
  if (nack.has_delay()) {
    const absl::Duration delay =
        absl::Seconds(nack.delay().seconds()) + absl::Nanoseconds(nack.delay().nanos());
    if (delay < absl::ZeroDuration() || delay > log::kDelayMax) {
      return InvalidField("nack.delay", absl::StrCat("is not between 0 and ",
                                                     absl::FormatDuration(log::kDelayMax)));
    }
    options.delay_us = static_cast<uint64_t>(absl::ToInt64Microseconds(delay));
  }
  if (options.reason.size() > kReasonBytesMax) {
    return OverLimit("nack.reason", "reason_bytes_max", kReasonBytesMax, options.reason.size(),
                     "bytes");
  }
  if (!base::IsPlainText(options.reason)) {
    return InvalidField("nack.reason", "is not valid UTF-8 without control characters");
  }
  return options;
}

absl::StatusOr<absl::Duration> LeaseFromProto(const google::protobuf::Duration& lease,
                                              absl::string_view field) {
  absl::StatusOr<absl::Duration> duration = PositiveFromProto(lease, field);
  if (!duration.ok()) return duration.status();
  if (*duration > kLeaseMax) {
    return InvalidField(field, absl::StrCat(absl::FormatDuration(*duration), " is above ",
                                            absl::FormatDuration(kLeaseMax)));
  }
  return duration;
}

void FillRejected(const NamedEvents& named, const groups::EventsResult& result,
                  google::protobuf::RepeatedPtrField<v1::EventRejected>& out) {
  for (const auto& [i, rejection] : result.rejected) {
    const NamedEvents::Partition& partition = named.partitions[named.partition_of[i]];
    v1::EventRejected& rejected = *out.Add();
    rejected.mutable_id()->set_topic(partition.topic);
    rejected.mutable_id()->set_partition(partition.partition.value());
    rejected.mutable_id()->set_offset(named.events[i].offset.value());
    rejected.set_reason(rejection == groups::WorkRejection::kFenced ? "FENCED" : "NOT_IN_FLIGHT");
  }
}

void FillWork(const groups::WorkFigures& figures, v1::WorkState& out) {
  out.set_window_events(figures.window_events);
  out.set_window_blocked(figures.window_blocked);
  out.set_in_flight_events(figures.in_flight_events);
  out.set_waiting_events(figures.waiting_events);
  out.set_redeliveries(figures.redeliveries);
  if (figures.oldest_unacked_us.has_value()) {
    FillTime(absl::FromUnixMicros(static_cast<int64_t>(*figures.oldest_unacked_us)),
             *out.mutable_oldest_unacked_time());
  }
  out.set_blocked_keys(figures.blocked_keys);
  out.set_dead_letters(figures.dead_letters);
}

}  // namespace tidemark::rpc
