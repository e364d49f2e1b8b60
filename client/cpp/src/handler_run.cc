#include "client/cpp/src/handler_run.h"

#include <algorithm>
#include <cmath>
#include <exception>

#include "absl/strings/str_cat.h"

namespace tidemark::internal {

absl::Status CallHandler(const Consumer::Handler& handler, const ReceivedEvent& event) {
  try {
    return handler(event);
  } catch (const std::exception& thrown) {
    return absl::UnknownError(absl::StrCat("the handler threw: ", thrown.what()));
  } catch (...) {
    return absl::UnknownError("the handler threw what is no std::exception");
  }
}

Verdict JudgeFailure(const ConsumerOptions& options, const ReceivedEvent& event,
                     const absl::Status& error, uint32_t attempts) {
  if (options.retry.has_value() && attempts < options.retry->max_attempts.value_or(UINT32_MAX)) {
    const RetryPolicy& retry = *options.retry;
    const absl::Duration longest = retry.max_backoff.value_or(absl::Minutes(5));
    const absl::Duration pause = retry.initial_backoff.value_or(absl::Seconds(1)) *
                                 std::pow(retry.backoff_factor.value_or(2), attempts - 1);
    return {FailureAction::kRetry, std::min(pause, longest)};
  }
  const FailureAction action =
      options.on_handler_error ? options.on_handler_error(event, error) : FailureAction::kStop;
  return {action, options.retry_backoff};
}

}  // namespace tidemark::internal
