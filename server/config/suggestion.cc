#include "server/config/suggestion.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"

namespace tidemark::config {
namespace {

// How many letters to insert, remove or replace to make one of the other (Levenshtein).
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);  // Distances of a's first i letters to prefixes of b.
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string DidYouMean(absl::string_view name, const std::vector<std::string>& known) {
  constexpr size_t kNameBytesMax = 100;  // Bounds the work for hostile input.
  if (name.size() > kNameBytesMax) return "";
  const std::string* nearest = nullptr;
  size_t distance_min = 4;
  for (const std::string& candidate : known) {
    const size_t distance = EditDistance(name, candidate);
    if (distance >= distance_min) continue;
    distance_min = distance;
    nearest = &candidate;
  }
  return nearest == nullptr ? "" : absl::StrCat("; did you mean ", *nearest, "?");
}

}  // namespace tidemark::config
