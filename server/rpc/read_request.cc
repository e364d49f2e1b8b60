#include "server/rpc/read_request.h"

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/murmur2.h"
#include "server/rpc/conditions.h"
#include "server/rpc/convert.h"
#include "server/rpc/names.h"

namespace tidemark::rpc {
namespace {

template <typename Enum>
absl::Status UnknownEnum(absl::string_view field, Enum value) {
  return InvalidField(field, absl::StrCat("has the unknown value ", static_cast<int>(value)),
                      "UNKNOWN_ENUM_VALUE");
}

absl::StatusOr<delivery::Order> OrderFromProto(v1::Order order) {
  switch (order) {
    case v1::ORDER_UNSPECIFIED:
    case v1::ORDER_ANY:
      return delivery::Order::kAny;
    case v1::ORDER_COMMIT:
      return delivery::Order::kCommit;
    default:
      return UnknownEnum("order", order);
  }
}

absl::StatusOr<log::Direction> DirectionFromProto(v1::Direction direction) {
  switch (direction) {
    case v1::DIRECTION_UNSPECIFIED:
    case v1::DIRECTION_FORWARD:
      return log::Direction::kForward;
    case v1::DIRECTION_BACKWARD:
      return log::Direction::kBackward;
    default:
      return UnknownEnum("direction", direction);
  }
}

// Where the events of the filter's key begin. `spec` has the topic, the partitions and the filter.
absl::StatusOr<delivery::StartSpec> FromRevision(uint64_t revision,
                                                 const delivery::ReadSpec& spec) {
  constexpr char kField[] = "start.revision";
  if (spec.filter.keys.size() != 1) {
    return InvalidField(kField, absl::StrCat("counts the events of one key: filter.keys must name "
                                             "exactly one, and names ",
                                             spec.filter.keys.size()));
  }
  if (!spec.topic->record.config.index_keys) return KeysNotIndexed(*spec.topic);
  const std::string& key = spec.filter.keys.front();
  // A key may have been appended elsewhere than its hash says; who reads one partition means that
  // one.
  const uint32_t partition = spec.partitions.size() == 1
                                 ? spec.partitions.front()
                                 : base::PartitionOfKey(key, spec.topic->partitions());
  if (!spec.partitions.empty() && !absl::c_linear_search(spec.partitions, partition)) {
    return InvalidField(kField, absl::StrCat("is of a key in partition ", partition,
                                             ", which `partitions` leaves out"));
  }
  return delivery::StartRevision{
      .key = key, .partition = PartitionIndex(partition), .revision = revision};
}

// What both requests have in common.
template <typename Request>
absl::StatusOr<delivery::ReadSpec> CommonSpec(const Request& request, const RpcLimits& limits,
                                              const log::Catalog& catalog) {
  delivery::ReadSpec spec;
  absl::Status status = CheckName(request.topic(), limits.name_bytes_max, "topic");
  if (!status.ok()) return status;
  absl::StatusOr<delivery::Order> order = OrderFromProto(request.order());
  if (!order.ok()) return order.status();
  spec.order = *order;
  absl::StatusOr<storage::FilterSpec> filter = FromProto(request.filter(), limits, "filter");
  if (!filter.ok()) return filter.status();
  spec.filter = *std::move(filter);
  spec.partitions = {request.partitions().begin(), request.partitions().end()};
  spec.batch_bytes_max = limits.batch_bytes_max;
  if (request.has_max_batch_bytes()) {
    if (request.max_batch_bytes() == 0) return InvalidField("max_batch_bytes", "is 0: at least 1");
    spec.batch_bytes_max = std::min(request.max_batch_bytes(), limits.batch_bytes_max);
  }
  spec.without_data = request.without_data();
  spec.topic = catalog.Find(request.topic());
  if (spec.topic == nullptr) {
    return NoSuch("topic", request.topic(), ". Create it, or check the name");
  }
  absl::StatusOr<delivery::StartSpec> start = request.start().has_revision()
                                                  ? FromRevision(request.start().revision(), spec)
                                                  : FromProto(request.start());
  if (!start.ok()) return start.status();
  spec.start = *std::move(start);
  return spec;
}

absl::StatusOr<delivery::StopSpec> StopFromProto(const v1::Stop& stop) {
  switch (stop.stop_case()) {
    case v1::Stop::STOP_NOT_SET:
    case v1::Stop::kEndAtOpen:
      return delivery::StopAtOpen{};
    case v1::Stop::kOffsets: {
      const auto& offsets = stop.offsets().offsets();
      return delivery::StopOffsets{.offsets = {offsets.begin(), offsets.end()}};
    }
    case v1::Stop::kTime: {
      absl::StatusOr<absl::Time> time = FromProto(stop.time(), "stop.time");
      if (!time.ok()) return time.status();
      return delivery::StopTime{*time};
    }
  }
  return InvalidField("stop", "is of an unknown kind");
}

}  // namespace

absl::StatusOr<delivery::ReadSpec> FromProto(const v1::ReadRequest& request,
                                             const RpcLimits& limits, const log::Catalog& catalog) {
  absl::StatusOr<delivery::ReadSpec> spec = CommonSpec(request, limits, catalog);
  if (!spec.ok()) return spec.status();
  absl::StatusOr<log::Direction> direction = DirectionFromProto(request.direction());
  if (!direction.ok()) return direction.status();
  spec->direction = *direction;
  if (*direction == log::Direction::kBackward && request.start().start_case() == 0) {
    spec->start = delivery::StartLatest{};
  }
  absl::StatusOr<delivery::StopSpec> stop = StopFromProto(request.stop());
  if (!stop.ok()) return stop.status();
  spec->stop = *std::move(stop);
  if (request.has_max_events()) {
    if (request.max_events() == 0) return InvalidField("max_events", "is 0: at least 1");
    spec->events_max = request.max_events();
  }
  return spec;
}

absl::StatusOr<delivery::ReadSpec> FromProto(const v1::SubscribeRequest& request,
                                             const RpcLimits& limits, const log::Catalog& catalog) {
  absl::StatusOr<delivery::ReadSpec> spec = CommonSpec(request, limits, catalog);
  if (spec.ok()) spec->stop = delivery::StopNever{};
  return spec;
}

}  // namespace tidemark::rpc
