#include "client/cli/exit_code.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/terminal.h"
#include "tidemark/errors.h"

namespace tidemark::cli {
namespace {

// Whether the server's reason or message speaks of `word`, which is in lower case.
bool Mentions(const absl::Status& status, absl::string_view word) {
  return absl::StrContains(absl::AsciiStrToLower(ReasonOf(status)), word) ||
         absl::StrContains(absl::AsciiStrToLower(status.message()), word);
}

std::string NotFoundAdvice(const absl::Status& status, const ErrorContext& context) {
  // Where a command names both, the server's message tells which of them is missing.
  const bool about_group = Mentions(status, "group");
  if (!context.group.empty() && (about_group || context.topic.empty())) {
    return absl::StrCat("list the groups: tidemark group list; a group is created by its first ",
                        "member: tidemark consume TOPIC --group ", context.group);
  }
  if (context.topic.empty()) return "";
  if (ReasonOf(status) == "KEY_NOT_FOUND") {
    return absl::StrCat("look at its events: tidemark read ", context.topic);
  }
  return absl::StrCat("list the topics: tidemark topic list; or create it: tidemark topic create ",
                      context.topic);
}

std::string UnavailableAdvice(const absl::Status& status, const ErrorContext& context) {
  if (Mentions(status, "draining")) {
    return "the server is stopping; try again when it is back";
  }
  return absl::StrCat("start a server: tidemarkd --data DIR --listen ", context.server,
                      "; or name another: --server HOST:PORT or TIDEMARK_SERVER=HOST:PORT");
}

// gRPC wraps "Connection refused" into a sentence for each of its layers.
std::string WithoutLayers(absl::string_view message) {
  constexpr absl::string_view kFirst = "failed to connect to all addresses";
  constexpr absl::string_view kLast = "Failed to connect to remote host: ";
  const size_t first = message.find(kFirst);
  const size_t last = message.find(kLast);
  if (first == message.npos || last == message.npos || last < first) return std::string(message);
  return absl::StrCat(message.substr(0, first), message.substr(last + kLast.size()));
}

}  // namespace

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return kExitRefused;
    default:
      return kExitServer;
  }
}

std::string AdviceFor(const absl::Status& status, const ErrorContext& context) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return NotFoundAdvice(status, context);
    case absl::StatusCode::kAlreadyExists:
      return absl::StrCat("look at it: tidemark topic show ", context.topic);
    case absl::StatusCode::kUnavailable:
      return UnavailableAdvice(status, context);
    case absl::StatusCode::kDeadlineExceeded:
      return absl::StrCat("the server at ", context.server, " did not answer in time; try again, ",
                          "or look at its log");
    case absl::StatusCode::kResourceExhausted:
      return "the server is busy or a limit is reached: try again later; tidemark server info "
             "shows the limits";
    case absl::StatusCode::kUnimplemented:
      return "this server cannot do that yet: tidemark server info shows what it can do";
    case absl::StatusCode::kOutOfRange:
      if (context.topic.empty()) return "";
      return absl::StrCat("see what is there: tidemark topic show ", context.topic);
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
      if (ReasonOf(status) == "BACKUP_BUSY") return "see how far it is: tidemark backup list";
      if (context.group.empty()) return "";
      return absl::StrCat("see how the group stands: tidemark group show ", context.group);
    case absl::StatusCode::kDataLoss:
      return "stored data is damaged: stop writing, keep the data directory, and look at the "
             "server's log";
    default:
      return "";
  }
}

std::string FormatError(const absl::Status& status, const ErrorContext& context, bool color) {
  std::string message = EscapeForTerminal(WithoutLayers(status.message()));
  if (message.empty()) message = absl::StatusCodeToString(status.code());
  std::string text = absl::StrCat(Paint("tidemark:", Color::kRed, color), " ", message, "\n");
  const std::string advice = EscapeForTerminal(AdviceFor(status, context));
  if (!advice.empty())
    absl::StrAppend(&text, "  ", Paint("hint:", Color::kCyan, color), " ", advice, "\n");
  return text;
}

}  // namespace tidemark::cli
