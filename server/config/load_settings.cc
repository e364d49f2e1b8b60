#include "server/config/load_settings.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/config/command_line.h"
#include "server/config/config_file.h"
#include "server/config/environment.h"
#include "server/config/setting_table.h"
#include "server/config/settings_check.h"
#include "server/config/suggestion.h"

namespace tidemark::config {
namespace {

// Settings while values of ever stronger sources are applied to them.
class Merge {
 public:
  // `where` is for people: "flag --listen", "tidemark.toml:7".
  absl::Status Apply(const SettingSpec& spec, const std::string& value, Source source,
                     std::string where) {
    const absl::Status status = spec.parse(value, settings_);
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("setting ", spec.name, " = \"", value, "\" (",
                                                     where, "): ", status.message()));
    }
    origins_[spec.name] = {source, std::move(where)};
    return absl::OkStatus();
  }

  absl::StatusOr<LoadedSettings> Finish() && {
    const absl::Status status =
        CheckTogether(settings_, [this](absl::string_view name) { return OriginOf(name).where; });
    if (!status.ok()) return status;
    LoadedSettings loaded;
    for (const SettingSpec& spec : SettingTable()) {
      loaded.values.push_back(
          {spec.name, spec.format(settings_), OriginOf(spec.name).source, spec.description});
    }
    std::sort(loaded.values.begin(), loaded.values.end(),
              [](const SettingValue& a, const SettingValue& b) { return a.name < b.name; });
    loaded.settings = std::move(settings_);
    return loaded;
  }

 private:
  struct Origin {
    Source source = Source::kDefault;
    std::string where = "default";
  };

  Origin OriginOf(absl::string_view name) const {
    const auto found = origins_.find(name);
    return found == origins_.end() ? Origin() : found->second;
  }

  Settings settings_;
  absl::flat_hash_map<std::string, Origin> origins_;
};

absl::Status UnknownKey(const ConfigFileEntry& entry, absl::string_view where) {
  std::vector<std::string> known;
  for (const SettingSpec& spec : SettingTable()) known.push_back(spec.name);
  return absl::InvalidArgumentError(absl::StrCat("unknown setting ", entry.key, " (", where, ")",
                                                 DidYouMean(entry.key, known),
                                                 "; see --help for the settings"));
}

absl::Status ApplyFile(const std::string& path, Merge& merge) {
  const absl::StatusOr<std::vector<ConfigFileEntry>> entries = ReadConfigFile(path);
  if (!entries.ok()) {
    return absl::Status(entries.status().code(), absl::StrCat("configuration file ", path, ": ",
                                                              entries.status().message()));
  }
  for (const ConfigFileEntry& entry : *entries) {
    std::string where = absl::StrCat(path, ":", entry.line);
    const SettingSpec* spec = FindSetting(entry.key);
    if (spec == nullptr) return UnknownKey(entry, where);
    if (spec->name == "config") {
      return absl::InvalidArgumentError(absl::StrCat(
          "setting config (", where, "): a configuration file cannot name another one"));
    }
    const absl::Status status = merge.Apply(*spec, entry.value, Source::kFile, std::move(where));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// The file that --config, or else TIDEMARK_CONFIG, names; empty if neither does.
std::string ConfigPath(const CommandLine& line, const std::vector<EnvironmentValue>& environment) {
  for (const FlagValue& flag : line.values) {
    if (flag.spec->name == "config") return flag.value;
  }
  for (const EnvironmentValue& variable : environment) {
    if (variable.spec->name == "config") return variable.value;
  }
  return "";
}

}  // namespace

absl::string_view SourceName(Source source) {
  switch (source) {
    case Source::kFlag:
      return "flag";
    case Source::kEnvironment:
      return "environment";
    case Source::kFile:
      return "file";
    case Source::kDefault:
      return "default";
  }
  return "";
}

absl::StatusOr<LoadedSettings> LoadSettings(int argc, const char* const* argv,
                                            const char* const* environment) {
  const absl::StatusOr<CommandLine> line = ParseCommandLine(argc, argv);
  if (!line.ok()) return line.status();
  if (!line->exit_text.empty()) {
    LoadedSettings loaded;
    loaded.exit_text = line->exit_text;
    return loaded;
  }
  const absl::StatusOr<std::vector<EnvironmentValue>> variables = ParseEnvironment(environment);
  if (!variables.ok()) return variables.status();

  // The weakest first: each later value replaces an earlier one.
  Merge merge;
  const std::string path = ConfigPath(*line, *variables);
  if (!path.empty()) {
    const absl::Status status = ApplyFile(path, merge);
    if (!status.ok()) return status;
  }
  for (const EnvironmentValue& variable : *variables) {
    const absl::Status status =
        merge.Apply(*variable.spec, variable.value, Source::kEnvironment,
                    absl::StrCat("environment ", variable.spec->Environment()));
    if (!status.ok()) return status;
  }
  for (const FlagValue& flag : line->values) {
    const absl::Status status = merge.Apply(*flag.spec, flag.value, Source::kFlag,
                                            absl::StrCat("flag ", flag.spec->Flag()));
    if (!status.ok()) return status;
  }
  return std::move(merge).Finish();
}

}  // namespace tidemark::config
