#include "examples/hr/demo/sabotage.h"

#include <algorithm>
#include <fstream>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "examples/hr/line_file.h"

namespace hr_example {
namespace {

using Lines = std::vector<std::string>;

// Swaps the line with the next one of the same partition.
bool SwapWithNext(Lines::iterator line, Lines::iterator end) {
  const std::string same = line->substr(0, line->find('\t', line->find('\t') + 1) + 1);
  const auto next = std::find_if(
      line + 1, end, [&](const std::string& other) { return absl::StartsWith(other, same); });
  if (next == end) return false;
  std::swap(*line, *next);
  return true;
}

bool SpoilLine(Sabotage how, Lines* lines, Lines::iterator line) {
  switch (how) {
    case Sabotage::kNone:
      return true;
    case Sabotage::kDrop:
      lines->erase(line);
      return true;
    case Sabotage::kRepeat:
      lines->insert(line, std::string(*line));
      return true;
    case Sabotage::kSwap:
      return SwapWithNext(line, lines->end());
    case Sabotage::kForge:
      line->append("-forged");
      return true;
  }
  return false;
}

}  // namespace

absl::Status Spoil(Sabotage how, const std::string& ledger_path, absl::string_view done) {
  if (how == Sabotage::kNone) return absl::OkStatus();
  Lines lines = ReadLines(ledger_path);
  const auto middle = lines.begin() + static_cast<std::ptrdiff_t>(lines.size() / 2);
  const auto line = std::find_if(middle, lines.end(), [&](const std::string& candidate) {
    return absl::StartsWith(candidate, absl::StrCat(done, "\t"));
  });
  if (line == lines.end() || !SpoilLine(how, &lines, line)) {
    return absl::FailedPreconditionError(absl::StrCat(ledger_path, " is too short to be spoiled"));
  }
  std::ofstream(ledger_path) << absl::StrJoin(lines, "\n") << "\n";
  return absl::OkStatus();
}

}  // namespace hr_example
