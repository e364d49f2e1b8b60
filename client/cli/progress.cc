#include "client/cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/table.h"
#include "client/cli/terminal.h"
#include "client/cli/time_text.h"

namespace tidemark::cli {
namespace {

constexpr absl::Duration kInterval = absl::Milliseconds(100);
// The clock is looked at once in so many calls.
constexpr uint32_t kCallsPerLook = 64;
constexpr size_t kBarColumns = 20;

std::string FormatEta(absl::Duration left) {
  if (left < absl::Minutes(1)) return absl::StrCat(absl::ToInt64Seconds(left), "s");
  return FormatDurationText(left);
}

}  // namespace

std::string FormatProgress(absl::string_view verb, const ProgressState& state,
                           absl::Duration elapsed) {
  const double seconds = std::max(absl::ToDoubleSeconds(elapsed), 1e-3);
  const auto rate = static_cast<uint64_t>(static_cast<double>(state.events) / seconds);
  const std::string counts = state.are_bytes ? absl::StrCat(verb, " ", FormatBytes(state.events),
                                                            "  ", FormatBytes(rate), "/s")
                                             : absl::StrCat(verb, " ", GroupDigits(state.events),
                                                            " events  ", GroupDigits(rate), "/s");
  if (state.total == 0) return counts;
  const uint64_t done = std::min(state.done, state.total);
  const double share = static_cast<double>(done) / static_cast<double>(state.total);
  const auto filled = static_cast<size_t>(share * kBarColumns);
  std::string line =
      absl::StrCat("[", std::string(filled, '#'), std::string(kBarColumns - filled, '.'), "] ",
                   static_cast<int>(share * 100), " %  ", counts);
  if (done == 0 || done == state.total) return line;
  // Whole seconds: more digits would only flicker.
  const absl::Duration left =
      absl::Ceil(absl::Seconds(seconds / share * (1 - share)), absl::Seconds(1));
  absl::StrAppend(&line, "  ", FormatEta(left), " left");
  return line;
}

Progress::Progress(absl::string_view verb, bool enabled)
    : verb_(verb), enabled_(enabled), begin_(absl::Now()), next_(begin_ + kInterval) {}

Progress::~Progress() { Clear(); }

bool Progress::Due() {
  if (!enabled_ || ++skipped_ < kCallsPerLook) return false;
  skipped_ = 0;
  const absl::Time now = absl::Now();
  if (now < next_) return false;
  next_ = now + kInterval;
  return true;
}

void Progress::Show(const ProgressState& state) {
  if (!enabled_) return;
  const std::string line =
      CutToColumns(FormatProgress(verb_, state, Elapsed()), TerminalColumns(STDERR_FILENO) - 1);
  std::fprintf(stderr, "\r%s\033[K", line.c_str());
  std::fflush(stderr);
  shown_ = true;
}

void Progress::Clear() {
  if (!shown_) return;
  std::fprintf(stderr, "\r\033[K");
  std::fflush(stderr);
  shown_ = false;
}

absl::Duration Progress::Elapsed() const { return absl::Now() - begin_; }

}  // namespace tidemark::cli
