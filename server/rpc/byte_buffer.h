// gRPC's buffers and ours, without copies where it can be.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace google::protobuf {
class MessageLite;
}  // namespace google::protobuf

namespace tidemark::rpc {

// Bytes in one piece and what keeps them alive.
struct FlatBytes {
  std::shared_ptr<const void> owner;
  absl::string_view bytes;
};
// Refers to the buffer's memory if it is one slice, else copies it together. Empty owner: failed.
FlatBytes Flatten(const grpc::ByteBuffer& buffer);

// A slice that refers to `bytes` and lets go of `owner` when gRPC has sent it.
grpc::Slice ReferringSlice(absl::string_view bytes, std::shared_ptr<const void> owner);

grpc::ByteBuffer Serialize(const google::protobuf::MessageLite& message);

}  // namespace tidemark::rpc
