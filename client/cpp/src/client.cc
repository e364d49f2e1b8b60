#include "tidemark/client.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "client/cpp/src/backoff.h"
#include "client/cpp/src/connection.h"
#include "client/cpp/src/convert.h"
#include "client/cpp/src/status_codec.h"
#include "tidemark/v1/event_store.grpc.pb.h"
#include "tidemark/v1/operations.grpc.pb.h"

namespace tidemark {
namespace {

constexpr absl::Duration kRetryPauseMin = absl::Milliseconds(50);
constexpr absl::Duration kRetryPauseMax = absl::Seconds(2);

v1::AppendRequest MakeRequest(absl::string_view topic, const std::vector<Event>& events,
                              const AppendOptions& options) {
  v1::AppendRequest request;
  request.set_topic(std::string(topic));
  for (const Event& event : events) internal::ToProto(event, request.add_events());
  if (options.partition) request.set_partition(*options.partition);
  for (const Condition& condition : options.conditions) {
    internal::ToProto(condition, request.add_conditions());
  }
  for (const OffsetCommit& commit : options.offset_commits) {
    v1::OffsetCommit* proto = request.add_offset_commits();
    proto->set_group(commit.group);
    proto->set_topic(commit.topic);
    proto->set_partition(commit.partition);
    proto->set_offset(commit.offset);
  }
  if (options.producer) {
    request.mutable_producer()->set_id(options.producer->id);
    request.mutable_producer()->set_sequence(options.producer->sequence);
  }
  return request;
}

// Whether a request that is safe to repeat should be.
bool MayRepeat(const absl::Status& status) {
  return internal::IsBrokenConnection(status) || internal::IsOverload(status);
}

}  // namespace

Client::Client(std::shared_ptr<internal::Connection> connection)
    : connection_(std::move(connection)) {}

absl::StatusOr<Client> Client::Connect(ClientOptions options) {
  absl::StatusOr<std::shared_ptr<internal::Connection>> connection =
      internal::Connection::Open(std::move(options));
  if (!connection.ok()) return connection.status();
  return Client(*std::move(connection));
}

absl::StatusOr<Client> Client::Connect(absl::string_view server) {
  return Connect({.server = std::string(server)});
}

const ClientOptions& Client::options() const { return connection_->options(); }

absl::StatusOr<AppendResult> Client::Append(absl::string_view topic,
                                            const std::vector<Event>& events,
                                            const AppendOptions& append_options) const {
  const v1::AppendRequest request = MakeRequest(topic, events, append_options);
  const auto stub = v1::EventStore::NewStub(connection_->channel());
  const absl::Time deadline = absl::Now() + options().call_timeout;
  internal::Backoff backoff(kRetryPauseMin, kRetryPauseMax);
  while (true) {
    grpc::ClientContext context;
    if (deadline < absl::InfiniteFuture()) context.set_deadline(absl::ToChronoTime(deadline));
    v1::AppendResponse response;
    const absl::Status status =
        internal::FromGrpcStatus(stub->Append(&context, request, &response));
    if (status.ok()) return internal::FromProto(response);
    const absl::Duration pause = std::max(backoff.Next(), internal::RetryDelayOf(status));
    if (!append_options.producer || !MayRepeat(status) || absl::Now() + pause >= deadline) {
      return connection_->Annotate(status);
    }
    absl::SleepFor(pause);
  }
}

absl::StatusOr<uint64_t> Client::GetProducerSequence(absl::string_view id) const {
  v1::GetProducerRequest request;
  request.set_id(std::string(id));
  v1::GetProducerResponse response;
  const absl::Status status =
      connection_->Annotate(v1::EventStore::NewStub(connection_->channel())
                                ->GetProducer(connection_->NewContext().get(), request, &response));
  if (!status.ok()) return status;
  return response.last_sequence();
}

absl::StatusOr<ServerInfo> Client::GetServerInfo() const {
  v1::GetServerInfoResponse response;
  const absl::Status status =
      connection_->Annotate(v1::Operations::NewStub(connection_->channel())
                                ->GetServerInfo(connection_->NewContext().get(), {}, &response));
  if (!status.ok()) return status;
  return internal::FromProto(response);
}

}  // namespace tidemark
