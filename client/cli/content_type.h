// What a media type says about how data can be shown.
#ifndef TIDEMARK_CLIENT_CLI_CONTENT_TYPE_H_
#define TIDEMARK_CLIENT_CLI_CONTENT_TYPE_H_

#include "absl/strings/string_view.h"

namespace tidemark::cli {

// True for "application/json", "text/json" and "...+json", whatever their case and parameters.
bool IsJsonContentType(absl::string_view content_type);

// True for "text/...".
bool IsTextContentType(absl::string_view content_type);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_CONTENT_TYPE_H_
