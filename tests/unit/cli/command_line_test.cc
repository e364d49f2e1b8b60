// The command line takes what its help says, and refuses the rest.
#include "client/cli/command_line.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "client/cli/completion.h"
#include "client/cli/completion_model.h"
#include "client/cli/context.h"
#include "client/cli/utf8.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tidemark::cli {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class CommandLineTest : public ::testing::Test {
 protected:
  // True if the words (without "tidemark") choose a command.
  bool Parse(std::vector<std::string> words) {
    const auto app = MakeCommandLine(&context_);
    std::reverse(words.begin(), words.end());  // As CLI11 wants them.
    try {
      app->parse(words);
    } catch (const CLI::ParseError&) {
      return false;
    }
    return context_.run != nullptr;
  }

  Context context_{Terminal()};
};

TEST_F(CommandLineTest, TakesOptionsOfEveryCommandAnywhere) {
  EXPECT_TRUE(Parse({"-o", "json", "--server", "a:1", "topic", "list"}));
  EXPECT_EQ(context_.output, "json");
  EXPECT_TRUE(Parse({"topic", "list", "-o", "jsonl", "--server", "b:2"}));
  EXPECT_EQ(context_.output, "jsonl");
  EXPECT_EQ(context_.server, "b:2");
}

TEST_F(CommandLineTest, TakesNamesThatAreCommandsToo) {
  EXPECT_TRUE(Parse({"read", "tail"}));
  EXPECT_TRUE(Parse({"topic", "delete", "list", "--yes"}));
}

TEST_F(CommandLineTest, TakesRepeatedFiltersBeforeTheTopic) {
  EXPECT_TRUE(Parse({"read", "--type", "a", "--type", "b.*", "--key", "k", "hr"}));
  EXPECT_TRUE(Parse({"read", "--partition", "0", "--partition", "1", "hr", "--last", "3"}));
}

TEST_F(CommandLineTest, RefusesWhatDoesNotGoTogether) {
  EXPECT_FALSE(Parse({"consume", "hr", "--group", "g", "--limit", "1", "--until-caught-up"}));
  EXPECT_FALSE(Parse({"read", "hr", "--from", "1", "--last", "1"}));
  EXPECT_FALSE(Parse({"append", "hr", "--source", "/s"}));
  EXPECT_FALSE(Parse({"read", "hr", "another"}));
}

TEST_F(CommandLineTest, HelpFitsATerminal) {
  const auto app = MakeCommandLine(&context_);
  for (const CompletionCommand& command : ModelOf(*app)) {
    const CLI::App* at = app.get();
    for (const absl::string_view name : absl::StrSplit(command.path, ' ', absl::SkipEmpty())) {
      at = at->get_subcommand(std::string(name));
    }
    const std::string help = at->help();
    for (const absl::string_view line : absl::StrSplit(help, '\n')) {
      EXPECT_LE(DisplayWidth(line), 100) << command.path << ": " << line;
    }
  }
}

TEST_F(CommandLineTest, CompletionKnowsEveryCommand) {
  const auto app = MakeCommandLine(&context_);
  std::vector<std::string> paths;
  for (const CompletionCommand& command : ModelOf(*app)) paths.push_back(command.path);
  for (const char* path : {"", "topic create", "append", "group commit", "completion fish"}) {
    EXPECT_THAT(paths, Contains(path));
  }
  for (const std::string& path : paths) {
    if (path.empty()) continue;
    EXPECT_THAT(BashCompletion(*app), HasSubstr("\"" + path + "\")"));
    EXPECT_THAT(ZshCompletion(*app), HasSubstr("\"" + path + "\")"));
    EXPECT_THAT(FishCompletion(*app), HasSubstr("'" + path + "'"));
  }
}

}  // namespace
}  // namespace tidemark::cli
