#include "examples/hr/demo/narrator.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace hr_example {
namespace {

using tidemark::cli::Color;
using tidemark::cli::Paint;

Color ColorOf(absl::string_view who) {
  if (who == "HR") return Color::kCyan;
  if (who == "payroll") return Color::kYellow;
  if (who == "gift cards") return Color::kGreen;
  return Color::kDim;
}

}  // namespace

Narrator::Narrator(bool color) : color_(color), begin_(absl::Now()) {}

void Narrator::Say(absl::string_view who, absl::string_view text) { Tell(who, text, Color::kNone); }

void Narrator::Shout(absl::string_view who, absl::string_view text) {
  Tell(who, text, Color::kBold);
}

void Narrator::Tell(absl::string_view who, absl::string_view text, Color color) {
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin_);
  Print(absl::StrCat(Paint(absl::StrFormat("%5.1f s", seconds), Color::kDim, color_), "  ",
                     Paint(absl::StrFormat("%-10s", who), ColorOf(who), color_), "  ",
                     Paint(tidemark::cli::EscapeForTerminal(text), color, color_), "\n"));
}

void Narrator::Title(absl::string_view text) {
  Print(absl::StrCat("\n", Paint(text, Color::kBold, color_), "\n"));
}

void Narrator::Print(absl::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

bool Narrator::IsUnheard() const { return std::ferror(stdout) != 0; }

std::string DurationText(absl::Duration duration) {
  const double ms = absl::ToDoubleMilliseconds(duration);
  if (ms >= 1000) return absl::StrFormat("%.1f s", ms / 1000);
  if (ms >= 10) return absl::StrFormat("%.0f ms", ms);
  return absl::StrFormat("%.2f ms", ms);
}

}  // namespace hr_example
