#include "client/cpp/src/connection.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/status_codec.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "tidemark/v1/operations.grpc.pb.h"

namespace tidemark::internal {
namespace {

constexpr absl::Duration kKeepaliveMin = absl::Seconds(10);  // What servers permit (DESIGN, 3).
constexpr int kKeepaliveTimeoutMs = 10'000;
// gRPC's own pauses between connection attempts; its default of up to two minutes would make a
// restarted server look dead. Our loops add their own, longer ones.
constexpr int kReconnectBackoffMinMs = 50;
constexpr int kReconnectBackoffMaxMs = 1'000;
constexpr int kConnectTimeoutMs = 5'000;
constexpr absl::Duration kRetryPause = absl::Milliseconds(100);

absl::Status Validate(const ClientOptions& options) {
  if (options.server.empty()) {
    return absl::InvalidArgumentError("ClientOptions::server is empty; give HOST:PORT");
  }
  if (options.keepalive_interval < kKeepaliveMin) {
    return absl::InvalidArgumentError(absl::StrCat(
        "ClientOptions::keepalive_interval is ", absl::FormatDuration(options.keepalive_interval),
        "; servers close connections that are pinged more often than every 10s"));
  }
  if (options.call_timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("ClientOptions::call_timeout must be more than zero");
  }
  if (options.message_bytes_max > INT32_MAX) {
    return absl::InvalidArgumentError("ClientOptions::message_bytes_max must be below 2 GiB");
  }
  return absl::OkStatus();
}

std::string DefaultClientName() {
  char host[128] = "";
  gethostname(host, sizeof(host) - 1);
  return absl::StrCat(host, "/", getpid());
}

grpc::ChannelArguments ChannelArgs(const ClientOptions& options) {
  grpc::ChannelArguments args;
  const absl::Duration keepalive = std::min(options.keepalive_interval, absl::Hours(24));
  args.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(absl::ToInt64Milliseconds(keepalive)));
  args.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  args.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  args.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectBackoffMinMs);
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectBackoffMaxMs);
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  args.SetMaxReceiveMessageSize(static_cast<int>(options.message_bytes_max));
  args.SetMaxSendMessageSize(-1);  // The server's request_bytes_max decides.
  args.SetUserAgentPrefix("tidemark-cpp");
  return args;
}

// gRPC wraps the reason in words about itself; what comes after them is for people.
absl::Status Unwrapped(const absl::Status& status) {
  constexpr absl::string_view kWords = "Failed to connect to remote host: ";
  const size_t at = status.message().find(kWords);
  if (at == absl::string_view::npos) return status;
  return absl::Status(status.code(), status.message().substr(at + kWords.size()));
}

}  // namespace

Connection::Connection(ClientOptions options)
    : options_(std::move(options)),
      channel_(grpc::CreateCustomChannel(options_.server, grpc::InsecureChannelCredentials(),
                                         ChannelArgs(options_))) {}

absl::StatusOr<std::shared_ptr<Connection>> Connection::Open(ClientOptions options) {
  if (absl::Status status = Validate(options); !status.ok()) return status;
  if (options.client_name.empty()) options.client_name = DefaultClientName();
  std::shared_ptr<Connection> connection(new Connection(std::move(options)));
  if (connection->options().connect_timeout > absl::ZeroDuration()) {
    if (absl::Status status = connection->WaitUntilConnected(); !status.ok()) return status;
  }
  return connection;
}

// Asks the server who it is, not the channel for its state: only a call tells why it fails.
absl::Status Connection::WaitUntilConnected() const {
  const absl::Time deadline = absl::Now() + options_.connect_timeout;
  const auto stub = v1::Operations::NewStub(channel_);
  absl::Status last;
  do {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(deadline));
    v1::GetServerInfoResponse response;
    const grpc::Status status = stub->GetServerInfo(&context, {}, &response);
    if (status.ok()) return absl::OkStatus();
    // A deadline says less than the failure before it.
    if (last.ok() || status.error_code() != grpc::StatusCode::DEADLINE_EXCEEDED) {
      last = FromGrpcStatus(status);
    }
    if (!IsBrokenConnection(last)) return Annotate(last);
    channel_->WaitForStateChange(channel_->GetState(true),
                                 absl::ToChronoTime(std::min(deadline, absl::Now() + kRetryPause)));
  } while (absl::Now() < deadline);
  if (last.code() == absl::StatusCode::kDeadlineExceeded) {
    last = absl::UnavailableError(
        absl::StrCat("no answer within ", absl::FormatDuration(options_.connect_timeout)));
  }
  return Annotate(last);
}

std::unique_ptr<grpc::ClientContext> Connection::NewContext() const {
  auto context = std::make_unique<grpc::ClientContext>();
  if (options_.call_timeout < absl::InfiniteDuration()) {
    context->set_deadline(absl::ToChronoTime(absl::Now() + options_.call_timeout));
  }
  return context;
}

absl::Status Connection::Annotate(const absl::Status& status) const {
  if (status.ok() || status.GetPayload(kDetailsUrl).has_value() || !IsBrokenConnection(status)) {
    return status;
  }
  if (status.code() == absl::StatusCode::kUnavailable) {
    return WithPrefix(Unwrapped(status), absl::StrCat("no connection to ", options_.server,
                                                      " (is tidemarkd running there?): "));
  }
  return WithPrefix(status, absl::StrCat("the call to ", options_.server, " failed: "));
}

absl::Status Connection::Annotate(const grpc::Status& status) const {
  return Annotate(FromGrpcStatus(status));
}

}  // namespace tidemark::internal
