// Page tokens: the name after which the next page begins, as an opaque text.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/rpc/limits.h"

namespace tidemark::rpc {

std::string PageToken(absl::string_view last_name);
// INVALID_ARGUMENT  not one of ours. Empty for an empty token.
absl::StatusOr<std::string> NameFromPageToken(absl::string_view token);
// INVALID_ARGUMENT  more than page_size_max. 0 gives the default, 100.
absl::StatusOr<size_t> PageSize(uint32_t asked, const RpcLimits& limits);

}  // namespace tidemark::rpc
