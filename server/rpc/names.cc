#include "server/rpc/names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/utf8.h"

namespace tidemark::rpc {

absl::Status CheckName(absl::string_view name, uint64_t bytes_max, absl::string_view field) {
  if (name.empty()) return InvalidField(field, "is required");
  if (name.size() > bytes_max) {
    return OverLimit(field, "name_bytes_max", bytes_max, name.size(), "bytes");
  }
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  });
  if (!plain || name == "." || name == "..") {
    // What is not UTF-8 must not get into a message that clients have to parse.
    const std::string shown =
        base::IsUtf8(name) ? absl::Utf8SafeCEscape(name) : absl::CEscape(name);
    return InvalidField(field,
                        absl::StrCat("\"", shown, "\" is not a name: use A-Z a-z 0-9 . _ - only"),
                        "INVALID_NAME");
  }
  return absl::OkStatus();
}

}  // namespace tidemark::rpc
