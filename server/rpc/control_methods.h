// The methods of the control plane: everything but the data plane (data_plane.h) and health.
//
// They are no methods to gRPC: they come in through its generic service, as bytes, so that one kind
// of call (control_call.h) serves all of them, and a method that there is not.
#pragma once

#include <grpcpp/impl/service_type.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/method_handler.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/error.h"
#include "server/rpc/byte_buffer.h"
#include "server/rpc/control_plane.h"

namespace tidemark::rpc {

class EventStoreService;
class GroupsService;
class OperationsService;
class TopicsService;

// The client's end, for methods that take long. Both may be called on the call's thread only.
struct ClientEnd {
  absl::FunctionRef<bool()> gone;
  // Waits until it is sent. False: the client is gone.
  absl::FunctionRef<bool(const grpc::ByteBuffer&)> write;
};

struct ControlMethod {
  using Answer = absl::StatusOr<std::optional<grpc::ByteBuffer>>;  // Nothing: all is written.
  std::string name;                                                // "Topics/ListTopics"
  Lane lane;
  std::function<Answer(absl::string_view request, const ClientEnd& client)> handle;
};

// Lifetime. The services outlive it.
class ControlMethods {
 public:
  ControlMethods(EventStoreService& events, GroupsService& groups, TopicsService& topics,
                 OperationsService& operations);

  // By the path of a call, "/tidemark.v1.Topics/ListTopics"; null: there is none.
  const ControlMethod* Find(absl::string_view path) const;
  // Which methods of "tidemark.v1.Topics" are here, in the order of its definition from 0.
  std::vector<int> IndexesIn(absl::string_view service) const;
  // How many it has, of any kind.
  static size_t MethodsOf(absl::string_view service);

 private:
  void AddTopics(TopicsService& topics);
  void AddGroups(GroupsService& groups);
  void AddOperations(OperationsService& operations);

  template <typename Request, typename Body>
  void AddParsed(absl::string_view name, Lane lane, Body body) {
    ControlMethod method{
        std::string(name), lane,
        [body](absl::string_view bytes, const ClientEnd& client) -> ControlMethod::Answer {
          Request request;
          if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
            return InvalidField("request", "is malformed", "MALFORMED");
          }
          return body(request, client);
        }};
    methods_.emplace(absl::StrCat("/tidemark.v1.", name), std::move(method));
  }
  template <typename Service, typename Request, typename Response>
  void Add(absl::string_view name, Lane lane, Service& service,
           absl::Status (Service::*handle)(const Request&, Response&)) {
    AddParsed<Request>(
        name, lane,
        [&service, handle](const Request& request, const ClientEnd&) -> ControlMethod::Answer {
          Response response;
          absl::Status status = (service.*handle)(request, response);
          if (!status.ok()) return status;
          return Serialize(response);
        });
  }
  // For those that stop when nobody waits for them any more.
  template <typename Service, typename Request, typename Response>
  void Add(absl::string_view name, Lane lane, Service& service,
           absl::Status (Service::*handle)(absl::FunctionRef<bool()>, const Request&, Response&)) {
    AddParsed<Request>(name, lane,
                       [&service, handle](const Request& request,
                                          const ClientEnd& client) -> ControlMethod::Answer {
                         Response response;
                         absl::Status status = (service.*handle)(client.gone, request, response);
                         if (!status.ok()) return status;
                         return Serialize(response);
                       });
  }
  // With a stream of answers.
  template <typename Service, typename Request, typename Response>
  void Add(absl::string_view name, Lane lane, Service& service,
           absl::Status (Service::*handle)(const Request&,
                                           absl::FunctionRef<bool(const Response&)>)) {
    AddParsed<Request>(
        name, lane,
        [&service, handle](const Request& request,
                           const ClientEnd& client) -> ControlMethod::Answer {
          absl::Status status = (service.*handle)(
              request, [&](const Response& response) { return client.write(Serialize(response)); });
          if (!status.ok()) return status;
          return std::nullopt;
        });
  }

  absl::flat_hash_map<std::string, ControlMethod> methods_;
};

// A generated service whose methods of the control plane are left to the generic service. It is
// registered for its other methods, and for reflection: gRPC lists only services that have a method
// of their own, so one that would have none gets one that has no name.
template <typename Base>
class ServedService final : public Base {
 public:
  // `name` is the service's: "tidemark.v1.Topics".
  ServedService(const ControlMethods& control, absl::string_view name)
      : nameless_(absl::StrCat("/", name, "/")) {
    const std::vector<int> generic = control.IndexesIn(name);
    for (const int index : generic) this->MarkMethodGeneric(index);
    if (generic.size() < control.MethodsOf(name)) return;
    this->AddMethod(new grpc::internal::RpcServiceMethod(  // The service takes it over.
        nameless_.c_str(), grpc::internal::RpcMethod::NORMAL_RPC,
        new grpc::internal::ErrorMethodHandler<grpc::StatusCode::UNIMPLEMENTED>(
            "the call names no method")));
  }

 private:
  const std::string nameless_;
};

}  // namespace tidemark::rpc
