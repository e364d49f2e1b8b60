#include "server/config/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tidemark::config {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string ValueOf(absl::string_view line) {
  const auto entries = ParseConfigFile(line);
  if (!entries.ok()) return std::string(entries.status().message());
  return entries->size() == 1 ? entries->front().value : "not one entry";
}

TEST(ConfigFileTest, ReadsKeysAndValuesWithTheirLines) {
  const auto entries = ParseConfigFile(
      "# Tidemark\r\n"
      "\n"
      "data = \"/var/lib/tidemark\"  # where\n"
      "  grpc-threads=4\n"
      "x = true");
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ((*entries)[0].key, "data");
  EXPECT_EQ((*entries)[0].value, "/var/lib/tidemark");
  EXPECT_EQ((*entries)[0].line, 3);
  EXPECT_EQ((*entries)[1].key, "grpc-threads");
  EXPECT_EQ((*entries)[1].value, "4");
  EXPECT_EQ((*entries)[1].line, 4);
  EXPECT_EQ((*entries)[2].value, "true");
}

TEST(ConfigFileTest, ReadsEveryKindOfValue) {
  EXPECT_EQ(ValueOf("a = \"\""), "");
  EXPECT_EQ(ValueOf("a = ''"), "");
  EXPECT_EQ(ValueOf("a = \"b # c, d = e\""), "b # c, d = e");
  EXPECT_EQ(ValueOf("a = \"say \\\"x\\\" \\\\ \\t.\""), "say \"x\" \\ \t.");
  EXPECT_EQ(ValueOf("a = 'C:\\data' # raw"), "C:\\data");
  EXPECT_EQ(ValueOf("a = 1_048_576"), "1048576");
  EXPECT_EQ(ValueOf("a = -1.5"), "-1.5");
  EXPECT_EQ(ValueOf("a = false#off"), "false");
  EXPECT_EQ(ValueOf("\xEF\xBB\xBF"
                    "a = 1"),
            "1");
}

TEST(ConfigFileTest, ReadsAnEmptyFile) {
  EXPECT_TRUE(ParseConfigFile("")->empty());
  EXPECT_TRUE(ParseConfigFile("\n# nothing\n")->empty());
}

TEST(ConfigFileTest, SaysWhatIsWrongWithALine) {
  EXPECT_THAT(ValueOf("a"), HasSubstr("line 1: must be `name = value`"));
  EXPECT_THAT(ValueOf("= 1"), HasSubstr("must be `name = value`"));
  EXPECT_THAT(ValueOf("a b = 1"), HasSubstr("must be `name = value`"));
  EXPECT_THAT(ValueOf("a ="), HasSubstr("a: "));
  EXPECT_THAT(ValueOf("a = 64MiB"), HasSubstr("text goes in quotes, as in \"64MiB\""));
  EXPECT_THAT(ValueOf("a = \"b"), HasSubstr("no closing quote"));
  EXPECT_THAT(ValueOf("a = \"b\\\""), HasSubstr("no closing quote"));
  EXPECT_THAT(ValueOf("a = \"b\\x\""), HasSubstr("\\x"));
  EXPECT_THAT(ValueOf("a = \"b\" c"), HasSubstr("`c` after the value"));
  EXPECT_THAT(ValueOf("a = 1 2"), HasSubstr("`2` after the value"));
  EXPECT_THAT(ValueOf("a = _1"), HasSubstr("no number"));
  EXPECT_THAT(ValueOf("a = 1__0"), HasSubstr("no number"));
}

TEST(ConfigFileTest, RefusesTomlThatNoSettingNeeds) {
  EXPECT_THAT(ValueOf("[server]"), HasSubstr("tables are not supported"));
  EXPECT_THAT(ValueOf("a = [1, 2]"), HasSubstr("arrays"));
  EXPECT_THAT(ValueOf("a = {b = 1}"), HasSubstr("inline tables"));
  EXPECT_THAT(ValueOf("a = \"\"\"b\"\"\""), HasSubstr("multi-line strings"));
  EXPECT_THAT(ValueOf("a.b = 1"), HasSubstr("must be `name = value`"));
}

TEST(ConfigFileTest, RefusesAKeyGivenTwice) {
  EXPECT_EQ(ValueOf("a = 1\n\na = 2"), "line 3: a is already set in line 1");
}

TEST(ConfigFileTest, SaysWhyAFileCannotBeRead) {
  const auto missing = ReadConfigFile("/nonexistent/tidemark.toml");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("No such file"));
  const auto directory = ReadConfigFile(::testing::TempDir());
  EXPECT_EQ(directory.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(directory.status().message()), HasSubstr("directory"));
}

TEST(ConfigFileTest, RefusesAFileThatIsFarTooLarge) {
  const auto endless = ReadConfigFile("/dev/zero");
  EXPECT_EQ(endless.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(endless.status().message()), StartsWith("is larger than 1048576"));
}

}  // namespace
}  // namespace tidemark::config
