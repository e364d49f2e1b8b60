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

// __tidemark_at PATH: true if the words before the cursor name exactly this command.
constexpr char kFishHead[] = R"sh(# fish completion for tidemark:  tidemark completion fish | source
function __tidemark_names
    set -l server
    set -l words (commandline -opc)
    if set -l at (contains -i -- --server $words)
        set server --server $words[(math $at + 1)]
    end
    tidemark $server $argv[1] list -o jsonl 2>/dev/null | string replace -rf '^\{"name":"([^"]*)".*' '$1'
end
function __tidemark_at
    set -l path
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
)sh";

std::string Quote(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

std::string ValuesFor(ValueKind kind, const std::vector<std::string>& choices) {
  switch (kind) {
    case ValueKind::kChoice:
      return absl::StrCat(" -xa '", absl::StrJoin(choices, " "), "'");
    case ValueKind::kFile:
      return " -rF";
    case ValueKind::kTopic:
      return " -xa '(__tidemark_names topic)'";
    case ValueKind::kGroup:
      return " -xa '(__tidemark_names group)'";
    case ValueKind::kAny:
      return " -x";
    case ValueKind::kNone:
      return "";
  }
  return "";
}

std::string OptionLine(const CompletionOption& option, const std::string& condition) {
  std::string line = absl::StrCat("complete -c tidemark", condition);
  for (const std::string& name : option.names) {
    const bool is_long = name.size() > 2;
    absl::StrAppend(&line, is_long ? " -l " : " -s ", name.substr(is_long ? 2 : 1));
  }
  absl::StrAppend(&line, ValuesFor(option.value, option.choices), " -d ", Quote(option.description),
                  "\n");
  return line;
}

}  // namespace

std::string FishCompletion(const CLI::App& root) {
  const std::vector<CompletionCommand> commands = ModelOf(root);
  std::set<std::string> with_value;
  std::vector<std::string> paths;
  std::string lines;
  for (const CompletionCommand& command : commands) {
    if (!command.path.empty()) paths.push_back(Quote(command.path));
    const std::string at = absl::StrCat(" -n \"__tidemark_at '", command.path, "'\"");
    for (const CompletionOption& option : command.options) {
      absl::StrAppend(&lines, OptionLine(option, command.path.empty() ? "" : at));
      if (option.value == ValueKind::kNone) continue;
      with_value.insert(option.names.begin(), option.names.end());
    }
    if (command.argument != ValueKind::kNone && command.argument != ValueKind::kAny) {
      absl::StrAppend(&lines, "complete -c tidemark", at,
                      ValuesFor(command.argument, command.argument_choices), "\n");
    }
    for (const CompletionCommand& child : commands) {
      const std::string prefix = command.path.empty() ? "" : absl::StrCat(command.path, " ");
      if (child.path.empty() || child.path != absl::StrCat(prefix, child.name)) continue;
      absl::StrAppend(&lines, "complete -c tidemark", at, " -a ", child.name, " -d ",
                      Quote(child.description), "\n");
    }
  }
  return absl::StrCat(kFishHead, "            case ", absl::StrJoin(with_value, " "),
                      "\n                set skip 1\n            case '-*'\n            case '*'\n",
                      "                if contains -- \"$path$word\" ", absl::StrJoin(paths, " "),
                      "\n                    set path \"$path$word \"\n                end\n",
                      "        end\n    end\n    test \"$path\" = \"$argv[1] \" -o \"$path\" = ",
                      "\"$argv[1]\"\nend\ncomplete -c tidemark -f\n", lines);
}

}  // namespace tidemark::cli
