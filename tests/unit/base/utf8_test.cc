#include "server/base/utf8.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"

namespace tidemark::base {
namespace {

// `code` in UTF-8 as the bit pattern says, also where Unicode forbids it.
std::string Utf8(uint32_t code, int bytes) {
  if (bytes == 1) return std::string(1, static_cast<char>(code));
  std::string text;
  static constexpr uint8_t kLead[] = {0, 0, 0xc0, 0xe0, 0xf0};
  text.push_back(static_cast<char>(kLead[bytes] | code >> (6 * (bytes - 1))));
  for (int i = bytes - 2; i >= 0; --i) {
    text.push_back(static_cast<char>(0x80 | ((code >> (6 * i)) & 0x3f)));
  }
  return text;
}

int BytesOf(uint32_t code) { return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4; }

TEST(Utf8Test, TakesEveryCodePointAndNoSurrogate) {
  for (uint32_t code = 0; code <= 0x10ffff; ++code) {
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    ASSERT_EQ(IsUtf8(Utf8(code, BytesOf(code))), !surrogate) << std::hex << code;
  }
}

TEST(Utf8Test, RefusesOverlongForms) {
  for (uint32_t code : {0u, 0x2fu, 0x7fu, 0x80u, 0x7ffu, 0x800u, 0xffffu}) {
    for (int bytes = BytesOf(code) + 1; bytes <= 4; ++bytes) {
      EXPECT_FALSE(IsUtf8(Utf8(code, bytes))) << std::hex << code << " in " << bytes;
    }
  }
}

TEST(Utf8Test, RefusesWhatIsBeyondUnicode) {
  EXPECT_FALSE(IsUtf8(Utf8(0x110000, 4)));
  EXPECT_FALSE(IsUtf8(Utf8(0x1fffff, 4)));
  EXPECT_FALSE(IsUtf8("\xf8\x88\x80\x80\x80"));
}

TEST(Utf8Test, RefusesCutSequencesAndStrayBytes) {
  for (uint32_t code : {0xe9u, 0x20acu, 0x1f600u}) {
    const std::string whole = Utf8(code, BytesOf(code));
    for (size_t size = 1; size < whole.size(); ++size) {
      EXPECT_FALSE(IsUtf8(whole.substr(0, size))) << absl::CHexEscape(whole) << " " << size;
      EXPECT_FALSE(IsUtf8(whole.substr(0, size) + "a")) << absl::CHexEscape(whole) << " " << size;
    }
    EXPECT_FALSE(IsUtf8(whole.substr(1))) << absl::CHexEscape(whole);
  }
  EXPECT_FALSE(IsUtf8("\xff"));
  EXPECT_FALSE(IsUtf8("\xc3\xc3"));
}

TEST(Utf8Test, FindsAControlCharacterAnywhereInALongText) {
  for (int byte = 0; byte < 0x80; ++byte) {
    const bool control = byte < 0x20 || byte == 0x7f;
    for (size_t at = 0; at < 20; ++at) {
      for (const char filler : {' ', 'a', '~'}) {
        std::string text(20, filler);
        text[at] = static_cast<char>(byte);
        ASSERT_EQ(IsPlainText(text), !control) << byte << " at " << at;
        ASSERT_TRUE(IsUtf8(text)) << byte << " at " << at;
      }
    }
  }
}

TEST(Utf8Test, FindsAStrayByteAnywhereInALongText) {
  for (int byte = 0x80; byte < 0x100; ++byte) {
    for (size_t at = 0; at < 20; ++at) {
      std::string text(20, 'a');
      text[at] = static_cast<char>(byte);
      ASSERT_FALSE(IsPlainText(text)) << byte << " at " << at;
      ASSERT_FALSE(IsUtf8(text)) << byte << " at " << at;
    }
  }
}

TEST(Utf8Test, TakesMixedText) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("Zoë Müller, 日本, 😀"));
  EXPECT_FALSE(IsUtf8("Zoë M\xfcller"));
}

TEST(Utf8Test, PlainTextHasNoControlCharacters) {
  for (int byte = 0; byte < 0x80; ++byte) {
    const std::string text = "a" + std::string(1, static_cast<char>(byte)) + "b";
    EXPECT_EQ(IsPlainText(text), byte >= 0x20 && byte != 0x7f) << byte;
    EXPECT_TRUE(IsUtf8(text)) << byte;
  }
}

TEST(Utf8Test, PlainTextIsUtf8) {
  EXPECT_TRUE(IsPlainText("Zoë"));
  EXPECT_FALSE(IsPlainText("Zo\xeb"));
}

}  // namespace
}  // namespace tidemark::base
