#include "bench/load/topic_admin.h"

#include <chrono>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/load/connection.h"
#include "tidemark/v1/topics.grpc.pb.h"

namespace tidemark::bench {
namespace {

constexpr std::chrono::seconds kCallPatience{20};

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + kCallPatience);
}

absl::StatusOr<v1::GetWatermarksResponse> GetWatermarks(const std::string& address,
                                                        const std::string& topic) {
  const auto stub = v1::Topics::NewStub(NewConnection(address));
  v1::GetWatermarksRequest request;
  request.set_topic(topic);
  v1::GetWatermarksResponse response;
  grpc::ClientContext context;
  SetDeadline(context);
  const grpc::Status status = stub->GetWatermarks(&context, request, &response);
  if (!status.ok()) return FromGrpc(status, absl::StrCat("cannot ask for the ends of ", topic));
  return response;
}

}  // namespace

absl::Status EnsureTopic(const std::string& address, const std::string& topic, uint32_t partitions,
                         bool index_keys, uint64_t max_bytes) {
  const auto stub = v1::Topics::NewStub(NewConnection(address));
  v1::CreateTopicRequest request;
  request.set_name(topic);
  request.mutable_config()->set_partitions(partitions);
  request.mutable_config()->set_index_keys(index_keys);
  if (max_bytes > 0) request.mutable_config()->mutable_retention()->set_max_bytes(max_bytes);
  v1::CreateTopicResponse response;
  grpc::ClientContext context;
  SetDeadline(context);
  const grpc::Status status = stub->CreateTopic(&context, request, &response);
  if (status.error_code() == grpc::StatusCode::ALREADY_EXISTS) return absl::OkStatus();
  return FromGrpc(status, absl::StrCat("cannot create topic ", topic));
}

absl::Status CreateTopics(const std::string& address, const std::string& prefix, uint32_t count) {
  const auto stub = v1::Topics::NewStub(NewConnection(address));
  for (uint32_t i = 0; i < count; ++i) {
    v1::CreateTopicRequest request;
    request.set_name(absl::StrCat(prefix, "-", i));
    v1::CreateTopicResponse response;
    grpc::ClientContext context;
    SetDeadline(context);
    const grpc::Status status = stub->CreateTopic(&context, request, &response);
    if (!status.ok()) return FromGrpc(status, absl::StrCat("cannot create ", request.name()));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> CountEvents(const std::string& address, const std::string& topic) {
  const auto ends = GetWatermarks(address, topic);
  if (!ends.ok()) return ends.status();
  uint64_t events = 0;
  for (const v1::Watermarks& partition : ends->partitions()) {
    events += partition.end_offset() - partition.start_offset();
  }
  return events;
}

absl::StatusOr<uint64_t> CountAppended(const std::string& address, const std::string& topic) {
  const auto ends = GetWatermarks(address, topic);
  if (!ends.ok()) return ends.status();
  uint64_t events = 0;
  for (const v1::Watermarks& partition : ends->partitions()) events += partition.end_offset();
  return events;
}

absl::Status EnsureTopics(const std::string& address, const std::vector<std::string>& topics,
                          uint32_t partitions) {
  for (const std::string& topic : topics) {
    absl::Status status = EnsureTopic(address, topic, partitions, /*index_keys=*/true);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> CountEvents(const std::string& address,
                                     const std::vector<std::string>& topics) {
  uint64_t events = 0;
  for (const std::string& topic : topics) {
    const absl::StatusOr<uint64_t> here = CountEvents(address, topic);
    if (!here.ok()) return here.status();
    events += *here;
  }
  return events;
}

std::vector<std::string> TopicNames(const std::string& topic, uint32_t count) {
  std::vector<std::string> names = {topic};
  for (uint32_t i = 1; i < count; ++i) names.push_back(absl::StrCat(topic, "-", i));
  return names;
}

std::string FreshTopicName(const std::string& workload) {
  return absl::StrCat("bench-", workload, "-", absl::ToUnixNanos(absl::Now()));
}

}  // namespace tidemark::bench
