// The contract's messages to plain values and back. Checks shape; limits that need no state.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "server/delivery/start_resolver.h"
#include "server/log/gap_reason.h"
#include "server/log/topic.h"
#include "server/rpc/limits.h"
#include "server/storage/records.h"
#include "tidemark/v1/event.pb.h"
#include "tidemark/v1/event_store.pb.h"
#include "tidemark/v1/topics.pb.h"

namespace tidemark::rpc {

void FillTime(absl::Time time, google::protobuf::Timestamp& out);
void FillDuration(absl::Duration duration, google::protobuf::Duration& out);
// INVALID_ARGUMENT  not a time between the years 1 and 9999.
absl::StatusOr<absl::Time> FromProto(const google::protobuf::Timestamp& time,
                                     absl::string_view field);
// INVALID_ARGUMENT  not more than 0.
absl::StatusOr<absl::Duration> PositiveFromProto(const google::protobuf::Duration& duration,
                                                 absl::string_view field);

v1::Durability ToProto(storage::Durability durability);
v1::GapReason ToProto(log::GapReason reason);

// INVALID_ARGUMENT  a field is wrong; UNIMPLEMENTED  asks for a feature this server lacks. Errors
// name the field below `prefix`.
absl::StatusOr<storage::TopicConfig> FromProto(const v1::TopicConfig& config,
                                               const RpcLimits& limits, absl::string_view prefix);
void FillTopic(const log::Topic& topic, v1::Topic& out);

// Errors name the field below `field`.
absl::StatusOr<storage::FilterSpec> FromProto(const v1::Filter& filter, const RpcLimits& limits,
                                              absl::string_view field);
void FillFilter(const storage::FilterSpec& filter, v1::Filter& out);
absl::StatusOr<delivery::StartSpec> FromProto(const v1::Start& start);

}  // namespace tidemark::rpc
