// The command line of tidemarkd: flags to values of settings, --help and --version to text.
#ifndef TIDEMARK_SERVER_CONFIG_COMMAND_LINE_H_
#define TIDEMARK_SERVER_CONFIG_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/setting_table.h"

namespace tidemark::config {

struct FlagValue {
  const SettingSpec* spec;  // Of SettingTable.
  std::string value;        // As given, not checked yet.
};

struct CommandLine {
  std::vector<FlagValue> values;  // Each setting at most once: the last one given.
  std::string exit_text;          // Not empty: --help or --version was given.
};

// INVALID_ARGUMENT  an unknown flag, a flag without its value, or an argument that is no flag.
absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv);

}  // namespace tidemark::config

#endif  // TIDEMARK_SERVER_CONFIG_COMMAND_LINE_H_
