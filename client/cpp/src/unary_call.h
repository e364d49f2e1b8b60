// One unary call over a Connection.
#ifndef TIDEMARK_CLIENT_SRC_UNARY_CALL_H_
#define TIDEMARK_CLIENT_SRC_UNARY_CALL_H_

#include "absl/status/statusor.h"
#include "client/cpp/src/connection.h"
#include "tidemark/v1/consumer_groups.grpc.pb.h"
#include "tidemark/v1/topics.grpc.pb.h"

namespace tidemark::internal {

// The answer, or an error with the server's details.
template <typename Response, typename Stub, typename Request>
absl::StatusOr<Response> Call(const Connection& connection, Stub stub,
                              grpc::Status (Stub::element_type::*method)(grpc::ClientContext*,
                                                                         const Request&, Response*),
                              const Request& request) {
  Response response;
  const absl::Status status =
      connection.Annotate(((*stub).*method)(connection.NewContext().get(), request, &response));
  if (!status.ok()) return status;
  return response;
}

inline auto Topics(const Connection& connection) {
  return v1::Topics::NewStub(connection.channel());
}

inline auto Groups(const Connection& connection) {
  return v1::ConsumerGroups::NewStub(connection.channel());
}

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_UNARY_CALL_H_
