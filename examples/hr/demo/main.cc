// tidemark-demo: the story, or one of its services when the story starts it.

#include <csignal>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cli/interrupt.h"
#include "client/cli/terminal.h"
#include "examples/hr/demo/keep.h"
#include "examples/hr/demo/narrator.h"
#include "examples/hr/demo/options.h"
#include "examples/hr/demo/stage.h"
#include "examples/hr/demo/story.h"
#include "examples/hr/demo/workspace.h"
#include "examples/hr/gift_cards.h"
#include "examples/hr/hr.h"
#include "examples/hr/line_file.h"
#include "examples/hr/payroll.h"
#include "tidemark/client.h"
#include "tidemark/errors.h"

namespace hr_example {
namespace {

constexpr int kRight = 0;
constexpr int kWrong = 1;
constexpr int kInterrupted = 130;

absl::Status RunHrService(const tidemark::Client& client, const Options& options) {
  const auto events = LoadHrEvents(options.story.events);
  if (!events.ok()) return events.status();
  auto record = LineFile::Open(options.ledger);
  if (!record.ok()) return record.status();
  return RunHr(client, *events, options.rate, *record);
}

absl::Status RunService(const Options& options) {
  const auto client = tidemark::Client::Connect(options.server);
  if (!client.ok()) return client.status();
  switch (options.role) {
    case Role::kHr:
      return RunHrService(*client, options);
    case Role::kPayroll:
      return RunPayroll(*client, options.ledger);
    case Role::kGiftCards:
      return RunGiftCards(*client, options.ledger);
    case Role::kStory:
      break;
  }
  return absl::InternalError("no such service");
}

absl::StatusOr<bool> PlayStory(const Options& options, Narrator* narrator) {
  const auto events = LoadHrEvents(options.story.events);
  if (!events.ok()) return events.status();
  auto workspace = Workspace::Create();
  if (!workspace.ok()) return workspace.status();
  Stage stage(*std::move(workspace), narrator);
  Story story(options.story, *events, &stage, narrator);
  const auto is_right = story.Play();
  if (!is_right.ok()) return is_right;
  if (options.keep) {
    if (absl::Status status = KeepServing(&stage, narrator); !status.ok()) return status;
    return is_right;
  }
  if (absl::Status status = stage.StopServer(); !status.ok()) return status;
  return is_right;
}

int TellStory(const Options& options) {
  // What must be cleaned up must not be cut off.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGHUP, [](int /*signal*/) { std::raise(SIGTERM); });
  Narrator narrator(tidemark::cli::DetectTerminal().color_stdout);
  const auto is_right = PlayStory(options, &narrator);
  if (tidemark::cli::Interrupted() && !is_right.ok()) {
    std::fprintf(stderr, "stopped; everything is cleaned up\n");
    return kInterrupted;
  }
  if (!is_right.ok()) {
    std::fprintf(stderr, "the demo failed: %s\n", tidemark::Explain(is_right.status()).c_str());
    return kWrong;
  }
  narrator.Title(*is_right ? "Right: each event once, in order, nothing missing."
                           : "WRONG: see the table.");
  return *is_right ? kRight : kWrong;
}

int Main(int argc, char** argv) {
  int exit_code = 0;
  const auto options = ParseOptions(argc, argv, &exit_code);
  if (!options.has_value()) return exit_code;
  std::setvbuf(stdout, nullptr, _IOLBF,
               0);  // Also where it is a pipe: lines are read as they come.
  if (options->role == Role::kStory) {
    tidemark::cli::InstallInterruptHandler();
    return TellStory(*options);
  }
  if (options->role != Role::kHr) tidemark::cli::InstallInterruptHandler();
  const absl::Status status = RunService(*options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", tidemark::Explain(status).c_str());
  return kWrong;
}

}  // namespace
}  // namespace hr_example

int main(int argc, char** argv) { return hr_example::Main(argc, argv); }
