// TIDEMARK_* environment variables.
#ifndef TIDEMARK_SERVER_CONFIG_ENVIRONMENT_H_
#define TIDEMARK_SERVER_CONFIG_ENVIRONMENT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/setting_table.h"

namespace tidemark::config {

struct EnvironmentValue {
  const SettingSpec* spec;  // Of SettingTable.
  std::string value;        // As given, not checked yet.
};

// `environment` is a null-terminated array of NAME=VALUE, or null for none. Left alone are
// variables of other programs: those of the client and of the scripts, and the ones that Kubernetes
// puts into every container for a service called tidemark (TIDEMARK_SERVICE_HOST,
// TIDEMARK_PORT=tcp://...). INVALID_ARGUMENT  any other TIDEMARK_* variable that is no setting.
absl::StatusOr<std::vector<EnvironmentValue>> ParseEnvironment(const char* const* environment);

}  // namespace tidemark::config

#endif  // TIDEMARK_SERVER_CONFIG_ENVIRONMENT_H_
