// Consume's messages to plain values and back.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "server/groups/group_coordinator.h"
#include "server/rpc/limits.h"
#include "tidemark/v1/consumer_groups.pb.h"

namespace tidemark::rpc {

inline constexpr uint64_t kDefaultCreditEvents = 10'000;
inline constexpr uint64_t kDefaultCreditBytes = 8ull << 20;

// INVALID_ARGUMENT  names the field.
absl::StatusOr<groups::JoinRequest> FromProto(const v1::Join& join, const RpcLimits& limits,
                                              const std::string& peer);
// INVALID_ARGUMENT  empty or with a bad name.
absl::StatusOr<std::vector<groups::TopicPartitionOffset>> FromProto(const v1::Ack& ack,
                                                                    const RpcLimits& limits);
absl::StatusOr<std::vector<groups::TopicPartition>> FromProto(const v1::Release& release,
                                                              const RpcLimits& limits);

void FillOffset(const groups::TopicPartitionOffset& offset, v1::TopicPartitionOffset& out);
v1::ConsumeResponse JoinedMessage(const groups::JoinResult& joined);
v1::ConsumeResponse AssignedMessage(const std::vector<groups::AssignedPartition>& partitions);
v1::ConsumeResponse AckConfirmedMessage(const groups::AckResult& result);

}  // namespace tidemark::rpc
