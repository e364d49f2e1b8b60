#include "server/rpc/batch_encoder.h"

#include <cstring>
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

// Pieces that are smaller than this on average are copied: that costs less than to refer to them.
constexpr size_t kReferredBytesMin = 1024;

grpc::Slice Copied(const std::string& head, const log::EventSlice& slice) {
  grpc::Slice copy(head.size() + slice.bytes);
  auto* to = const_cast<uint8_t*>(copy.begin());  // Nobody else has it yet.
  const auto append = [&to](absl::string_view piece) {
    std::memcpy(to, piece.data(), piece.size());
    to += piece.size();
  };
  append(head);
  for (const absl::string_view piece : slice.pieces) append(piece);
  return copy;
}

void AppendWithEvents(std::vector<grpc::Slice>& out, const std::string& head,
                      const log::EventSlice& slice) {
  if (slice.pieces.size() > 1 && slice.bytes / slice.pieces.size() < kReferredBytesMin) {
    out.push_back(Copied(head, slice));
    return;
  }
  out.emplace_back(head);
  const auto owners =
      slice.owners.size() == 1
          ? slice.owners.front()
          : std::make_shared<const std::vector<std::shared_ptr<const void>>>(slice.owners);
  for (const absl::string_view piece : slice.pieces) out.push_back(ReferringSlice(piece, owners));
}

}  // namespace

grpc::ByteBuffer EncodeReadBatch(const log::EventSlice& slice, const std::string& topic,
                                 PartitionIndex partition) {
  const std::string fields = EncodeBatchFields(slice, topic, partition);
  std::string head;
  log::AppendBytesHeader(head, v1::ReadResponse::kBatchFieldNumber, fields.size() + slice.bytes);
  head += fields;
  std::vector<grpc::Slice> slices;
  AppendWithEvents(slices, head, slice);
  return grpc::ByteBuffer(slices.data(), slices.size());
}

void DeliveryMessage::Add(const log::EventSlice& slice, const std::string& topic,
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
  log::AppendBytesHeader(head,
                         deliveries_ == 0 ? v1::ConsumeResponse::kDeliveryFieldNumber
                                          : v1::ConsumeResponse::kMoreDeliveriesFieldNumber,
                         batch.size() + slice.bytes);
  head += batch;
  AppendWithEvents(slices_, head, slice);
  ++deliveries_;
  events_ += slice.count;
  bytes_ += slice.bytes;
}

grpc::ByteBuffer DeliveryMessage::Take() {
  return grpc::ByteBuffer(slices_.data(), slices_.size());
}

}  // namespace tidemark::rpc
