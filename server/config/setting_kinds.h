// Makers of SettingSpec, one for each kind of value.
#ifndef TIDEMARK_SERVER_CONFIG_SETTING_KINDS_H_
#define TIDEMARK_SERVER_CONFIG_SETTING_KINDS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/config/setting_table.h"
#include "server/config/settings.h"

namespace tidemark::config {

// What every kind needs.
struct SettingText {
  std::string name;
  std::string group;
  std::string description;
};

// Ranges are closed: [min, max].
SettingSpec BytesSetting(SettingText text, uint64_t Settings::*field, uint64_t min, uint64_t max);
SettingSpec CountSetting(SettingText text, uint64_t Settings::*field, uint64_t min, uint64_t max);
SettingSpec DurationSetting(SettingText text, absl::Duration Settings::*field, absl::Duration min,
                            absl::Duration max);
SettingSpec PathSetting(SettingText text, std::string value_hint, std::string Settings::*field);
SettingSpec SwitchSetting(SettingText text, bool Settings::*field);
SettingSpec LogLevelSetting(SettingText text, LogLevel Settings::*field);
SettingSpec LogFormatSetting(SettingText text, LogFormat Settings::*field);
SettingSpec EndpointSetting(SettingText text, Endpoint Settings::*field);
// "" and "off" unset the field.
SettingSpec OptionalEndpointSetting(SettingText text, std::optional<Endpoint> Settings::*field);

}  // namespace tidemark::config

#endif  // TIDEMARK_SERVER_CONFIG_SETTING_KINDS_H_
