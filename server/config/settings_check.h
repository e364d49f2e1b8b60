// Rules between settings: each value is allowed, but do they go together?
#ifndef TIDEMARK_SERVER_CONFIG_SETTINGS_CHECK_H_
#define TIDEMARK_SERVER_CONFIG_SETTINGS_CHECK_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/config/settings.h"

namespace tidemark::config {

// `origin` tells where the value of a setting came from ("flag --listen", "default").
// INVALID_ARGUMENT  the first broken rule, with the settings, their values and origins.
absl::Status CheckTogether(const Settings& settings,
                           const std::function<std::string(absl::string_view name)>& origin);

}  // namespace tidemark::config

#endif  // TIDEMARK_SERVER_CONFIG_SETTINGS_CHECK_H_
