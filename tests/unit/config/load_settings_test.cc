#include "server/config/load_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/config/setting_table.h"
#include "server/config/version.h"

namespace tidemark::config {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class LoadSettingsTest : public ::testing::Test {
 protected:
  LoadSettingsTest()
      : path_(absl::StrCat(::testing::TempDir(), "tidemark_config_test_", getpid(), ".toml")) {}
  ~LoadSettingsTest() override { std::remove(path_.c_str()); }

  void WriteFile(const std::string& text) { std::ofstream(path_) << text; }

  absl::StatusOr<LoadedSettings> Load(std::vector<std::string> flags,
                                      std::vector<std::string> environment = {}) {
    std::vector<const char*> argv = {"tidemarkd"};
    for (const std::string& flag : flags) argv.push_back(flag.c_str());
    std::vector<const char*> env;
    for (const std::string& variable : environment) env.push_back(variable.c_str());
    env.push_back(nullptr);
    return LoadSettings(static_cast<int>(argv.size()), argv.data(), env.data());
  }

  // The error of a load that must fail; `--data` is given for it.
  std::string ErrorOf(std::vector<std::string> flags, std::vector<std::string> environment = {}) {
    flags.insert(flags.begin(), {"--data", "d"});
    const auto loaded = Load(std::move(flags), std::move(environment));
    return loaded.ok() ? "no error" : std::string(loaded.status().message());
  }

  static SettingValue ValueNamed(const LoadedSettings& loaded, absl::string_view name) {
    for (const SettingValue& value : loaded.values) {
      if (value.name == name) return value;
    }
    ADD_FAILURE() << "no setting " << name;
    return {};
  }

  const std::string path_;
};

TEST_F(LoadSettingsTest, NeedsOnlyADirectory) {
  const auto loaded = Load({"--data", "/tmp/d"});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->exit_text, "");
  EXPECT_EQ(loaded->settings.data, "/tmp/d");
  EXPECT_EQ(loaded->settings.listen.ToString(), "127.0.0.1:7400");
  EXPECT_EQ(loaded->settings.http->ToString(), "127.0.0.1:7480");
  EXPECT_EQ(loaded->settings.event_bytes_max, 1 * kMiB);
  EXPECT_EQ(loaded->settings.request_bytes_max, 4 * kMiB);
  EXPECT_EQ(loaded->settings.heartbeat_interval, absl::Seconds(15));
}

TEST_F(LoadSettingsTest, SaysHowToGiveTheDirectory) {
  const auto loaded = Load({});
  EXPECT_EQ(loaded.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(loaded.status().message()),
              AllOf(HasSubstr("setting data"), HasSubstr("--data"), HasSubstr("TIDEMARK_DATA")));
}

// One setting, given in all places, loses them one by one.
TEST_F(LoadSettingsTest, PrefersFlagThenEnvironmentThenFileThenDefault) {
  WriteFile("data = 'd'\nqueue_bytes_max = \"16MiB\"");
  const std::vector<std::string> file = {"--config", path_};
  const std::vector<std::string> file_and_flag = {"--config", path_, "--queue-bytes-max=36MiB"};
  const std::vector<std::string> environment = {"TIDEMARK_QUEUE_BYTES_MAX=32MiB"};
  struct Expected {
    absl::StatusOr<LoadedSettings> loaded;
    uint64_t bytes;
    Source source;
  };
  const Expected cases[] = {
      {Load(file_and_flag, environment), 36 * kMiB, Source::kFlag},
      {Load(file, environment), 32 * kMiB, Source::kEnvironment},
      {Load(file), 16 * kMiB, Source::kFile},
      {Load({"--data", "d"}), 36 * kMiB, Source::kDefault},
  };
  for (const Expected& expected : cases) {
    SCOPED_TRACE(SourceName(expected.source).data());
    ASSERT_TRUE(expected.loaded.ok()) << expected.loaded.status();
    EXPECT_EQ(expected.loaded->settings.queue_bytes_max, expected.bytes);
    EXPECT_EQ(ValueNamed(*expected.loaded, "queue_bytes_max").source, expected.source);
  }
}

TEST_F(LoadSettingsTest, TellsEverySettingWithValueSourceAndDescription) {
  const auto loaded = Load({"--data", "d", "--http", "off"});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_EQ(loaded->values.size(), SettingTable().size());
  for (size_t i = 1; i < loaded->values.size(); ++i) {
    EXPECT_LT(loaded->values[i - 1].name, loaded->values[i].name);
  }
  for (const SettingValue& value : loaded->values) EXPECT_NE(value.description, "") << value.name;
  EXPECT_EQ(ValueNamed(*loaded, "http").value, "off");
  EXPECT_EQ(ValueNamed(*loaded, "http").source, Source::kFlag);
  EXPECT_EQ(ValueNamed(*loaded, "revoke_timeout").value, "10s");
  EXPECT_EQ(ValueNamed(*loaded, "revoke_timeout").source, Source::kDefault);
}

