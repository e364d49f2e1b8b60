// Nothing of an event can steer the terminal it is shown on.
#include "client/cli/terminal.h"

#include <nlohmann/json.hpp>

#include "client/cli/utf8.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tidemark::cli {
namespace {

TEST(EscapeForTerminalTest, ShowsControlCharacters) {
  EXPECT_EQ(EscapeForTerminal("plain é 漢 🙂"), "plain é 漢 🙂");
  EXPECT_EQ(EscapeForTerminal("\x1b[2J\a\n\r\t\x7f"), "\\x1b[2J\\x07\\n\\r\\t\\x7f");
  EXPECT_EQ(EscapeForTerminal("\xc2\x9b"), "\\x9b");  // C1: CSI in one character.
  EXPECT_EQ(EscapeForTerminal("\xe2\x80\xae"
                              "abc"),
            "\\u{202e}abc");  // Right-to-left override.
}

TEST(EscapeForTerminalTest, ShowsBytesThatAreNotUtf8) {
  EXPECT_EQ(EscapeForTerminal("a\xff"), "a\\xff");
  EXPECT_EQ(EscapeForTerminal("\xc0\xaf"), "\\xc0\\xaf");           // Overlong.
  EXPECT_EQ(EscapeForTerminal("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // A surrogate.
  EXPECT_EQ(EscapeForTerminal("\xe2\x82"), "\\xe2\\x82");           // Cut off.
}

TEST(EscapeJsonForTerminalTest, KeepsTheMeaning) {
  const std::string json = "{\"a\":\"\xc2\x9b\x7f é \xe2\x80\xae\"}";
  const std::string safe = EscapeJsonForTerminal(json);
  EXPECT_EQ(safe, "{\"a\":\"\\u009b\\u007f é \\u202e\"}");
  EXPECT_EQ(nlohmann::json::parse(safe), nlohmann::json::parse(json));
}

TEST(CutToColumnsTest, CutsBetweenCharacters) {
  EXPECT_EQ(CutToColumns("hello", 5), "hello");
  EXPECT_EQ(CutToColumns("hello", 4), "hel…");
  EXPECT_EQ(CutToColumns("漢字漢字", 5), "漢字…");
  EXPECT_EQ(CutToColumns("漢字漢字", 4), "漢…");
  EXPECT_EQ(CutToColumns("hello", 0), "");
}

TEST(DisplayWidthTest, CountsColumns) {
  EXPECT_EQ(DisplayWidth(""), 0);
  EXPECT_EQ(DisplayWidth("aé"), 2);
  EXPECT_EQ(DisplayWidth("漢🙂"), 4);
  EXPECT_EQ(DisplayWidth("e\xcc\x81"), 1);  // e and a combining accent.
}

TEST(PaintTest, PaintsOnlyWhenAsked) {
  EXPECT_EQ(Paint("x", Color::kRed, false), "x");
  EXPECT_EQ(Paint("x", Color::kRed, true), "\033[31mx\033[0m");
  EXPECT_EQ(Paint("", Color::kRed, true), "");
}

}  // namespace
}  // namespace tidemark::cli
