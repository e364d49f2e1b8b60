// ReadRequest and SubscribeRequest as what a session needs.
#pragma once

#include "absl/status/statusor.h"
#include "server/delivery/read_session.h"
#include "server/log/catalog.h"
#include "server/rpc/limits.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::rpc {

// INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED  as in the contract, naming the field.
absl::StatusOr<delivery::ReadSpec> FromProto(const v1::ReadRequest& request,
                                             const RpcLimits& limits, const log::Catalog& catalog);
absl::StatusOr<delivery::ReadSpec> FromProto(const v1::SubscribeRequest& request,
                                             const RpcLimits& limits, const log::Catalog& catalog);

}  // namespace tidemark::rpc
