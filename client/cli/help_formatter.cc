#include "client/cli/help_formatter.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace tidemark::cli {
namespace {

constexpr size_t kTextColumn = 26;
constexpr size_t kLineWidth = 80;

// `left`, then the words of `text` from kTextColumn on, on as many lines as they need.
std::string Entry(const std::string& left, absl::string_view text) {
  std::string out = absl::StrCat("  ", left);
  size_t column = out.size();
  // A long name has a line to itself.
  bool line_begins = column + 2 > kTextColumn;
  for (const absl::string_view word :
       absl::StrSplit(text, absl::ByAnyChar(" \n"), absl::SkipEmpty())) {
    const bool at_text = column >= kTextColumn;
    if (line_begins || (at_text && column + 1 + word.size() > kLineWidth)) {
      absl::StrAppend(&out, "\n", std::string(kTextColumn, ' '));
      column = kTextColumn;
      line_begins = false;
    } else if (at_text) {
      out += ' ';
      ++column;
    } else {
      out.append(kTextColumn - column, ' ');
      column = kTextColumn;
    }
    absl::StrAppend(&out, word);
    column += word.size();
  }
  return out + "\n";
}

// "FORMAT:{table,json,jsonl}" as "table|json|jsonl", "N:POSITIVE" as "N".
std::string ValueOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t begin = type.find('{');
  if (begin == std::string::npos) return type.substr(0, type.find(':'));
  return absl::StrReplaceAll(type.substr(begin + 1, type.find('}') - begin - 1), {{",", "|"}});
}

}  // namespace

HelpFormatter::HelpFormatter() {
  label("OPTIONS", "OPTIONS");
  label("SUBCOMMAND", "COMMAND");
  label("Positionals", "Arguments");
}

std::string HelpFormatter::make_option(const CLI::Option* option, bool is_positional) const {
  if (is_positional) {
    return Entry(option->get_name(/*positional=*/true), option->get_description());
  }
  std::vector<std::string> names;
  for (const std::string& name : option->get_snames()) names.push_back(absl::StrCat("-", name));
  for (const std::string& name : option->get_lnames()) names.push_back(absl::StrCat("--", name));
  std::string left = absl::StrJoin(names, ", ");
  if (option->get_items_expected_max() > 0) absl::StrAppend(&left, " ", ValueOf(*option));
  return Entry(left,
               absl::StrCat(option->get_required() ? "Required. " : "", option->get_description()));
}

std::string HelpFormatter::make_subcommand(const CLI::App* command) const {
  return Entry(command->get_name(), command->get_description());
}

std::string HelpFormatter::make_footer(const CLI::App* app) const {
  const std::string footer = app->get_footer();
  return absl::StrCat(absl::StripLeadingAsciiWhitespace(footer), "\n");
}

}  // namespace tidemark::cli
