#include "server/rpc/append_encoder.h"

#include <google/protobuf/arena.h>

#include "server/rpc/byte_buffer.h"
#include "server/rpc/convert.h"
#include "server/rpc/status_mapping.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::rpc {

void FillAppendResponse(const log::AppendResult& result, const std::string& topic,
                        v1::AppendResponse& response) {
  for (const storage::ProducerRecord::Range& range : result.ranges) {
    v1::OffsetRange& out = *response.add_ranges();
    out.set_topic(topic);
    out.set_partition(range.partition.value());
    out.set_first_offset(range.first.value());
    out.set_count(range.count);
  }
  response.set_position(result.position.value());
  FillTime(result.append_time, *response.mutable_append_time());
  response.set_duplicate(result.duplicate);
  response.set_durability(ToProto(result.durability));
}

grpc::ByteBuffer EncodeAppendResponse(const log::AppendResult& result, const std::string& topic) {
  google::protobuf::Arena arena;
  auto* response = google::protobuf::Arena::CreateMessage<v1::AppendResponse>(&arena);
  FillAppendResponse(result, topic, *response);
  return Serialize(*response);
}

grpc::ByteBuffer EncodeAppendOutcome(const absl::StatusOr<log::AppendResult>& result,
                                     const std::string& topic) {
  google::protobuf::Arena arena;
  auto* response = google::protobuf::Arena::CreateMessage<v1::AppendStreamResponse>(&arena);
  if (result.ok()) {
    FillAppendResponse(*result, topic, *response->mutable_appended());
  } else {
    FillError(result.status(), *response->mutable_error());
  }
  return Serialize(*response);
}

}  // namespace tidemark::rpc
