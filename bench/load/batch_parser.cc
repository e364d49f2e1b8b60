#include "bench/load/batch_parser.h"

#include <grpcpp/support/proto_buffer_reader.h>

#include "absl/strings/str_cat.h"

namespace tidemark::bench {
namespace {

constexpr size_t kFirstBlockBytes = 4 << 20;  // Holds a decoded batch of 1 MiB.

google::protobuf::ArenaOptions OptionsWith(std::vector<char>& block) {
  google::protobuf::ArenaOptions options;
  options.initial_block = block.data();
  options.initial_block_size = block.size();
  return options;
}

}  // namespace

BatchParser::BatchParser(bool check_offsets)
    : check_offsets_(check_offsets),
      first_block_(kFirstBlockBytes),
      arena_(OptionsWith(first_block_)) {}

uint64_t BatchParser::Parse(grpc::ByteBuffer& message,
                            absl::FunctionRef<void(const v1::Event&)> on_event) {
  if (!status_.ok()) return 0;
  arena_.Reset();
  auto& response = *google::protobuf::Arena::CreateMessage<v1::ReadResponse>(&arena_);
  grpc::ProtoBufferReader reader(&message);
  if (!response.ParseFromZeroCopyStream(&reader)) {
    status_ = absl::InternalError("a message is not a ReadResponse");
    return 0;
  }
  caught_up_ |= response.has_caught_up();
  if (!response.has_batch()) return 0;
  if (check_offsets_) CheckOffsets(response.batch());
  for (const v1::Event& event : response.batch().events()) on_event(event);
  return static_cast<uint64_t>(response.batch().events_size());
}

void BatchParser::CheckOffsets(const v1::EventBatch& batch) {
  const uint64_t count = static_cast<uint64_t>(batch.events_size());
  const auto [it, is_new] = next_offset_.try_emplace(batch.partition(), batch.base_offset());
  if (batch.offset_deltas_size() != 0 || it->second != batch.base_offset()) {
    status_ =
        absl::InternalError(absl::StrCat("partition ", batch.partition(), ": expected offset ",
                                         it->second, ", got ", batch.base_offset()));
  }
  it->second = batch.base_offset() + count;
}

}  // namespace tidemark::bench
