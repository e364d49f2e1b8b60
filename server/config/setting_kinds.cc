#include "server/config/setting_kinds.h"

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/config/value_text.h"

namespace tidemark::config {
namespace {

SettingSpec Spec(SettingText text, std::string value_hint, std::string allowed) {
  SettingSpec spec;
  spec.name = std::move(text.name);
  spec.group = std::move(text.group);
  spec.description = std::move(text.description);
  spec.value_hint = std::move(value_hint);
  spec.allowed = std::move(allowed);
  return spec;
}

// A value with an order, a parser and a formatter of its own.
template <typename T>
SettingSpec RangeSetting(SettingText text, std::string value_hint, T Settings::*field, T min, T max,
                         absl::StatusOr<T> (*parse)(absl::string_view), std::string (*format)(T)) {
  const std::string allowed = absl::StrCat("from ", format(min), " to ", format(max));
  SettingSpec spec = Spec(std::move(text), std::move(value_hint), allowed);
  spec.parse = [=](absl::string_view value_text, Settings& settings) {
    const absl::StatusOr<T> value = parse(value_text);
    if (!value.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(value.status().message(), ", ", allowed));
    }
    if (*value < min || *value > max) {
      return absl::InvalidArgumentError(absl::StrCat("must be ", allowed));
    }
    settings.*field = *value;
    return absl::OkStatus();
  };
  spec.format = [=](const Settings& settings) { return format(settings.*field); };
  return spec;
}

template <typename T>
struct Choice {
  absl::string_view name;
  T value;
};

template <typename T>
SettingSpec ChoiceSetting(SettingText text, T Settings::*field, std::vector<Choice<T>> choices) {
  const std::string allowed = absl::StrJoin(
      choices, "|",
      [](std::string* out, const Choice<T>& choice) { absl::StrAppend(out, choice.name); });
  SettingSpec spec = Spec(std::move(text), allowed, "");
  spec.parse = [=](absl::string_view name, Settings& settings) {
    for (const Choice<T>& choice : choices) {
      if (choice.name != name) continue;
      settings.*field = choice.value;
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(absl::StrCat("must be one of ", allowed));
  };
  spec.format = [=](const Settings& settings) {
    for (const Choice<T>& choice : choices) {
      if (choice.value == settings.*field) return std::string(choice.name);
    }
    return std::string();  // Not reached: every value of T is a choice.
  };
  return spec;
}

}  // namespace

SettingSpec BytesSetting(SettingText text, uint64_t Settings::*field, uint64_t min, uint64_t max) {
  return RangeSetting(std::move(text), "SIZE", field, min, max, &ParseBytes, &BytesToText);
}

SettingSpec CountSetting(SettingText text, uint64_t Settings::*field, uint64_t min, uint64_t max) {
  return RangeSetting<uint64_t>(std::move(text), "N", field, min, max, &ParseCount,
                                [](uint64_t count) { return absl::StrCat(count); });
}

SettingSpec DurationSetting(SettingText text, absl::Duration Settings::*field, absl::Duration min,
                            absl::Duration max) {
  return RangeSetting(std::move(text), "TIME", field, min, max, &ParseDuration, &DurationToText);
}

SettingSpec PathSetting(SettingText text, std::string value_hint, std::string Settings::*field) {
  SettingSpec spec = Spec(std::move(text), std::move(value_hint), "");
  spec.parse = [=](absl::string_view value, Settings& settings) {
    if (value.empty()) return absl::InvalidArgumentError("must not be empty");
    settings.*field = std::string(value);
    return absl::OkStatus();
  };
  spec.format = [=](const Settings& settings) { return settings.*field; };
  return spec;
}

SettingSpec SwitchSetting(SettingText text, bool Settings::*field) {
  SettingSpec spec = Spec(std::move(text), "", "");
  spec.parse = [=](absl::string_view value_text, Settings& settings) {
    const absl::StatusOr<bool> value = ParseBool(value_text);
    if (value.ok()) settings.*field = *value;
    return value.status();
  };
  spec.format = [=](const Settings& settings) {
    return std::string(settings.*field ? "true" : "false");
  };
  return spec;
}

SettingSpec LogLevelSetting(SettingText text, LogLevel Settings::*field) {
  return ChoiceSetting<LogLevel>(std::move(text), field,
                                 {{"trace", LogLevel::kTrace},
                                  {"debug", LogLevel::kDebug},
                                  {"info", LogLevel::kInfo},
                                  {"warning", LogLevel::kWarning},
                                  {"error", LogLevel::kError}});
}

SettingSpec LogFormatSetting(SettingText text, LogFormat Settings::*field) {
  return ChoiceSetting<LogFormat>(std::move(text), field,
                                  {{"text", LogFormat::kText}, {"json", LogFormat::kJson}});
}

SettingSpec EndpointSetting(SettingText text, Endpoint Settings::*field) {
  SettingSpec spec = Spec(std::move(text), "HOST:PORT", "");
  spec.parse = [=](absl::string_view value_text, Settings& settings) {
    absl::StatusOr<Endpoint> value = ParseEndpoint(value_text);
    if (!value.ok()) return value.status();
    settings.*field = *std::move(value);
    return absl::OkStatus();
  };
  spec.format = [=](const Settings& settings) { return (settings.*field).ToString(); };
  return spec;
}

SettingSpec OptionalEndpointSetting(SettingText text, std::optional<Endpoint> Settings::*field) {
  SettingSpec spec = Spec(std::move(text), "HOST:PORT", "");
  spec.parse = [=](absl::string_view value_text, Settings& settings) {
    if (value_text.empty() || value_text == "off") {
      settings.*field = std::nullopt;
      return absl::OkStatus();
    }
    absl::StatusOr<Endpoint> value = ParseEndpoint(value_text);
    if (!value.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(value.status().message(), ", or off"));
    }
    settings.*field = *std::move(value);
    return absl::OkStatus();
  };
  spec.format = [=](const Settings& settings) {
    const std::optional<Endpoint>& endpoint = settings.*field;
    return endpoint.has_value() ? endpoint->ToString() : "off";
  };
  return spec;
}

}  // namespace tidemark::config
