#include "client/cli/command_line.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/help_formatter.h"
#include "client/cli/terminal.h"

namespace tidemark::cli {
namespace {

constexpr char kFooter[] = R"(Examples:
  tidemark topic create hr --partitions 8
  tidemark append hr --input hr-events.jsonl
  tidemark read hr --from 2h --type 'employee.*' -o jsonl | jq .data
  tidemark tail hr
  tidemark consume hr --group payroll --type employee.created
  tidemark COMMAND --help

Exit codes:
  0    done
  1    the command line or the input is wrong, or a local file or the output
  2    the server cannot be reached or failed; the same command may succeed later
  3    the server says no: not found, exists already, precondition or range not met
  4    verify, backup verify: stored data is damaged
  130  ended by Ctrl-C before the work was done (tail and consume: 0)

Colour and progress appear only on a terminal; NO_COLOR=1 turns colour off.)";

constexpr char kGlobalHelp[] =
    "\n\nEvery command: --server ADDRESS, -o table|json|jsonl; see tidemark --help.";

void FinishSubcommands(CLI::App* app, const std::shared_ptr<HelpFormatter>& formatter) {
  for (CLI::App* command : app->get_subcommands({})) {
    command->fallthrough();  // Global options may stand anywhere.
    command->formatter(formatter);
    command->set_help_flag("-h,--help", "Show this help");
    command->group("Commands");
    command->footer(command->get_footer() + kGlobalHelp);
    FinishSubcommands(command, formatter);
  }
}

// What is wrong with the command line, and where help is.
ExitCode FailUsage(const CLI::App& root, const CLI::ParseError& error, bool color) {
  const CLI::App* command = &root;
  std::string path = "tidemark";
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    absl::StrAppend(&path, " ", command->get_name());
  }
  std::string message = error.what();
  const std::vector<std::string> unknown = root.remaining(/*recurse=*/true);
  const bool wants_command = !command->get_subcommands({}).empty();
  if (wants_command && !unknown.empty()) {
    message = absl::StrCat("there is no command \"", path, " ", unknown.front(), "\"");
  } else if (wants_command) {
    message = absl::StrCat(path, " needs a command");
  }
  std::cerr << Paint("tidemark:", Color::kRed, color) << " " << EscapeForTerminal(message) << "\n  "
            << Paint("hint:", Color::kCyan, color) << " " << path << " --help\n";
  return kExitUsage;
}

}  // namespace

std::unique_ptr<CLI::App> MakeCommandLine(Context* context) {
  auto app = std::make_unique<CLI::App>(
      "Tidemark: a persistent, log-structured event store. This command creates\n"
      "topics, appends events, reads, follows and consumes them.",
      "tidemark");
  const auto formatter = std::make_shared<HelpFormatter>();
  app->formatter(formatter);
  app->set_help_flag("-h,--help", "Show this help");
  app->set_version_flag("--version", "tidemark " TIDEMARK_VERSION, "Show the version");
  app->add_option("--server", context->server,
                  "The server. Default: TIDEMARK_SERVER, or 127.0.0.1:7400")
      ->envname("TIDEMARK_SERVER")
      ->type_name("ADDRESS");
  app->add_option("-o,--output", context->output,
                  "How to print: table (for people), json (one value), jsonl (a value a line). "
                  "Default: table; events that do not go to a terminal: jsonl")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"table", "json", "jsonl"}));
  app->require_subcommand(1);

  AddTopicCommands(app.get(), context);
  AddAppendCommand(app.get(), context);
  AddTransactCommand(app.get(), context);
  AddReadCommand(app.get(), context);
  AddTailCommand(app.get(), context);
  AddConsumeCommand(app.get(), context);
  AddGroupCommands(app.get(), context);
  AddDlqCommands(app.get(), context);
  AddEraseCommands(app.get(), context);
  AddKeyCommands(app.get(), context);
  AddServerCommands(app.get(), context);
  AddBackupCommands(app.get(), context);
  AddMasterKeyCommands(app.get(), context);
  AddVerifyCommand(app.get(), context);
  AddCompletionCommand(app.get(), context);
  FinishSubcommands(app.get(), formatter);
  app->footer(kFooter);  // Last: subcommands inherit it.
  return app;
}

ExitCode RunCommandLine(int argc, char** argv) {
  Context context(DetectTerminal());
  const auto app = MakeCommandLine(&context);
  try {
    app->parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    app->exit(success);
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    return FailUsage(*app, error, context.terminal().color_stderr);
  }
  return context.run();
}

}  // namespace tidemark::cli
