// The configuration file: the part of TOML that settings need, read strictly.
//
// A line is empty, a comment, or `key = value` with a string, an integer, a float or a boolean.
// Tables, arrays, dates and multi-line strings are valid TOML and refused: no setting has one.
// CLI11's reader is not used for it, because it has no line numbers, cuts strings at a '#' and
// takes what is no TOML ("queue_bytes_max" alone becomes "true").
#ifndef TIDEMARK_SERVER_CONFIG_CONFIG_FILE_H_
#define TIDEMARK_SERVER_CONFIG_CONFIG_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tidemark::config {

struct ConfigFileEntry {
  std::string key;
  std::string value;  // Unquoted and unescaped; digits without underscores.
  int line = 0;       // 1-based.
};

// The entries of `text` in its order, each key once.
// INVALID_ARGUMENT  a malformed or unsupported line, or a key twice; begins with "line N: ".
absl::StatusOr<std::vector<ConfigFileEntry>> ParseConfigFile(absl::string_view text);

// NOT_FOUND  no such file, or it cannot be read.
// Otherwise as ParseConfigFile.
absl::StatusOr<std::vector<ConfigFileEntry>> ReadConfigFile(const std::string& path);

}  // namespace tidemark::config

#endif  // TIDEMARK_SERVER_CONFIG_CONFIG_FILE_H_
