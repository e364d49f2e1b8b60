#include "server/rpc/names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/utf8.h"

namespace tidemark::rpc {
namespace {

bool HasPlainLetters(absl::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  });
}

absl::Status NotAName(absl::string_view name, absl::string_view field, absl::string_view rule) {
  // What is not UTF-8 must not get into a message that clients have to parse.
  const std::string shown = base::IsUtf8(name) ? absl::Utf8SafeCEscape(name) : absl::CEscape(name);
  return InvalidField(field, absl::StrCat("\"", shown, "\" is not a name: ", rule), "INVALID_NAME");
}

absl::Status CheckLength(absl::string_view name, uint64_t bytes_max, absl::string_view field) {
  if (name.empty()) return InvalidField(field, "is required");
  if (name.size() > bytes_max) {
    return OverLimit(field, "name_bytes_max", bytes_max, name.size(), "bytes");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckName(absl::string_view name, uint64_t bytes_max, absl::string_view field) {
  if (absl::Status status = CheckLength(name, bytes_max, field); !status.ok()) return status;
  if (!HasPlainLetters(name) || name == "." || name == "..") {
    return NotAName(name, field, "use A-Z a-z 0-9 . _ - only");
  }
  return absl::OkStatus();
}

absl::Status CheckNameOrPattern(absl::string_view name, uint64_t bytes_max,
                                absl::string_view field) {
  if (!absl::EndsWith(name, "*")) return CheckName(name, bytes_max, field);
  if (absl::Status status = CheckLength(name, bytes_max, field); !status.ok()) return status;
  if (HasPlainLetters(name.substr(0, name.size() - 1))) return absl::OkStatus();
  return NotAName(name, field, "use A-Z a-z 0-9 . _ - only, and one * at the end for a prefix");
}

}  // namespace tidemark::rpc
