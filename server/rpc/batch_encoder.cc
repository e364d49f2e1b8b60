#include "server/rpc/batch_encoder.h"

#include <vector>

#include "server/log/wire.h"
#include "server/rpc/byte_buffer.h"
#include "server/rpc/convert.h"
#include "tidemark/v1/consumer_groups.pb.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::rpc {
namespace {

// Every field of EventBatch but the events.
std::string EncodeBatchFields(const log::EventSlice& slice, const std::string& topic,
                              PartitionIndex partition) {
  v1::EventBatch batch;
  batch.set_topic(topic);
  batch.set_partition(partition.value());
  batch.set_base_offset(slice.base_offset.value());
  FillTime(slice.header.append_time(), *batch.mutable_append_time());
  batch.set_position(slice.header.position.value());
  for (const uint64_t delta : slice.offset_deltas) batch.add_offset_deltas(delta);
  if (slice.descending) batch.set_descending(true);
  if (slice.events_crc32c.has_value()) batch.set_events_crc32c(*slice.events_crc32c);
  return batch.SerializeAsString();
}

grpc::ByteBuffer WithEvents(std::string head, const log::EventSlice& slice) {
  std::vector<grpc::Slice> slices;
  slices.reserve(1 + slice.pieces.size());
  slices.emplace_back(head);
  const auto owners =
      slice.owners.size() == 1
          ? slice.owners.front()
          : std::make_shared<const std::vector<std::shared_ptr<const void>>>(slice.owners);
  for (const absl::string_view piece : slice.pieces) {
    slices.push_back(ReferringSlice(piece, owners));
  }
  return grpc::ByteBuffer(slices.data(), slices.size());
}

}  // namespace

grpc::ByteBuffer EncodeReadBatch(const log::EventSlice& slice, const std::string& topic,
                                 PartitionIndex partition) {
  const std::string fields = EncodeBatchFields(slice, topic, partition);
  std::string head;
  log::AppendBytesHeader(head, v1::ReadResponse::kBatchFieldNumber, fields.size() + slice.bytes);
  head += fields;
  return WithEvents(std::move(head), slice);
}

grpc::ByteBuffer EncodeDelivery(const log::EventSlice& slice, const std::string& topic,
                                PartitionIndex partition, const std::vector<uint32_t>& attempts) {
  const std::string fields = EncodeBatchFields(slice, topic, partition);
  std::string batch;  // The fields of Delivery; the batch comes last, because its events do.
  if (!attempts.empty()) {
    v1::Delivery tried;
    tried.mutable_attempts()->Add(attempts.begin(), attempts.end());
    batch = tried.SerializeAsString();
  }
  log::AppendBytesHeader(batch, v1::Delivery::kBatchFieldNumber, fields.size() + slice.bytes);
  batch += fields;
  std::string head;
  log::AppendBytesHeader(head, v1::ConsumeResponse::kDeliveryFieldNumber,
                         batch.size() + slice.bytes);
  head += batch;
  return WithEvents(std::move(head), slice);
}

}  // namespace tidemark::rpc
