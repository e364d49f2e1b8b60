// The asynchronous calls, each in a file of its own. Each function makes a call that waits for a
// client; when one comes it makes the next, so that there is always one waiting.
//
// Lifetime. Service, queue and context outlive every call (CallRegistry::WaitUntilNoCalls).
#pragma once

#include <grpcpp/completion_queue.h>

#include "server/groups/group_coordinator.h"
#include "server/rpc/answer_queue.h"
#include "server/rpc/rpc_context.h"
#include "server/rpc/service_types.h"

namespace tidemark::rpc {

void AcceptAppend(const RpcContext& context, groups::GroupCoordinator& groups,
                  EventStoreBase& service, CallQueue& queue);
void AcceptTransact(const RpcContext& context, groups::GroupCoordinator& groups,
                    EventStoreBase& service, CallQueue& queue);
void AcceptAppendStream(const RpcContext& context, groups::GroupCoordinator& groups,
                        EventStoreBase& service, CallQueue& queue);
void AcceptRead(const RpcContext& context, EventStoreBase& service, CallQueue& queue);
void AcceptSubscribe(const RpcContext& context, EventStoreBase& service, CallQueue& queue);
void AcceptConsume(const RpcContext& context, groups::GroupCoordinator& groups,
                   ConsumerGroupsBase& service, CallQueue& queue);
// grpc.health.v1; `service` is not the one asked about.
void AcceptHealthCheck(const RpcContext& context, HealthBase& service,
                       grpc::ServerCompletionQueue& queue);
void AcceptHealthWatch(const RpcContext& context, HealthBase& service,
                       grpc::ServerCompletionQueue& queue);

}  // namespace tidemark::rpc
