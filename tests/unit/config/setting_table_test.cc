#include "server/config/setting_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/match.h"
#include "server/config/load_settings.h"

namespace tidemark::config {
namespace {

// A value other than the default, that the setting accepts beside the defaults of the others.
std::string AnotherValue(const SettingSpec& spec) {
  if (spec.value_hint == "DIR" || spec.value_hint == "FILE") return "some/path";
  if (spec.value_hint == "HOST:PORT") return "127.0.0.1:9999";
  if (spec.value_hint.empty()) return "true";
  if (spec.name == "log_level") return "debug";
  if (spec.name == "log_format") return "json";
  if (spec.value_hint == "TIME") return "1s";
  if (spec.value_hint == "N") return spec.format(Settings{}) == "100" ? "101" : "100";
  if (spec.name == "request_bytes_max") return "3MiB";
  if (spec.name == "memory_limit") return "1GiB";
  if (spec.name == "commit_bytes_max") return "3MiB";
  if (spec.name == "index_open_bytes_max") return "17MiB";
  if (spec.name == "event_bytes_max" || spec.name == "batch_bytes_max") return "512KiB";
  return "33MiB";
}

std::string DefaultOf(const SettingSpec& spec) { return spec.format(Settings{}); }

TEST(SettingTableTest, GivesEverySettingOneName) {
  std::set<std::string> names;
  for (const SettingSpec& spec : SettingTable()) {
    EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
    EXPECT_EQ(FindSetting(spec.name), &spec);
  }
  EXPECT_EQ(FindSetting("nonsense"), nullptr);
}

TEST(SettingTableTest, DerivesFlagAndVariableFromTheName) {
  const SettingSpec* const spec = FindSetting("queue_bytes_max");
  ASSERT_NE(spec, nullptr);
  EXPECT_EQ(spec->Flag(), "--queue-bytes-max");
  EXPECT_EQ(spec->Environment(), "TIDEMARK_QUEUE_BYTES_MAX");
}

TEST(SettingTableTest, AcceptsItsOwnDefaults) {
  for (const SettingSpec& spec : SettingTable()) {
    const std::string text = DefaultOf(spec);
    if (text.empty()) continue;  // No value at all is the default.
    Settings settings;
    EXPECT_TRUE(spec.parse(text, settings).ok()) << spec.name << " = " << text;
    EXPECT_EQ(spec.format(settings), text) << spec.name;
  }
}

TEST(SettingTableTest, SetsTheSettingItNamesAndNoOther) {
  for (const SettingSpec& spec : SettingTable()) {
    const std::string text = AnotherValue(spec);
    Settings settings;
    ASSERT_TRUE(spec.parse(text, settings).ok()) << spec.name << " = " << text;
    for (const SettingSpec& other : SettingTable()) {
      EXPECT_EQ(other.format(settings), other.name == spec.name ? text : DefaultOf(other))
          << other.name << " after setting " << spec.name;
    }
  }
}

TEST(SettingTableTest, CanBeSetByFlagAndByEnvironment) {
  for (const SettingSpec& spec : SettingTable()) {
    if (spec.name == "config") continue;  // Its file would have to exist.
    SCOPED_TRACE(spec.name);
    const std::string value = AnotherValue(spec);
    const std::string flag = spec.Flag() + "=" + value;
    const std::string variable = spec.Environment() + "=" + value;
    const char* const data_first[] = {"tidemarkd", "--data=d", flag.c_str()};
    const char* const environment[] = {"TIDEMARK_DATA=e", variable.c_str(), nullptr};
    const auto by_flag = LoadSettings(3, data_first, nullptr);
    const auto by_environment = LoadSettings(1, data_first, environment);
    ASSERT_TRUE(by_flag.ok()) << by_flag.status();
    ASSERT_TRUE(by_environment.ok()) << by_environment.status();
    EXPECT_EQ(spec.format(by_flag->settings), value);
    EXPECT_EQ(spec.format(by_environment->settings), value);
  }
}

TEST(SettingTableTest, RefusesValuesOutsideTheRangeAndLeavesTheSettingAlone) {
  for (const SettingSpec& spec : SettingTable()) {
    if (!absl::StartsWith(spec.allowed, "from ")) continue;
    const std::string too_large = spec.value_hint == "TIME" ? "1000h" : "99999999999999";
    Settings settings;
    const absl::Status status = spec.parse(too_large, settings);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << spec.name;
    EXPECT_TRUE(absl::StrContains(status.message(), spec.allowed)) << status;
    EXPECT_EQ(spec.format(settings), DefaultOf(spec)) << spec.name;
  }
}

}  // namespace
}  // namespace tidemark::config
