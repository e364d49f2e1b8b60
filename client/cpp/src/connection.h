// Connection: the gRPC channel that everything made from one Client shares.
//
// Why one:  pings, reconnecting and the connection itself are paid for once. Channels of different
//           clients never share a connection (local subchannel pool), so one client's bulk transfer
//           does not hold up another's.
// Threads.  Constant after Open; the channel is safe from any thread.
#ifndef TIDEMARK_CLIENT_SRC_CONNECTION_H_
#define TIDEMARK_CLIENT_SRC_CONNECTION_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "tidemark/client.h"

namespace tidemark::internal {

class Connection {
 public:
  static absl::StatusOr<std::shared_ptr<Connection>> Open(ClientOptions options);

  const ClientOptions& options() const { return options_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // A context with the deadline of a call that has one answer. Such calls wait for a connection
  // that is being made.
  std::unique_ptr<grpc::ClientContext> NewContext() const;

  // The status of a call, with the server's address where the connection is what failed.
  absl::Status Annotate(const absl::Status& status) const;
  absl::Status Annotate(const grpc::Status& status) const;

 private:
  explicit Connection(ClientOptions options);
  absl::Status WaitUntilConnected() const;

  const ClientOptions options_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_CONNECTION_H_
