// The table of settings: for each its name, help, range, and how it is read and written as text.
#ifndef TIDEMARK_SERVER_CONFIG_SETTING_TABLE_H_
#define TIDEMARK_SERVER_CONFIG_SETTING_TABLE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/config/settings.h"

namespace tidemark::config {

struct SettingSpec {
  std::string name;         // "queue_bytes_max".
  std::string group;        // Heading in --help.
  std::string value_hint;   // "SIZE"; empty: a switch, whose flag alone means true.
  std::string allowed;      // "from 1MiB to 1TiB"; may be empty.
  std::string description;  // Whole sentences.
  // Sets the value. INVALID_ARGUMENT  the text is not allowed; the message says only what is.
  std::function<absl::Status(absl::string_view text, Settings& settings)> parse;
  std::function<std::string(const Settings& settings)> format;

  std::string Flag() const;         // "--queue-bytes-max".
  std::string Environment() const;  // "TIDEMARK_QUEUE_BYTES_MAX".
};

// Every setting, in the order of --help.
const std::vector<SettingSpec>& SettingTable();

// Null if there is no such setting.
const SettingSpec* FindSetting(absl::string_view name);

}  // namespace tidemark::config

#endif  // TIDEMARK_SERVER_CONFIG_SETTING_TABLE_H_
