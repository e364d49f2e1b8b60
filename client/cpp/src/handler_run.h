// HandlerRun: one event through the handler, with its retries in place.
//
// Threads. Any number at once; what it refers to outlives it.
#ifndef TIDEMARK_CLIENT_SRC_HANDLER_RUN_H_
#define TIDEMARK_CLIENT_SRC_HANDLER_RUN_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tidemark/consumer.h"

namespace tidemark::internal {

// Calls the handler; what it throws is its error.
absl::Status CallHandler(const Consumer::Handler& handler, const ReceivedEvent& event);

// What becomes of an event after its handler failed for the `attempts`th time.
struct Verdict {
  FailureAction action = FailureAction::kStop;
  absl::Duration pause;  // With kRetry.
};
Verdict JudgeFailure(const ConsumerOptions& options, const ReceivedEvent& event,
                     const absl::Status& error, uint32_t attempts);

// The same where the server sees to the next attempt: KEY_ORDERED, UNORDERED.
struct FailureVerdict {
  FailureAction action = FailureAction::kRetry;
  std::optional<absl::Duration> delay;  // With kRetry; unset: by the group's policy.
  std::string reason;                   // With kRetry and kDeadLetter, fit for Nack.reason.
};
FailureVerdict JudgeWork(const ConsumerOptions& options, const ReceivedEvent& event,
                         const absl::Status& error);

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_HANDLER_RUN_H_