TEST_F(LoadSettingsTest, ReadsTheFileThatTheEnvironmentNames) {
  WriteFile("data = 'from-file'");
  const auto loaded = Load({}, {absl::StrCat("TIDEMARK_CONFIG=", path_)});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->settings.data, "from-file");
  EXPECT_EQ(loaded->settings.config, path_);
}

TEST_F(LoadSettingsTest, TakesTheLastOfAFlagGivenTwice) {
  const auto loaded = Load({"--data", "a", "--data=b"});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->settings.data, "b");
}

TEST_F(LoadSettingsTest, TurnsHttpOffWithAnEmptyValue) {
  for (const std::vector<std::string>& flags : std::vector<std::vector<std::string>>{
           {"--http", "", "--data", "d"}, {"--http=", "--data", "d"}, {"--data=d", "--http=off"}}) {
    const auto loaded = Load(flags);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_FALSE(loaded->settings.http.has_value());
    EXPECT_EQ(loaded->settings.data, "d");
  }
}

TEST_F(LoadSettingsTest, NamesSettingOriginValueAndRangeOfABadValue) {
  EXPECT_THAT(ErrorOf({"--queue-bytes-max", "lots"}),
              AllOf(StartsWith("setting queue_bytes_max = \"lots\" (flag --queue-bytes-max): "),
                    HasSubstr("from 64KiB to 1TiB")));
  EXPECT_THAT(ErrorOf({}, {"TIDEMARK_HEARTBEAT_INTERVAL=16s"}),
              AllOf(StartsWith("setting heartbeat_interval = \"16s\" (environment "
                               "TIDEMARK_HEARTBEAT_INTERVAL): "),
                    HasSubstr("from 10ms to 15s")));
  WriteFile("\nlog_level = \"loud\"");
  EXPECT_EQ(ErrorOf({"--config", path_}),
            absl::StrCat("setting log_level = \"loud\" (", path_,
                         ":2): must be one of trace|debug|info|warning|error"));
}

TEST_F(LoadSettingsTest, ChecksAValueThatAStrongerSourceOverrides) {
  EXPECT_THAT(ErrorOf({"--grpc-threads", "2"}, {"TIDEMARK_GRPC_THREADS=none"}),
              HasSubstr("TIDEMARK_GRPC_THREADS"));
}

TEST_F(LoadSettingsTest, RefusesUnknownNamesAndSuggestsTheNearest) {
  EXPECT_EQ(ErrorOf({"--queue-byte-max=1MiB"}),
            "unknown flag --queue-byte-max; did you mean --queue-bytes-max?; see --help");
  EXPECT_EQ(
      ErrorOf({}, {"TIDEMARK_LISTN=x"}),
      "unknown environment variable TIDEMARK_LISTN; did you mean TIDEMARK_LISTEN?; see --help "
      "for the settings");
  WriteFile("lissten = \"x\"");
  EXPECT_EQ(ErrorOf({"--config", path_}),
            absl::StrCat("unknown setting lissten (", path_,
                         ":1); did you mean listen?; see --help for the settings"));
  EXPECT_EQ(ErrorOf({"--frobnicate"}), "unknown flag --frobnicate; see --help");
  EXPECT_THAT(ErrorOf({"stray"}), HasSubstr("unexpected argument \"stray\""));
}

TEST_F(LoadSettingsTest, RefusesAFlagWithoutItsValue) {
  EXPECT_THAT(ErrorOf({"--listen"}), HasSubstr("--listen"));
  EXPECT_EQ(ErrorOf({"--ports-file", "--log-level", "info"}),
            "flag --ports-file: needs a value, but the flag --log-level follows; see --help");
  EXPECT_THAT(ErrorOf({"--data="}), HasSubstr("must not be empty"));
}

TEST_F(LoadSettingsTest, LeavesVariablesOfOtherProgramsAlone) {
  const auto loaded =
      Load({"--data", "d"},
           {"TIDEMARK_SERVER=db:7400", "TIDEMARK_BIN_DIR=/bin", "TIDEMARKS=1", "PATH=/bin",
            "TIDEMARK_SERVICE_HOST=10.0.0.1", "TIDEMARK_SERVICE_PORT=7400",
            "TIDEMARK_SERVICE_PORT_GRPC=7400", "TIDEMARK_PORT=tcp://10.0.0.1:7400",
            "TIDEMARK_PORT_7400_TCP=tcp://10.0.0.1:7400", "TIDEMARK_PORT_7400_TCP_ADDR=10.0.0.1",
            "TIDEMARK_SERVER_PORT=tcp://10.0.0.1:7400"});
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(ErrorOf({}, {"TIDEMARK_PORT=7400"}), HasSubstr("TIDEMARK_PORT"));
}

