// EventCommand: a shell command that handles events, one process for each.
//
// The process gets the event as a CloudEvent (one line of JSON) on standard input, and in its
// environment TIDEMARK_TOPIC, TIDEMARK_PARTITION, TIDEMARK_OFFSET, TIDEMARK_TYPE, TIDEMARK_KEY and
// TIDEMARK_ATTEMPT. It is in a process group of its own, so that a Ctrl-C lets it finish.
//
// Threads. Any number at once.
#ifndef TIDEMARK_CLIENT_CLI_EVENT_COMMAND_H_
#define TIDEMARK_CLIENT_CLI_EVENT_COMMAND_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "tidemark/event.h"

namespace tidemark::cli {

class EventCommand {
 public:
  explicit EventCommand(std::string command) : command_(std::move(command)) {}

  // OK: the process ended with exit code 0.
  // INVALID_ARGUMENT    another exit code, or a signal; the message says which.
  // RESOURCE_EXHAUSTED  no process could be started.
  absl::Status Run(const ReceivedEvent& event) const;

 private:
  const std::string command_;
};

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_EVENT_COMMAND_H_
