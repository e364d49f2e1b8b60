#include "server/config/command_line.h"

#include <algorithm>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/config/suggestion.h"
#include "server/config/version.h"

namespace tidemark::config {
namespace {

constexpr size_t kHelpColumn = 38;
constexpr size_t kHelpTextWidth = 60;

constexpr char kAbout[] = "tidemarkd: the Tidemark event store server.\n";
constexpr char kFooter[] =
    "\nEach setting is also a TIDEMARK_* environment variable (--queue-bytes-max:\n"
    "TIDEMARK_QUEUE_BYTES_MAX) and a key of the TOML file (queue_bytes_max = \"64MiB\").\n"
    "A flag is stronger than the environment, the environment than the file.\n"
    "Sizes: 1048576, 64KiB, 4MiB, 1GiB. Times: 500ms, 10s, 5min.\n"
    "\n"
    "Example: tidemarkd --data /var/lib/tidemark\n"
    "\n"
    "tidemarkd restore --help: how a backup becomes a store again.\n";

// Breaks `text` at spaces; CLI11 indents what follows a line feed but does not wrap.
std::string Wrap(absl::string_view text) {
  std::string wrapped;
  size_t column = 0;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    if (column > 0 && column + 1 + word.size() > kHelpTextWidth) {
      wrapped.push_back('\n');
      column = 0;
    } else if (column > 0) {
      wrapped.push_back(' ');
      ++column;
    }
    absl::StrAppend(&wrapped, word);
    column += word.size();
  }
  return wrapped;
}

std::string HelpText(const SettingSpec& spec) {
  std::vector<std::string> facts;
  if (!spec.allowed.empty()) facts.push_back(spec.allowed);
  const std::string value = spec.format(Settings{});
  if (!value.empty() && !spec.value_hint.empty()) facts.push_back(absl::StrCat("default ", value));
  if (facts.empty()) return Wrap(spec.description);
  return Wrap(absl::StrCat(spec.description, " [", absl::StrJoin(facts, "; "), "]"));
}

// CLI11 takes the argument after `--http=` for its value; in two words the empty value is kept.
std::vector<std::string> SplitEmptyValues(int argc, const char* const* argv) {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    const absl::string_view argument = argv[i];
    if (absl::StartsWith(argument, "--") && absl::EndsWith(argument, "=")) {
      arguments.emplace_back(argument.substr(0, argument.size() - 1));
      arguments.emplace_back();
    } else {
      arguments.emplace_back(argument);
    }
  }
  return arguments;
}

absl::Status UnknownArgument(absl::string_view argument) {
  if (!absl::StartsWith(argument, "-")) {
    return absl::InvalidArgumentError(absl::StrCat("unexpected argument \"", argument,
                                                   "\": every setting is a flag; see --help"));
  }
  const absl::string_view name = argument.substr(0, argument.find('='));
  std::vector<std::string> known = {"--help", "--version"};
  for (const SettingSpec& spec : SettingTable()) known.push_back(spec.Flag());
  return absl::InvalidArgumentError(
      absl::StrCat("unknown flag ", name, DidYouMean(name, known), "; see --help"));
}

std::vector<CLI::Option*> AddOptions(CLI::App& app) {
  app.get_formatter()->column_width(kHelpColumn);
  app.footer(kFooter);
  app.allow_extras();  // Reported by UnknownArgument, with a suggestion.
  std::vector<CLI::Option*> options;
  for (const SettingSpec& spec : SettingTable()) {
    CLI::Option* option =
        spec.value_hint.empty() ? app.add_flag(spec.Flag()) : app.add_option(spec.Flag());
    option->group(spec.group)->description(HelpText(spec))->take_last();
    if (!spec.value_hint.empty()) option->type_name(spec.value_hint);
    options.push_back(option);
  }
  // After the settings, so that --help begins with what matters.
  app.set_help_flag("-h,--help", "Print this and exit.")->group("Other");
  app.set_version_flag("--version", absl::StrCat("tidemarkd ", Version()))
      ->description("Print the version and exit.")
      ->group("Other");
  return options;
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv) {
  CLI::App app(kAbout, "tidemarkd");
  const std::vector<CLI::Option*> options = AddOptions(app);
  CommandLine line;
  try {
    std::vector<std::string> arguments = SplitEmptyValues(argc, argv);
    std::reverse(arguments.begin(), arguments.end());  // The order that CLI11 wants.
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    line.exit_text = app.help();
    return line;
  } catch (const CLI::CallForVersion& version) {
    line.exit_text = absl::StrCat(version.what(), "\n");
    return line;
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(absl::StrCat(error.what(), "; see --help"));
  }

  for (size_t i = 0; i < options.size(); ++i) {
    if (options[i]->count() == 0) continue;
    const SettingSpec& spec = SettingTable()[i];
    const std::string& value = options[i]->results().back();
    if (absl::StartsWith(value, "--")) {
      return absl::InvalidArgumentError(absl::StrCat(
          "flag ", spec.Flag(), ": needs a value, but the flag ", value, " follows; see --help"));
    }
    line.values.push_back({&spec, value});
  }
  const std::vector<std::string> unknown = app.remaining();
  if (!unknown.empty()) return UnknownArgument(unknown.front());
  return line;
}

}  // namespace tidemark::config
