#include "server/config/environment.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/config/suggestion.h"

namespace tidemark::config {
namespace {

// Of the client, the scripts and the tests.
constexpr absl::string_view kOtherPrograms[] = {
    "TIDEMARK_SERVER",  "TIDEMARK_OUTPUT",    "TIDEMARK_COLOR",
    "TIDEMARK_BIN_DIR", "TIDEMARK_BUILD_DIR",
};

// TIDEMARK[_NAME]_SERVICE_HOST, ..._SERVICE_PORT[_NAME], ..._PORT and ..._PORT_7400_TCP[_...].
bool IsOfKubernetes(absl::string_view name, absl::string_view value) {
  if (absl::EndsWith(name, "_SERVICE_HOST") || absl::StrContains(name, "_SERVICE_PORT"))
    return true;
  if (absl::EndsWith(name, "_PORT") && absl::StrContains(value, "://")) return true;
  return absl::StrContains(name, "_PORT_") &&
         (absl::StrContains(name, "_TCP") || absl::StrContains(name, "_UDP"));
}

bool IsOfAnotherProgram(absl::string_view name, absl::string_view value) {
  for (const absl::string_view other : kOtherPrograms) {
    if (name == other) return true;
  }
  return IsOfKubernetes(name, value);
}

const SettingSpec* FindByEnvironment(absl::string_view name) {
  for (const SettingSpec& spec : SettingTable()) {
    if (spec.Environment() == name) return &spec;
  }
  return nullptr;
}

absl::Status UnknownVariable(absl::string_view name) {
  std::vector<std::string> known;
  for (const SettingSpec& spec : SettingTable()) known.push_back(spec.Environment());
  return absl::InvalidArgumentError(absl::StrCat("unknown environment variable ", name,
                                                 DidYouMean(name, known),
                                                 "; see --help for the settings"));
}

}  // namespace

absl::StatusOr<std::vector<EnvironmentValue>> ParseEnvironment(const char* const* environment) {
  std::vector<EnvironmentValue> values;
  for (const char* const* entry = environment; entry != nullptr && *entry != nullptr; ++entry) {
    const absl::string_view variable = *entry;
    const size_t equals = variable.find('=');
    if (!absl::StartsWith(variable, "TIDEMARK_") || equals == absl::string_view::npos) continue;
    const absl::string_view name = variable.substr(0, equals);
    const absl::string_view value = variable.substr(equals + 1);
    const SettingSpec* spec = FindByEnvironment(name);
    if (spec != nullptr) {
      values.push_back({spec, std::string(value)});
    } else if (!IsOfAnotherProgram(name, value)) {
      return UnknownVariable(name);
    }
  }
  return values;
}

}  // namespace tidemark::config
