// "Did you mean ...?" for names with a typing error.
#ifndef TIDEMARK_SERVER_CONFIG_SUGGESTION_H_
#define TIDEMARK_SERVER_CONFIG_SUGGESTION_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace tidemark::config {

// "; did you mean --data?" if one of `known` is a few letters away from `name`, else "".
std::string DidYouMean(absl::string_view name, const std::vector<std::string>& known);

}  // namespace tidemark::config

#endif  // TIDEMARK_SERVER_CONFIG_SUGGESTION_H_
