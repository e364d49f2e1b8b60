#include "bench/load/connection.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/slice.h>

#include <chrono>

#include "absl/strings/str_cat.h"

namespace tidemark::bench {
namespace {

constexpr std::chrono::seconds kConnectPatience{2};
constexpr int kMessageBytesMax = 64 << 20;
// Frames of 16 kB, the default, cost a third of a large message's throughput.
constexpr int kFrameBytesMax = 2 << 20;

}  // namespace

std::shared_ptr<grpc::Channel> NewConnection(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetMaxSendMessageSize(kMessageBytesMax);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kFrameBytesMax);
  arguments.SetInt(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  // Connecting is not part of any latency; a server that cannot be reached fails the first call.
  channel->WaitForConnected(std::chrono::system_clock::now() + kConnectPatience);
  return channel;
}

absl::Status CheckReachable(const std::string& address) {
  if (NewConnection(address)->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_READY) {
    return absl::OkStatus();
  }
  return absl::UnavailableError(
      absl::StrCat("no gRPC server answers at ", address, " within ", kConnectPatience.count(),
                   " s: is it running, and is this the port of its gRPC API?"));
}

absl::Status FromGrpc(const grpc::Status& status, absl::string_view what) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      absl::StrCat(what, ": ", status.error_message()));
}

grpc::ByteBuffer ToByteBuffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace tidemark::bench
