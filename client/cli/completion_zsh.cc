#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "client/cli/completion.h"
#include "client/cli/completion_model.h"

namespace tidemark::cli {
namespace {

constexpr char kZshHead[] = R"sh(#compdef tidemark
# zsh completion for tidemark:  source <(tidemark completion zsh)
# or put it into a file named _tidemark in a directory of $fpath.
_tidemark_names() {
  local -a names
  names=(${(f)"$(tidemark ${2:+--server} ${2:+"$2"} $1 list -o jsonl 2>/dev/null |
    sed -n 's/^{"name":"\([^"]*\)".*/\1/p')"})
  compadd -a names
}
_tidemark() {
  local cur="${words[CURRENT]}" prev="${words[CURRENT-1]}"
  local at="" server="" value_of="" word i
  local -a items
  for ((i = 2; i < CURRENT; i++)); do
    word="${words[i]}"
    if [[ -n $value_of ]]; then
      [[ $value_of == --server ]] && server="$word"
      value_of=""
      continue
    fi
    case "$word" in
)sh";

// 'name:description' within single quotes; a colon would end the name.
std::string Item(const std::string& name, const std::string& description) {
  return absl::StrCat("'", absl::StrReplaceAll(name, {{":", "\\:"}}), ":",
                      absl::StrReplaceAll(description, {{"'", "'\\''"}}), "'");
}

std::string ReplyFor(ValueKind kind, const std::vector<std::string>& choices) {
  switch (kind) {
    case ValueKind::kChoice:
      return absl::StrCat("compadd -- ", absl::StrJoin(choices, " "));
    case ValueKind::kFile:
      return "_files";
    case ValueKind::kTopic:
      return "_tidemark_names topic \"$server\"";
    case ValueKind::kGroup:
      return "_tidemark_names group \"$server\"";
    case ValueKind::kNone:
    case ValueKind::kAny:
      return ":";
  }
  return ":";
}

std::string ItemsOf(const std::vector<CompletionOption>& options) {
  std::string items;
  for (const CompletionOption& option : options) {
    for (const std::string& name : option.names) {
      absl::StrAppend(&items, " ", Item(name, option.description));
    }
  }
  return items;
}

std::string SubcommandItems(const std::vector<CompletionCommand>& commands,
                            const CompletionCommand& parent) {
  std::string items;
  for (const std::string& name : parent.subcommands) {
    const std::string path = absl::StrCat(parent.path, parent.path.empty() ? "" : " ", name);
    for (const CompletionCommand& command : commands) {
      if (command.path == path) absl::StrAppend(&items, " ", Item(name, command.description));
    }
  }
  return items;
}

}  // namespace

std::string ZshCompletion(const CLI::App& root) {
  const std::vector<CompletionCommand> commands = ModelOf(root);
  std::set<std::string> with_value;
  std::vector<std::string> paths;
  std::string values;
  std::string words;
  const std::string global_items = ItemsOf(commands.front().options);
  for (const CompletionCommand& command : commands) {
    if (!command.path.empty()) paths.push_back(absl::StrCat("\"", command.path, "\""));
    const std::string prefix = command.path.empty() ? "*" : absl::StrCat("\"", command.path, "\"");
    for (const CompletionOption& option : command.options) {
      if (option.value == ValueKind::kNone) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option.names) {
        with_value.insert(name);
        patterns.push_back(absl::StrCat(prefix, ":", name));
      }
      absl::StrAppend(&values, "    ", absl::StrJoin(patterns, "|"), ") ",
                      ReplyFor(option.value, option.choices), "; return ;;\n");
    }
    const std::string own = command.path.empty() ? "" : ItemsOf(command.options);
    absl::StrAppend(
        &words, "    \"", command.path, "\")\n      if [[ $cur == -* ]]; then\n        items=(",
        own, global_items, ")\n        _describe -o option items\n      else\n        ",
        command.subcommands.empty() ? ReplyFor(command.argument, command.argument_choices)
                                    : absl::StrCat("items=(", SubcommandItems(commands, command),
                                                   ")\n        _describe command items"),
        "\n      fi ;;\n");
  }
  return absl::StrCat(kZshHead, "      ", absl::StrJoin(with_value, "|"),
                      ") value_of=\"$word\" ;;\n",
                      "      -*) ;;\n      *)\n        case \"${at:+$at }$word\" in\n          ",
                      absl::StrJoin(paths, "|"), ") at=\"${at:+$at }$word\" ;;\n",
                      "        esac ;;\n    esac\n  done\n  case \"$at:$prev\" in\n", values,
                      "  esac\n", "  case \"$at\" in\n", words, "  esac\n}\n",
                      "if [[ ${funcstack[1]} == _tidemark ]]; then\n  _tidemark \"$@\"\n",
                      "else\n  compdef _tidemark tidemark\nfi\n");
}

}  // namespace tidemark::cli
