// Connections to a server under test, and the method names the raw calls use.
//
// The load paths speak raw gRPC: a generic stub, byte buffers and one completion queue a thread, so
// that the generator costs as little as gRPC allows and takes little of the machine it shares with
// the server.
#ifndef TIDEMARK_BENCH_LOAD_CONNECTION_H_
#define TIDEMARK_BENCH_LOAD_CONNECTION_H_

#include <grpcpp/channel.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace tidemark::bench {

inline constexpr char kAppendMethod[] = "/tidemark.v1.EventStore/Append";
inline constexpr char kAppendStreamMethod[] = "/tidemark.v1.EventStore/AppendStream";
inline constexpr char kReadMethod[] = "/tidemark.v1.EventStore/Read";
inline constexpr char kSubscribeMethod[] = "/tidemark.v1.EventStore/Subscribe";

// A TCP connection of its own (gRPC would share one between equal channels); waits until it is
// there.
std::shared_ptr<grpc::Channel> NewConnection(const std::string& address);

// UNAVAILABLE  nobody answers there within two seconds.
absl::Status CheckReachable(const std::string& address);

absl::Status FromGrpc(const grpc::Status& status, absl::string_view what);

// A request of one slice that holds `bytes`.
grpc::ByteBuffer ToByteBuffer(const std::string& bytes);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_CONNECTION_H_
