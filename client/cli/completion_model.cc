#include "client/cli/completion_model.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace tidemark::cli {
namespace {

std::string FirstSentence(absl::string_view text) {
  text = text.substr(0, text.find_first_of(".;"));
  return std::string(text);
}

// The parser shows the choices of an option as "FORMAT:{table,json,jsonl}".
std::vector<std::string> ChoicesOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t begin = type.find('{');
  const size_t end = type.find('}');
  if (begin == std::string::npos || end == std::string::npos) return {};
  return absl::StrSplit(type.substr(begin + 1, end - begin - 1), ',');
}

ValueKind KindOf(const CLI::Option& option, absl::string_view value_name,
                 absl::string_view command) {
  if (!ChoicesOf(option).empty()) return ValueKind::kChoice;
  if (absl::StartsWith(value_name, "FILE")) return ValueKind::kFile;
  if (absl::StartsWith(value_name, "GROUP")) return ValueKind::kGroup;
  if (absl::StartsWith(value_name, "TOPIC")) return ValueKind::kTopic;
  // The NAME of `topic create` is new, the others' exist.
  if (value_name == "NAME" && command != "topic create") return ValueKind::kTopic;
  return ValueKind::kAny;
}

CompletionOption ModelOf(const CLI::Option& option) {
  CompletionOption model;
  for (const std::string& name : option.get_snames())
    model.names.push_back(absl::StrCat("-", name));
  for (const std::string& name : option.get_lnames())
    model.names.push_back(absl::StrCat("--", name));
  model.description = FirstSentence(option.get_description());
  if (option.get_items_expected_max() > 0) {
    model.value = KindOf(option, option.get_type_name(), "");
    model.choices = ChoicesOf(option);
  }
  return model;
}

void AddCommand(const CLI::App& app, const std::string& path,
                std::vector<CompletionCommand>* commands) {
  CompletionCommand command;
  command.path = path;
  command.name = app.get_name();
  command.description = FirstSentence(app.get_description());
  for (const CLI::Option* option : app.get_options()) {
    // tidemark itself has --help already, and its options go with every command.
    const bool help = !path.empty() && option == app.get_help_ptr();
    if (!option->get_positional()) {
      if (!help) command.options.push_back(ModelOf(*option));
    } else if (command.argument == ValueKind::kNone) {
      command.argument = KindOf(*option, option->get_name(/*positional=*/true), path);
      command.argument_choices = ChoicesOf(*option);
    }
  }
  const auto subcommands = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* child : subcommands) command.subcommands.push_back(child->get_name());
  commands->push_back(std::move(command));
  for (const CLI::App* child : subcommands) {
    AddCommand(*child, absl::StrCat(path, path.empty() ? "" : " ", child->get_name()), commands);
  }
}

}  // namespace

std::vector<CompletionCommand> ModelOf(const CLI::App& root) {
  std::vector<CompletionCommand> commands;
  AddCommand(root, "", &commands);
  return commands;
}

}  // namespace tidemark::cli
