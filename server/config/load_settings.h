// LoadSettings: command line, environment and configuration file to checked Settings.
//
// Terms.   The setting `queue_bytes_max` is the flag --queue-bytes-max, the environment variable
//          TIDEMARK_QUEUE_BYTES_MAX and the key queue_bytes_max of the TOML file that --config (or
//          TIDEMARK_CONFIG) names. Of these the flag is stronger than the environment, that than
//          the file, and that than the default.
// Failure. Every given value is checked, also one that a stronger source overrides. An error names
//          the setting, where the value came from, the value, and what is allowed.
#ifndef TIDEMARK_SERVER_CONFIG_LOAD_SETTINGS_H_
#define TIDEMARK_SERVER_CONFIG_LOAD_SETTINGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/config/settings.h"

namespace tidemark::config {

// The strongest first.
enum class Source { kFlag, kEnvironment, kFile, kDefault };

// "flag", "environment", "file", "default".
absl::string_view SourceName(Source source);

struct SettingValue {
  std::string name;   // As in the configuration file.
  std::string value;  // As text that the configuration file would accept.
  Source source = Source::kDefault;
  std::string description;  // One sentence or two.
};

struct LoadedSettings {
  Settings settings;
  std::vector<SettingValue> values;  // Every setting, by name.
  // Not empty: --help or --version was given. Print it and exit with 0; nothing else here is set.
  std::string exit_text;
};

// `argv` is main's, program name included. `environment` is a null-terminated array of NAME=VALUE
// as `environ`, or null for none. Reads the configuration file and nothing else.
// INVALID_ARGUMENT  unknown flag, key or TIDEMARK_* variable, malformed file, bad or missing value,
//                   or values that do not go together.
// NOT_FOUND         there is no such configuration file, or it cannot be read.
absl::StatusOr<LoadedSettings> LoadSettings(int argc, const char* const* argv,
                                            const char* const* environment);

}  // namespace tidemark::config

#endif  // TIDEMARK_SERVER_CONFIG_LOAD_SETTINGS_H_
