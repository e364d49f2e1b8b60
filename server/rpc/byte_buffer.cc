#include "server/rpc/byte_buffer.h"

#include "google/protobuf/message_lite.h"

namespace tidemark::rpc {

FlatBytes Flatten(const grpc::ByteBuffer& buffer) {
  auto slice = std::make_shared<grpc::Slice>();
  if (buffer.Valid() && !buffer.TrySingleSlice(slice.get()).ok() &&
      !buffer.DumpToSingleSlice(slice.get()).ok()) {
    return {};
  }
  const absl::string_view bytes(reinterpret_cast<const char*>(slice->begin()), slice->size());
  return {.owner = std::move(slice), .bytes = bytes};
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
