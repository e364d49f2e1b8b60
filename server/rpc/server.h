// RpcServer: the gRPC port.
//
// How.      All calls come in on completion queues with a thread each. The data plane runs there;
//           everything else may wait for the disk, and runs on the threads of a ControlPlane.
// Threads.  Shutdown from one thread, once.
// Lifetime. Serves from Start to Shutdown. Log and groups outlive Shutdown; they must still answer
//           while it waits for calls.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/executor.h"
#include "server/config/load_settings.h"
#include "server/groups/group_coordinator.h"
#include "server/rpc/answer_queue.h"
#include "server/rpc/control_call.h"
#include "server/rpc/event_store_service.h"
#include "server/rpc/groups_service.h"
#include "server/rpc/operations_service.h"
#include "server/rpc/rpc_context.h"
#include "server/rpc/topics_service.h"

namespace tidemark::rpc {

struct RpcServerOptions {
  std::string address;  // "127.0.0.1:7400"; port 0: the system chooses.
  int queues = 2;
  absl::Time start_time;
  // A connection is pinged after so long, and closed when the answer takes longer than the timeout.
  absl::Duration keepalive_interval = absl::Seconds(30);
  absl::Duration keepalive_timeout = absl::Seconds(20);
  uint64_t connections_max = 10'000;
  uint64_t connection_streams_max = 2000;
  void (*warn)(const std::string& line) = nullptr;  // Of connections that were refused or closed.
  std::vector<config::SettingValue> settings;       // For GetConfig.
};

class RpcServer {
 public:
  // UNAVAILABLE  the address cannot be listened on.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(const RpcServerOptions& options,
                                                          RpcContext context,
                                                          groups::GroupCoordinator& groups,
                                                          const OperationsParts& operations);
  ~RpcServer();

  int port() const { return port_; }

  // Health says NOT_SERVING, streams get Draining and end, calls under way are answered; what is
  // left at `deadline` is cancelled. Returns when no call is left.
  void Shutdown(absl::Duration timeout);

 private:
  RpcServer(const RpcServerOptions& options, RpcContext context, groups::GroupCoordinator& groups,
            const OperationsParts& operations);
  void AcceptCalls();
  static void RunQueue(grpc::ServerCompletionQueue& queue);

  const RpcContext context_;
  groups::GroupCoordinator& groups_;
  EventStoreService event_store_;
  GroupsService groups_service_;
  TopicsService topics_;
  OperationsService operations_;
  const ControlMethods control_methods_;
  ControlPlane control_;
  // After the plane: their last tasks may ask it for a call that was refused.
  base::ThreadPool looks_;
  base::ThreadPool changes_;
  base::ThreadPool operates_;
  ServedService<EventStoreBase> served_events_;
  ServedService<ConsumerGroupsBase> served_groups_;
  ServedService<v1::Topics::Service> served_topics_;
  ServedService<v1::Operations::Service> served_operations_;
  HealthBase health_;
  grpc::AsyncGenericService control_calls_;
  std::vector<std::unique_ptr<CallQueue>> queues_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::thread> threads_;
  int port_ = 0;
  bool shut_down_ = false;
};

}  // namespace tidemark::rpc
