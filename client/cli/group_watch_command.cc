// tidemark group watch
#include <poll.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/group_output.h"
#include "client/cli/interrupt.h"
#include "client/cli/selection.h"
#include "client/cli/time_text.h"
#include "tidemark/client.h"

namespace tidemark::cli {
namespace {

constexpr char kHomeAndClear[] = "\033[H\033[2J";

struct WatchArguments {
  std::string group;
  std::string interval = "2s";
  uint64_t count = 0;  // 0: until Ctrl-C.
};

// False: a signal came.
bool Pause(absl::Duration pause) {
  pollfd fd{.fd = InterruptFd(), .events = POLLIN, .revents = 0};
  ::poll(&fd, 1, static_cast<int>(absl::ToInt64Milliseconds(pause)));
  return !Interrupted();
}

void Print(Context* context, const GroupInfo& group) {
  const absl::Time now = absl::Now();
  const Terminal& terminal = context->terminal();
  if (context->AdminFormat() != Format::kTable) {
    // A line each, also with -o json: an array would have no end.
    context->output = "jsonl";
    context->PrintJson(GroupToJson(group));
  } else if (terminal.stdout_is_terminal) {
    context->out().Write(
        absl::StrCat(kHomeAndClear, FormatGroup(group, now, terminal.color_stdout)));
  } else {
    context->out().Write(FormatGroupLine(group, now));
  }
}

ExitCode Watch(Context* context, const WatchArguments& arguments) {
  context->error.group = arguments.group;
  const auto interval = ParseDurationText(arguments.interval);
  if (!interval.ok()) return context->Fail(interval.status());
  InstallInterruptHandler();
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  for (uint64_t shown = 1;; ++shown) {
    const auto group = client->GetGroup(arguments.group);
    if (group.ok()) {
      Print(context, *group);
      if (!context->out().Flush()) return context->Succeed();  // Nobody reads.
    } else if (shown == 1 || !absl::IsUnavailable(group.status())) {
      return context->Fail(group.status());
    } else {
      context->Note(absl::StrCat("no answer: ", group.status().message()));
    }
    if (shown == arguments.count || !Pause(*interval)) return context->Succeed();
  }
}

}  // namespace

void AddGroupWatchCommand(CLI::App* group, Context* context) {
  auto arguments = std::make_shared<WatchArguments>();
  CLI::App* command = group->add_subcommand(
      "watch", "Show a group again and again, until Ctrl-C; on a terminal in place, else as lines");
  command->add_option("GROUP", arguments->group, "The group")->required();
  command->add_option("--interval", arguments->interval, "How often. Default: 2s")
      ->type_name("DURATION");
  AddCount(command, "--count", &arguments->count, "End after showing it so often");
  command->footer(
      "Examples:\n  tidemark group watch payroll\n"
      "  tidemark group watch payroll --interval 1m >> payroll.log");
  command->final_callback([=] { context->run = [=] { return Watch(context, *arguments); }; });
}

}  // namespace tidemark::cli
