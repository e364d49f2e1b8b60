#include "server/rpc/append_encoder.h"

#include <google/protobuf/arena.h>

#include "server/rpc/byte_buffer.h"
#include "server/rpc/convert.h"
#include "server/rpc/status_mapping.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::rpc {

namespace {

// A topic that was deleted has no name any more.
std::string NameOf(const log::Catalog& catalog, TopicId id) {
  const log::TopicPtr topic = catalog.FindById(id);
  return topic == nullptr ? "" : topic->name();
}

}  // namespace

template <typename Response>
void FillAppendResponse(const log::AppendResult& result, const std::string& topic,
                        const log::Catalog& catalog, Response& response) {
  for (const storage::ProducerRecord::Range& range : result.ranges) {
    v1::OffsetRange& out = *response.add_ranges();
    out.set_topic(range.topic == TopicId() ? topic : NameOf(catalog, range.topic));
    out.set_partition(range.partition.value());
    out.set_first_offset(range.first.value());
    out.set_count(range.count);
  }
  for (const log::KeyRevision& revision : result.revisions) {
    v1::KeyRevisionResult& out = *response.add_key_revisions();
    out.set_topic(NameOf(catalog, revision.topic));
    out.set_key(revision.key);
    if (revision.revision.has_value()) out.set_revision(*revision.revision);
  }
  response.set_position(result.position.value());
  FillTime(result.append_time, *response.mutable_append_time());
  response.set_duplicate(result.duplicate);
  response.set_durability(ToProto(result.durability));
}

template void FillAppendResponse(const log::AppendResult&, const std::string&, const log::Catalog&,
                                 v1::AppendResponse&);

grpc::ByteBuffer EncodeAppendResponse(const log::AppendResult& result, const std::string& topic,
                                      const log::Catalog& catalog) {
  google::protobuf::Arena arena;
  auto* response = google::protobuf::Arena::CreateMessage<v1::AppendResponse>(&arena);
  FillAppendResponse(result, topic, catalog, *response);
  return Serialize(*response);
}

grpc::ByteBuffer EncodeTransactResponse(const log::AppendResult& result,
                                        const log::Catalog& catalog) {
  google::protobuf::Arena arena;
  auto* response = google::protobuf::Arena::CreateMessage<v1::TransactResponse>(&arena);
  FillAppendResponse(result, "", catalog, *response);
  return Serialize(*response);
}

grpc::ByteBuffer EncodeAppendOutcome(const absl::StatusOr<log::AppendResult>& result,
                                     const std::string& topic, const log::Catalog& catalog) {
  google::protobuf::Arena arena;
  auto* response = google::protobuf::Arena::CreateMessage<v1::AppendStreamResponse>(&arena);
  if (result.ok()) {
    FillAppendResponse(*result, topic, catalog, *response->mutable_appended());
  } else {
    FillError(result.status(), *response->mutable_error());
  }
  return Serialize(*response);
}

}  // namespace tidemark::rpc
