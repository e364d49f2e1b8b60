// tidemark completion bash | zsh | fish
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <string>

#include "client/cli/commands.h"
#include "client/cli/completion.h"
#include "client/cli/context.h"

namespace tidemark::cli {
namespace {

using Generate = std::string (*)(const CLI::App& root);

void AddShell(CLI::App* completion, CLI::App* root, Context* context, const std::string& shell,
              Generate generate) {
  CLI::App* command = completion->add_subcommand(shell, "Print the script for " + shell);
  command->final_callback([=] {
    context->run = [=] {
      context->out().Write(generate(*root));
      return context->Succeed();
    };
  });
}

}  // namespace

void AddCompletionCommand(CLI::App* root, Context* context) {
  CLI::App* completion =
      root->add_subcommand("completion", "Print a completion script for your shell");
  completion->require_subcommand(1);
  AddShell(completion, root, context, "bash", BashCompletion);
  AddShell(completion, root, context, "zsh", ZshCompletion);
  AddShell(completion, root, context, "fish", FishCompletion);
  completion->footer(
      "Put one of these into your shell's start file:\n"
      "  source <(tidemark completion bash)\n"
      "  source <(tidemark completion zsh)\n"
      "  tidemark completion fish | source");
}

}  // namespace tidemark::cli
