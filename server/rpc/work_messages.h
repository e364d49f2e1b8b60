// Messages about single events, to plain values and back.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/groups/live_work.h"
#include "server/rpc/limits.h"
#include "tidemark/v1/consumer_groups.pb.h"

namespace tidemark::rpc {

inline constexpr int kEventRefsMax = 100'000;
inline constexpr absl::Duration kLeaseMax = absl::Hours(12);

// Events that a message names.
struct NamedEvents {
  struct Partition {
    std::string topic;
    PartitionIndex partition;
    LogId log;  // 0: nothing that the group reads.
  };
  std::vector<groups::EventRef> events;
  std::vector<Partition> partitions;
  std::vector<uint32_t> partition_of;  // Of each event: its place in `partitions`.
};

// INVALID_ARGUMENT  none, too many, or a bad name; names the field.
absl::StatusOr<NamedEvents> FromProto(const v1::AckIds& ids, const RpcLimits& limits,
                                      const groups::LiveWork& work);
absl::StatusOr<NamedEvents> FromProto(const google::protobuf::RepeatedPtrField<v1::EventId>& ids,
                                      const RpcLimits& limits, const groups::LiveWork& work,
                                      absl::string_view field);
absl::StatusOr<groups::WorkQueue::NackOptions> NackOptionsFromProto(const v1::Nack& nack);
// INVALID_ARGUMENT  not more than 0, or above kLeaseMax.
absl::StatusOr<absl::Duration> LeaseFromProto(const google::protobuf::Duration& lease,
                                              absl::string_view field);

void FillRejected(const NamedEvents& named, const groups::EventsResult& result,
                  google::protobuf::RepeatedPtrField<v1::EventRejected>& out);
void FillWork(const groups::WorkFigures& figures, v1::WorkState& out);

}  // namespace tidemark::rpc
