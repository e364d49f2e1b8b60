// Text checks for what clients send: a stored event that is not UTF-8 could not be read by
// Protobuf's parsers in most languages, so it must not get in.
#pragma once

#include "absl/strings/string_view.h"

namespace tidemark::base {

// True if `text` is well-formed UTF-8 (no overlong forms, no surrogates, at most U+10FFFF).
bool IsUtf8(absl::string_view text);

// True if `text` is well-formed UTF-8 without control characters (U+0000 to U+001F, U+007F).
bool IsPlainText(absl::string_view text);

}  // namespace tidemark::base
