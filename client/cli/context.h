// What every command gets: the global options, the terminal, standard output, and a connection.
#ifndef TIDEMARK_CLIENT_CLI_CONTEXT_H_
#define TIDEMARK_CLIENT_CLI_CONTEXT_H_

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/exit_code.h"
#include "client/cli/stdout_writer.h"
#include "client/cli/terminal.h"
#include "tidemark/client.h"

namespace tidemark::cli {

enum class Format { kTable, kJson, kJsonl };

class Context {
 public:
  explicit Context(const Terminal& terminal);

  // Set by the command line.
  std::string server = "127.0.0.1:7400";
  // Empty, "table", "json" or "jsonl".
  std::string output;
  // The chosen command.
  std::function<ExitCode()> run;
  // What errors are about; commands fill in topic and group.
  ErrorContext error;

  const Terminal& terminal() const { return terminal_; }
  StdoutWriter& out() { return out_; }

  // Administrative commands print tables unless told otherwise.
  Format AdminFormat() const;
  // Events go to people as lines, to programs as JSON Lines.
  Format EventFormat() const;

  // A connection to a server that has just answered. Does not wait for one that is not there.
  absl::StatusOr<Client> Connect() const;

  // Prints `status` and what to do about it on standard error, and gives its exit code.
  ExitCode Fail(const absl::Status& status) const;
  // Flushes standard output and gives the exit code of having succeeded.
  ExitCode Succeed();

  // A line for people on standard error.
  void Note(absl::string_view text) const;

  // One value: `json`: indented; `jsonl`: a line.
  void PrintJson(const nlohmann::ordered_json& value);
  // Many values: `json`: one array; `jsonl`: a line each.
  void PrintJsonList(const nlohmann::ordered_json& array);

 private:
  std::optional<Format> ChosenFormat() const;

  Terminal terminal_;
  StdoutWriter out_;
};

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_CONTEXT_H_
