// The version of this build, "0.1.0".
#ifndef TIDEMARK_SERVER_CONFIG_VERSION_H_
#define TIDEMARK_SERVER_CONFIG_VERSION_H_

#include "absl/strings/string_view.h"

namespace tidemark::config {

absl::string_view Version();

}  // namespace tidemark::config

#endif  // TIDEMARK_SERVER_CONFIG_VERSION_H_
