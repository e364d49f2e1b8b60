#include "server/config/config_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace tidemark::config {
namespace {

// Nobody writes more than this by hand; a device or a log file given by mistake is refused early.
constexpr size_t kFileBytesMax = 1 << 20;

absl::Status CannotRead() {
  return absl::NotFoundError(absl::StrCat("cannot be read: ", std::strerror(errno)));
}

bool IsBareKeyChar(char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; }

// Consumes `key =` from the front of `line`.
absl::StatusOr<std::string> TakeKey(absl::string_view& line) {
  const size_t end = std::find_if_not(line.begin(), line.end(), IsBareKeyChar) - line.begin();
  std::string key(line.substr(0, end));
  line = absl::StripLeadingAsciiWhitespace(line.substr(end));
  if (key.empty() || !absl::ConsumePrefix(&line, "=")) {
    return absl::InvalidArgumentError("must be `name = value`, a comment or empty");
  }
  line = absl::StripLeadingAsciiWhitespace(line);
  return key;
}

absl::StatusOr<char> Unescape(char c) {
  static constexpr absl::string_view kEscapes = "btnfr\"\\";
  static constexpr absl::string_view kMeanings = "\b\t\n\f\r\"\\";
  const size_t index = kEscapes.find(c);
  if (index != absl::string_view::npos) return kMeanings[index];
  return absl::InvalidArgumentError(
      absl::StrCat("a string has the escape \\", absl::string_view(&c, 1),
                   "; supported are \\b \\t \\n \\f \\r \\\" \\\\, or use '...' quotes"));
}

// Consumes "..." or '...' from the front of `line`; the latter has no escapes.
absl::StatusOr<std::string> TakeString(absl::string_view& line) {
  const char quote = line[0];
  if (absl::StartsWith(line, quote == '"' ? "\"\"\"" : "'''")) {
    return absl::InvalidArgumentError("multi-line strings are not supported here");
  }
  std::string value;
  for (size_t i = 1; i < line.size(); ++i) {
    if (line[i] == quote) {
      line.remove_prefix(i + 1);
      return value;
    }
    if (quote == '"' && line[i] == '\\' && i + 1 < line.size()) {
      const absl::StatusOr<char> c = Unescape(line[++i]);
      if (!c.ok()) return c.status();
      value.push_back(*c);
    } else {
      value.push_back(line[i]);
    }
  }
  return absl::InvalidArgumentError("a string has no closing quote");
}

// "1_000" to "1000" for an integer or float; underscores are between digits only.
bool NormalizeNumber(std::string& text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') continue;
    if (i == 0 || i + 1 == text.size()) return false;
    if (!absl::ascii_isdigit(text[i - 1]) || !absl::ascii_isdigit(text[i + 1])) return false;
  }
  text = absl::StrReplaceAll(text, {{"_", ""}});
  double number;
  return absl::SimpleAtod(text, &number);
}

// Consumes a boolean or a number from the front of `line`.
absl::StatusOr<std::string> TakeBareValue(absl::string_view& line) {
  const size_t end = std::min(line.find_first_of(" \t#"), line.size());
  std::string value(line.substr(0, end));
  line.remove_prefix(end);
  if (value == "true" || value == "false") return value;
  if (!value.empty() && (value[0] == '[' || value[0] == '{')) {
    return absl::InvalidArgumentError(
        "arrays and inline tables are not supported: no setting has one");
  }
  std::string number = value;
  if (NormalizeNumber(number)) return number;
  return absl::InvalidArgumentError(absl::StrCat(
      "`", value, "` is no number and no boolean; text goes in quotes, as in \"", value, "\""));
}

absl::StatusOr<ConfigFileEntry> ParseEntry(absl::string_view line) {
  if (line[0] == '[') {
    return absl::InvalidArgumentError("tables are not supported: settings are not grouped");
  }
  absl::StatusOr<std::string> key = TakeKey(line);
  if (!key.ok()) return key.status();
  const bool quoted = !line.empty() && (line[0] == '"' || line[0] == '\'');
  absl::StatusOr<std::string> value = quoted ? TakeString(line) : TakeBareValue(line);
  if (!value.ok())
    return absl::InvalidArgumentError(absl::StrCat(*key, ": ", value.status().message()));
  line = absl::StripLeadingAsciiWhitespace(line);
  if (!line.empty() && line[0] != '#') {
    return absl::InvalidArgumentError(
        absl::StrCat(*key, ": `", line, "` after the value is no comment"));
  }
  return ConfigFileEntry{*std::move(key), *std::move(value), 0};
}

}  // namespace

absl::StatusOr<std::vector<ConfigFileEntry>> ParseConfigFile(absl::string_view text) {
  absl::ConsumePrefix(&text, "\xEF\xBB\xBF");  // Editors on Windows put it in front of UTF-8.
  std::vector<ConfigFileEntry> entries;
  absl::flat_hash_map<std::string, int> line_of_key;
  int line_number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++line_number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    absl::StatusOr<ConfigFileEntry> entry = ParseEntry(line);
    if (!entry.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", line_number, ": ", entry.status().message()));
    }
    entry->line = line_number;
    const auto [first, inserted] = line_of_key.try_emplace(entry->key, line_number);
    if (!inserted) {
      return absl::InvalidArgumentError(absl::StrCat("line ", line_number, ": ", entry->key,
                                                     " is already set in line ", first->second));
    }
    entries.push_back(*std::move(entry));
  }
  return entries;
}

absl::StatusOr<std::vector<ConfigFileEntry>> ReadConfigFile(const std::string& path) {
  const auto close = [](std::FILE* file) { std::fclose(file); };
  std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "rb"), close);
  if (file == nullptr) return CannotRead();
  std::string text(kFileBytesMax + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return CannotRead();
  if (text.size() > kFileBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("is larger than ", kFileBytesMax, " bytes"));
  }
  return ParseConfigFile(text);
}

}  // namespace tidemark::config
