// The generated services with the data plane's methods asynchronous and raw (bytes in, bytes out)
// and the rest as gRPC generates it (control_methods.h takes it over).
#pragma once

#include <grpcpp/server_context.h>

#include "grpc/health/v1/health.grpc.pb.h"
#include "tidemark/v1/consumer_groups.grpc.pb.h"
#include "tidemark/v1/event_store.grpc.pb.h"
#include "tidemark/v1/operations.grpc.pb.h"
#include "tidemark/v1/topics.grpc.pb.h"

namespace tidemark::rpc {

using EventStoreBase =
    v1::EventStore::WithRawMethod_Append<v1::EventStore::WithRawMethod_AppendStream<
        v1::EventStore::WithRawMethod_Transact<v1::EventStore::WithRawMethod_Read<
            v1::EventStore::WithRawMethod_Subscribe<v1::EventStore::Service>>>>>;
using ConsumerGroupsBase = v1::ConsumerGroups::WithRawMethod_Consume<v1::ConsumerGroups::Service>;
using HealthBase = grpc::health::v1::Health::WithRawMethod_Check<
    grpc::health::v1::Health::WithRawMethod_Watch<grpc::health::v1::Health::Service>>;

}  // namespace tidemark::rpc
