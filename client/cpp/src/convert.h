// Plain values to and from the generated messages.
//
// Threads. Pure functions.
#ifndef TIDEMARK_CLIENT_SRC_CONVERT_H_
#define TIDEMARK_CLIENT_SRC_CONVERT_H_

#include "absl/time/time.h"
#include "tidemark/admin.h"
#include "tidemark/client.h"
#include "tidemark/reader.h"
#include "tidemark/stream.h"
#include "tidemark/v1/consumer_groups.pb.h"
#include "tidemark/v1/event.pb.h"
#include "tidemark/v1/event_store.pb.h"
#include "tidemark/v1/operations.pb.h"
#include "tidemark/v1/topics.pb.h"

namespace tidemark::internal {

absl::Time FromProto(const google::protobuf::Timestamp& time);
absl::Duration FromProto(const google::protobuf::Duration& duration);
TopicInfo FromProto(const v1::Topic& topic);
AppendResult FromProto(const v1::AppendResponse& response);
AppendResult FromProto(const v1::TransactResponse& response);
GroupConfig FromProto(const v1::GroupConfig& config);
GroupInfo FromProto(const v1::GetGroupResponse& group);
ServerInfo FromProto(const v1::GetServerInfoResponse& info);
Gap FromProto(const v1::Gap& gap);
TopicPartitionOffset FromProto(const v1::TopicPartitionOffset& offset);

void ToProto(absl::Time time, google::protobuf::Timestamp* proto);
void ToProto(absl::Duration duration, google::protobuf::Duration* proto);
void ToProto(const Event& event, v1::Event* proto);
void ToProto(const Filter& filter, v1::Filter* proto);
void ToProto(const RetryPolicy& retry, v1::RetryPolicy* proto);
void ToProto(const Start& start, v1::Start* proto);
void ToProto(const Stop& stop, v1::Stop* proto);
void ToProto(const Condition& condition, v1::Condition* proto);
void ToProto(const OffsetCommit& commit, v1::OffsetCommit* proto);
void ToProto(const TopicConfig& config, v1::TopicConfig* proto);

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_CONVERT_H_
