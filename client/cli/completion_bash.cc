#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/completion.h"
#include "client/cli/completion_model.h"

namespace tidemark::cli {
namespace {

// Finds the command's path in the words before the cursor. bash splits HOST:PORT at the colon.
constexpr char kBashHead[] =
    R"sh(# bash completion for tidemark:  source <(tidemark completion bash)
_tidemark_names() {
  tidemark ${2:+--server "$2"} "$1" list -o jsonl 2>/dev/null |
    sed -n 's/^{"name":"\([^"]*\)".*/\1/p'
}
_tidemark() {
  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"
  local path="" server="" value_of="" word words="" i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="${COMP_WORDS[i]}"
    if [[ -n $value_of ]]; then
      if [[ ${COMP_WORDS[i+1]} == : ]]; then
        word+=":${COMP_WORDS[i+2]}"
        ((i += 2))
      fi
      [[ $value_of == --server ]] && server="$word"
      value_of=""
      continue
    fi
    case "$word" in
)sh";

std::string ReplyFor(ValueKind kind, const std::vector<std::string>& choices) {
  switch (kind) {
    case ValueKind::kChoice:
      return absl::StrCat("words=\"", absl::StrJoin(choices, " "), "\"");
    case ValueKind::kFile:
      return "compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\")); return";
    case ValueKind::kTopic:
      return "words=\"$(_tidemark_names topic \"$server\")\"";
    case ValueKind::kGroup:
      return "words=\"$(_tidemark_names group \"$server\")\"";
    case ValueKind::kNone:
    case ValueKind::kAny:
      return "return";
  }
  return "return";
}

std::vector<std::string> NamesOf(const CompletionCommand& command) {
  std::vector<std::string> names;
  for (const CompletionOption& option : command.options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return names;
}

}  // namespace

std::string BashCompletion(const CLI::App& root) {
  const std::vector<CompletionCommand> commands = ModelOf(root);
  std::set<std::string> with_value;
  std::vector<std::string> paths;
  std::string values;
  std::string words;
  const std::string global_names = absl::StrJoin(NamesOf(commands.front()), " ");
  for (const CompletionCommand& command : commands) {
    if (!command.path.empty()) paths.push_back(absl::StrCat("\"", command.path, "\""));
    // Options of tidemark itself may follow any command.
    const std::string prefix = command.path.empty() ? "*" : absl::StrCat("\"", command.path, "\"");
    for (const CompletionOption& option : command.options) {
      if (option.value == ValueKind::kNone) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option.names) {
        with_value.insert(name);
        patterns.push_back(absl::StrCat(prefix, ":", name));
      }
      absl::StrAppend(&values, "    ", absl::StrJoin(patterns, "|"), ") ",
                      ReplyFor(option.value, option.choices), " ;;\n");
    }
    const std::string own = command.path.empty() ? "" : absl::StrJoin(NamesOf(command), " ");
    absl::StrAppend(&words, "      \"", command.path,
                    "\")\n        if [[ $cur == -* ]]; then words=\"", own, own.empty() ? "" : " ",
                    global_names, "\"; else ",
                    command.subcommands.empty()
                        ? ReplyFor(command.argument, command.argument_choices)
                        : absl::StrCat("words=\"", absl::StrJoin(command.subcommands, " "), "\""),
                    "; fi ;;\n");
  }
  return absl::StrCat(
      kBashHead, "      ", absl::StrJoin(with_value, "|"), ") value_of=\"$word\" ;;\n",
      "      -*) ;;\n      *)\n        case \"${path:+$path }$word\" in\n          ",
      absl::StrJoin(paths, "|"), ") path=\"${path:+$path }$word\" ;;\n",
      "        esac ;;\n    esac\n  done\n  case \"$path:$prev\" in\n", values,
      "    *)\n      case \"$path\" in\n", words,
      "      esac ;;\n  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n",
      "complete -F _tidemark tidemark\n");
}

}  // namespace tidemark::cli
