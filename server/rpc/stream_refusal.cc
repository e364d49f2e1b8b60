#include "server/rpc/stream_refusal.h"

#include "absl/strings/str_cat.h"
#include "server/base/error.h"

namespace tidemark::rpc {

absl::Status DrainingStatus() {
  return MakeError(absl::StatusCode::kUnavailable,
                   "the server is shutting down. Reconnect and continue where the stream was",
                   {.reason = "DRAINING"});
}

absl::Status StreamRefused(const CallRegistry& calls, const RpcLimits& limits) {
  if (calls.draining()) return DrainingStatus();
  return MakeError(
      absl::StatusCode::kResourceExhausted,
      absl::StrCat("the server has ", limits.streams_max, " open streams, and streams_max is ",
                   limits.streams_max, ". Close some, or repeat later"),
      {.reason = "STREAMS_EXHAUSTED",
       .metadata = {{"limit_name", "streams_max"},
                    {"limit", std::to_string(limits.streams_max)},
                    {"value", std::to_string(calls.streams())}},
       .retry_delay = absl::Seconds(1)});
}

}  // namespace tidemark::rpc
