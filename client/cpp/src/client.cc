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
    internal::ToProto(commit, request.add_offset_commits());
  }
  if (options.producer) {
    request.mutable_producer()->set_id(options.producer->id);
    request.mutable_producer()->set_sequence(options.producer->sequence);
  }
  return request;
}

v1::TransactRequest MakeRequest(const Transaction& transaction) {
  v1::TransactRequest request;
  for (const TopicEvents& append : transaction.appends) {
    v1::TopicAppend* proto = request.add_appends();
    proto->set_topic(append.topic);
    for (const Event& event : append.events) internal::ToProto(event, proto->add_events());
    if (append.partition) proto->set_partition(*append.partition);
  }
  for (const Condition& condition : transaction.conditions) {
    internal::ToProto(condition, request.add_conditions());
  }
  for (const OffsetCommit& commit : transaction.offset_commits) {
    internal::ToProto(commit, request.add_offset_commits());
  }
  if (transaction.producer) {
    request.mutable_producer()->set_id(transaction.producer->id);
    request.mutable_producer()->set_sequence(transaction.producer->sequence);
  }
  return request;
}

// Whether a request that is safe to repeat should be.
bool MayRepeat(const absl::Status& status) {
  return internal::IsBrokenConnection(status) || internal::IsOverload(status);
}

// With a producer's sequence it is repeated after a broken connection or a full queue, until
// call_timeout.
template <typename Response, typename Request>
absl::StatusOr<AppendResult> CallUntilAnswered(
    const internal::Connection& connection,
    grpc::Status (v1::EventStore::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
    const Request& request) {
  const auto stub = v1::EventStore::NewStub(connection.channel());
  const absl::Time deadline = absl::Now() + connection.options().call_timeout;
  internal::Backoff backoff(kRetryPauseMin, kRetryPauseMax);
  while (true) {
    grpc::ClientContext context;
    if (deadline < absl::InfiniteFuture()) context.set_deadline(absl::ToChronoTime(deadline));
    Response response;
    const absl::Status status =
        internal::FromGrpcStatus(((*stub).*method)(&context, request, &response));
    if (status.ok()) return internal::FromProto(response);
    const absl::Duration pause = std::max(backoff.Next(), internal::RetryDelayOf(status));
    if (!request.has_producer() || !MayRepeat(status) || absl::Now() + pause >= deadline) {
      return connection.Annotate(status);
    }
    absl::SleepFor(pause);
  }
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
  return CallUntilAnswered<v1::AppendResponse>(*connection_, &v1::EventStore::Stub::Append,
                                               MakeRequest(topic, events, append_options));
}

void Transaction::Append(absl::string_view topic, Event event) {
  for (TopicEvents& append : appends) {
    if (append.topic == topic && !append.partition) {
      append.events.push_back(std::move(event));
      return;
    }
  }
  appends.push_back({std::string(topic), {std::move(event)}});
}

absl::StatusOr<AppendResult> Client::Transact(const Transaction& transaction) const {
  return CallUntilAnswered<v1::TransactResponse>(*connection_, &v1::EventStore::Stub::Transact,
                                                 MakeRequest(transaction));
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
