#include "server/rpc/byte_buffer.h"

#include "google/protobuf/message_lite.h"

namespace tidemark::rpc {

FlatBytes Flatten(const grpc::ByteBuffer& buffer) {
  // The buffer gives its memory back, after the slice: as in RequestBytes.
  struct Held {
    grpc::ByteBuffer buffer;
    grpc::Slice slice;
  };
  auto held = std::make_shared<Held>();
  held->buffer = buffer;
  if (buffer.Valid() && !held->buffer.TrySingleSlice(&held->slice).ok() &&
      !held->buffer.DumpToSingleSlice(&held->slice).ok()) {
    return {};
  }
  const absl::string_view bytes(reinterpret_cast<const char*>(held->slice.begin()),
                                held->slice.size());
  return {.owner = std::move(held), .bytes = bytes};
}

grpc::Slice ReferringSlice(absl::string_view bytes, std::shared_ptr<const void> owner) {
  auto* held = new std::shared_ptr<const void>(std::move(owner));
  // gRPC only reads what it sends; its signature lacks the const.
  return grpc::Slice(
      const_cast<char*>(bytes.data()), bytes.size(),
      [](void* user_data) { delete static_cast<std::shared_ptr<const void>*>(user_data); }, held);
}

grpc::ByteBuffer Serialize(const google::protobuf::MessageLite& message) {
  grpc::Slice slice(message.ByteSizeLong());
  message.SerializeWithCachedSizesToArray(const_cast<uint8_t*>(slice.begin()));
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace tidemark::rpc
