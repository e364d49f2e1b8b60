#include "client/cli/content_type.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace tidemark::cli {
namespace {

// The media type alone, without parameters, in lower case.
std::string MediaTypeOf(absl::string_view content_type) {
  return absl::AsciiStrToLower(
      absl::StripAsciiWhitespace(content_type.substr(0, content_type.find(';'))));
}

}  // namespace

bool IsJsonContentType(absl::string_view content_type) {
  if (content_type == "application/json") return true;  // Nearly always; no allocation.
  const std::string type = MediaTypeOf(content_type);
  return type == "application/json" || type == "text/json" || absl::EndsWith(type, "+json");
}

bool IsTextContentType(absl::string_view content_type) {
  return absl::StartsWithIgnoreCase(absl::StripLeadingAsciiWhitespace(content_type), "text/");
}

}  // namespace tidemark::cli
