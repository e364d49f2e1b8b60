// Names of topics, groups and producers.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace tidemark::rpc {

// INVALID_ARGUMENT  `name` is not [A-Za-z0-9._-]{1,bytes_max}, or is "." or "..".
absl::Status CheckName(absl::string_view name, uint64_t bytes_max, absl::string_view field);

// The same for a name, or a pattern: a prefix of names, perhaps empty, that ends in '*'.
absl::Status CheckNameOrPattern(absl::string_view name, uint64_t bytes_max,
                                absl::string_view field);

}  // namespace tidemark::rpc
