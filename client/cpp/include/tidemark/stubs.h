// The generated gRPC stubs on a Client's connection, for what this library has no call for.
//
// The only public header that needs gRPC's and the generated ones. ToStatus gives a stub's error
// the form that the rest of the library answers with.
//
//   auto topics = tidemark::TopicsStub(client);
//   grpc::ClientContext context;
//   tidemark::v1::GetKeyResponse response;
//   absl::Status status = tidemark::ToStatus(topics->GetKey(&context, request, &response));
#ifndef TIDEMARK_STUBS_H_
#define TIDEMARK_STUBS_H_

#include <memory>

#include "absl/status/status.h"
#include "grpcpp/channel.h"
#include "grpcpp/support/status.h"
#include "tidemark/client.h"
#include "tidemark/v1/consumer_groups.grpc.pb.h"
#include "tidemark/v1/event_store.grpc.pb.h"
#include "tidemark/v1/operations.grpc.pb.h"
#include "tidemark/v1/topics.grpc.pb.h"

namespace tidemark {

std::shared_ptr<grpc::Channel> ChannelOf(const Client& client);
std::unique_ptr<v1::EventStore::Stub> EventStoreStub(const Client& client);
std::unique_ptr<v1::Topics::Stub> TopicsStub(const Client& client);
std::unique_ptr<v1::ConsumerGroups::Stub> ConsumerGroupsStub(const Client& client);
std::unique_ptr<v1::Operations::Stub> OperationsStub(const Client& client);

// The same code and message, details as DetailsOf reads them.
absl::Status ToStatus(const grpc::Status& status);

// The error of one request of an AppendStream.
absl::Status ToStatus(const v1::Error& error);

}  // namespace tidemark

#endif  // TIDEMARK_STUBS_H_
