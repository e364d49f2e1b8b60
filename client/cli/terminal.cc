#include "client/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/utf8.h"

namespace tidemark::cli {
namespace {

bool ColorWanted() {
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && no_color[0] != '\0') return false;
  const char* term = std::getenv("TERM");
  return term != nullptr && absl::string_view(term) != "dumb";
}

absl::string_view SequenceOf(Color color) {
  switch (color) {
    case Color::kNone:
      return "";
    case Color::kBold:
      return "\033[1m";
    case Color::kDim:
      return "\033[2m";
    case Color::kRed:
      return "\033[31m";
    case Color::kGreen:
      return "\033[32m";
    case Color::kYellow:
      return "\033[33m";
    case Color::kCyan:
      return "\033[36m";
  }
  return "";
}

void AppendEscaped(const CodePoint& c, absl::string_view bytes, std::string* out) {
  if (!c.valid) {
    absl::StrAppendFormat(out, "\\x%02x", static_cast<unsigned>(c.value));
  } else if (c.value == '\n') {
    out->append("\\n");
  } else if (c.value == '\r') {
    out->append("\\r");
  } else if (c.value == '\t') {
    out->append("\\t");
  } else if (IsControl(c.value)) {
    absl::StrAppendFormat(out, "\\x%02x", static_cast<unsigned>(c.value));
  } else if (IsBidiControl(c.value)) {
    absl::StrAppendFormat(out, "\\u{%04x}", static_cast<unsigned>(c.value));
  } else {
    out->append(bytes.data(), bytes.size());
  }
}

bool IsPrintableAscii(absl::string_view text) {
  for (const char c : text) {
    if (c < 0x20 || c > 0x7e) return false;
  }
  return true;
}

}  // namespace

Terminal DetectTerminal() {
  Terminal terminal;
  terminal.stdin_is_terminal = isatty(STDIN_FILENO) == 1;
  terminal.stdout_is_terminal = isatty(STDOUT_FILENO) == 1;
  terminal.stderr_is_terminal = isatty(STDERR_FILENO) == 1;
  const bool color = ColorWanted();
  terminal.color_stdout = color && terminal.stdout_is_terminal;
  terminal.color_stderr = color && terminal.stderr_is_terminal;
  return terminal;
}

size_t TerminalColumns(int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::string EscapeForTerminal(absl::string_view text) {
  if (IsPrintableAscii(text)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint c = DecodeFirst(text);
    AppendEscaped(c, text.substr(0, c.bytes), &out);
    text.remove_prefix(c.bytes);
  }
  return out;
}

std::string EscapeJsonForTerminal(absl::string_view json) {
  if (IsPrintableAscii(json)) return std::string(json);
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    const CodePoint c = DecodeFirst(json);
    const bool steers = (c.value >= 0x7f && c.value <= 0x9f) || IsBidiControl(c.value);
    if (c.valid && steers) {
      absl::StrAppendFormat(&out, "\\u%04x", static_cast<unsigned>(c.value));
    } else {
      out.append(json.data(), c.bytes);
    }
    json.remove_prefix(c.bytes);
  }
  return out;
}

std::string CutToColumns(absl::string_view text, size_t columns) {
  if (DisplayWidth(text) <= columns) return std::string(text);
  if (columns == 0) return "";
  size_t used = 0;
  size_t kept_bytes = 0;
  while (kept_bytes < text.size()) {
    const CodePoint c = DecodeFirst(text.substr(kept_bytes));
    const size_t width = DisplayWidth(text.substr(kept_bytes, c.bytes));
    if (used + width + 1 > columns) break;
    used += width;
    kept_bytes += c.bytes;
  }
  return absl::StrCat(text.substr(0, kept_bytes), "…");
}

std::string Paint(absl::string_view text, Color color, bool enabled) {
  if (!enabled || color == Color::kNone || text.empty()) return std::string(text);
  return absl::StrCat(SequenceOf(color), text, "\033[0m");
}

}  // namespace tidemark::cli
