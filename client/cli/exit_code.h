// Exit codes and the words of errors. Scripts depend on the codes: they never change.
#ifndef TIDEMARK_CLIENT_CLI_EXIT_CODE_H_
#define TIDEMARK_CLIENT_CLI_EXIT_CODE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace tidemark::cli {

enum ExitCode : int {
  kExitOk = 0,
  // The command line or the input is wrong, or something on this machine: a file, the output.
  kExitUsage = 1,
  // The server cannot be reached or failed; the same command may succeed later.
  kExitServer = 2,
  // The server is well and says no: not found, exists already, precondition or range not met.
  kExitRefused = 3,
  // The commands that look for damage found some.
  kExitDamaged = 4,
  // Ended by Ctrl-C before the work was done; as shells report it.
  kExitInterrupted = 130,
};

// The exit code for an outcome.
ExitCode ExitCodeOf(const absl::Status& status);

// What a command was about, for the advice. Empty: does not apply.
struct ErrorContext {
  std::string server;
  std::string topic;
  std::string group;
};

// What the user can do about `status`: one line, or empty.
std::string AdviceFor(const absl::Status& status, const ErrorContext& context);

// "tidemark: MESSAGE" and, if there is any, the advice on a second line. For a terminal, so control
// characters are made visible.
std::string FormatError(const absl::Status& status, const ErrorContext& context, bool color);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_EXIT_CODE_H_
