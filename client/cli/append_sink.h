// Where `append` puts events, and what is told about their fate.
//
// Two kinds. A pipelined sink is the fastest: the client library's Producer. A resumable sink makes
// the whole command repeatable: each request has a sequence under a producer id of the user's, so
// that on a rerun the server recognises what it has, and what was not stored is.
//
// Threads. Send, Wait and Finish from one thread; the callbacks may come on another one.
#ifndef TIDEMARK_CLIENT_CLI_APPEND_SINK_H_
#define TIDEMARK_CLIENT_CLI_APPEND_SINK_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tidemark/client.h"
#include "tidemark/event.h"

namespace tidemark::cli {

struct AppendCounts {
  uint64_t sent = 0;
  // Durable (or what the topic's durability promises), those stored by an earlier run included.
  uint64_t acknowledged = 0;
  // Of these, stored by an earlier run.
  uint64_t stored_before = 0;
  // Found invalid by the server.
  uint64_t invalid = 0;
};

struct AppendCallbacks {
  // A request is durable.
  std::function<void(const AppendResult&)> on_acknowledged;
  // The server finds the event of this line invalid; it is not stored.
  std::function<void(uint64_t line_number, const absl::Status&)> on_invalid;
};

struct AppendSettings {
  std::string topic;
  std::optional<uint32_t> partition;
  // Go on after an event that the server finds invalid.
  bool skip_invalid = false;
  // Not empty: resumable.
  std::string producer_id;
};

class AppendSink {
 public:
  virtual ~AppendSink() = default;

  // Takes the event of a line; may wait.
  // Not OK: nothing was taken; either the sink has failed (Failure()), or this event can never be
  // stored and others may follow.
  virtual absl::Status Send(const Event& event, uint64_t line_number) = 0;

  // Why the sink takes no more events, or OK. Once set it stays.
  virtual absl::Status Failure() const = 0;

  // The input has no more for now: what was taken must not wait for company.
  virtual absl::Status Wait() = 0;

  // Sends what is left and waits for every answer. The first failure, or OK.
  virtual absl::Status Finish() = 0;

  virtual AppendCounts counts() const = 0;
};

// NOT_FOUND  no such topic.
absl::StatusOr<std::unique_ptr<AppendSink>> OpenPipelinedSink(const Client& client,
                                                              const AppendSettings& settings,
                                                              AppendCallbacks callbacks);
absl::StatusOr<std::unique_ptr<AppendSink>> OpenResumableSink(const Client& client,
                                                              const AppendSettings& settings,
                                                              AppendCallbacks callbacks);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_APPEND_SINK_H_