TEST_F(LoadSettingsTest, AcceptsANullEnvironment) {
  const char* argv[] = {"tidemarkd", "--data=d"};
  EXPECT_TRUE(LoadSettings(2, argv, nullptr).ok());
}

TEST_F(LoadSettingsTest, SaysWhichConfigurationFileCannotBeUsed) {
  const auto missing = Load({"--data=d", "--config=/nonexistent/t.toml"});
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("/nonexistent/t.toml"));
  WriteFile("[server]");
  EXPECT_THAT(ErrorOf({"--config", path_}), HasSubstr(absl::StrCat(path_, ": line 1: ")));
  WriteFile("config = 'other.toml'");
  EXPECT_THAT(ErrorOf({"--config", path_}), HasSubstr("cannot name another"));
}

TEST_F(LoadSettingsTest, RefusesAnOpenNetworkUnlessAllowed) {
  EXPECT_THAT(
      ErrorOf({"--listen", "0.0.0.0:7400"}),
      AllOf(HasSubstr("setting listen = 0.0.0.0:7400 (flag --listen)"),
            HasSubstr("neither TLS nor authentication"), HasSubstr("--allow-insecure-network")));
  EXPECT_THAT(ErrorOf({"--http", "[::]:7480"}), HasSubstr("setting http = [::]:7480"));
  const auto allowed = Load(
      {"--data=d", "--listen=0.0.0.0:7400", "--http=0.0.0.0:7480", "--allow-insecure-network"});
  EXPECT_TRUE(allowed.ok()) << allowed.status();
  EXPECT_THAT(ErrorOf({"--listen=0.0.0.0:1", "--allow-insecure-network=false"}),
              HasSubstr("allow-insecure-network"));
  EXPECT_THAT(ErrorOf({"--allow-insecure-network=maybe"}), HasSubstr("must be true or false"));
}

TEST_F(LoadSettingsTest, RefusesTheSameAddressTwice) {
  EXPECT_THAT(ErrorOf({"--http", "127.0.0.1:7400"}), HasSubstr("the same address"));
  EXPECT_TRUE(Load({"--data=d", "--listen=127.0.0.1:0", "--http=127.0.0.1:0"}).ok());
}

TEST_F(LoadSettingsTest, RefusesLimitsThatContradictEachOther) {
  EXPECT_EQ(ErrorOf({"--event-bytes-max", "8MiB"}),
            "setting event_bytes_max = 8MiB (flag --event-bytes-max): exceeds request_bytes_max = "
            "4MiB (default); a request must hold the largest event");
  const std::vector<std::vector<std::string>> contradictions = {
      {"--request-bytes-max=8MiB", "--queue-bytes-max=6MiB", "request_bytes_max"},
      {"--request-bytes-max=16MiB", "--queue-bytes-max=64MiB", "append_stream_inflight_bytes_max"},
      {"--batch-bytes-max=2MiB", "--commit-bytes-max=1MiB", "batch_bytes_max"},
      {"--commit-bytes-max=8MiB", "--queue-bytes-max=6MiB", "commit_bytes_max"},
      {"--batch-bytes-max=2MiB", "--tail-bytes-max=1MiB", "tail_bytes_max"},
  };
  for (const std::vector<std::string>& flags : contradictions) {
    EXPECT_THAT(ErrorOf({flags[0], flags[1]}), AllOf(HasSubstr("exceeds"), HasSubstr(flags[2])));
  }
}

TEST_F(LoadSettingsTest, AnswersHelpAndVersionWithoutNeedingAnythingElse) {
  const auto version = Load({"--version"});
  ASSERT_TRUE(version.ok()) << version.status();
  EXPECT_EQ(version->exit_text, absl::StrCat("tidemarkd ", std::string(Version()), "\n"));
  EXPECT_THAT(std::string(Version()), ContainsRegex("^[0-9]+[.][0-9]+[.][0-9]+$"));
  EXPECT_TRUE(Load({"-h"}).ok());
}

TEST_F(LoadSettingsTest, HelpsWithEverySettingWithinAHundredColumns) {
  const auto help = Load({"--help"}, {"TIDEMARK_NONSENSE=1"});
  ASSERT_TRUE(help.ok()) << help.status();
  for (const SettingSpec& spec : SettingTable()) {
    EXPECT_THAT(help->exit_text, HasSubstr(spec.Flag()));
    EXPECT_THAT(help->exit_text, HasSubstr(absl::StrCat(spec.group, ":\n")));
  }
  for (absl::string_view line : absl::StrSplit(help->exit_text, '\n')) {
    EXPECT_LE(line.size(), 100u) << line;
  }
}

}  // namespace
}  // namespace tidemark::config
