#include "tidemark/stubs.h"

#include "client/cpp/src/connection.h"
#include "client/cpp/src/status_codec.h"

namespace tidemark {

std::shared_ptr<grpc::Channel> ChannelOf(const Client& client) {
  return client.connection()->channel();
}

std::unique_ptr<v1::EventStore::Stub> EventStoreStub(const Client& client) {
  return v1::EventStore::NewStub(ChannelOf(client));
}

std::unique_ptr<v1::Topics::Stub> TopicsStub(const Client& client) {
  return v1::Topics::NewStub(ChannelOf(client));
}

std::unique_ptr<v1::ConsumerGroups::Stub> ConsumerGroupsStub(const Client& client) {
  return v1::ConsumerGroups::NewStub(ChannelOf(client));
}

std::unique_ptr<v1::Operations::Stub> OperationsStub(const Client& client) {
  return v1::Operations::NewStub(ChannelOf(client));
}

absl::Status ToStatus(const grpc::Status& status) { return internal::FromGrpcStatus(status); }

// v1::Error has the fields and numbers of google.rpc.Status, so its bytes are one.
absl::Status ToStatus(const v1::Error& error) {
  return internal::MakeStatus(error.code(), error.message(), error.SerializeAsString());
}

}  // namespace tidemark
