#include "server/config/version.h"

namespace tidemark::config {

absl::string_view Version() { return TIDEMARK_VERSION; }

}  // namespace tidemark::config
