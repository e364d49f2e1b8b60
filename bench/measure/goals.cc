#include "bench/measure/goals.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace tidemark::bench {

std::string ToJsonLine(const GoalCheck& check) {
  const nlohmann::ordered_json json = {{"goal", check.goal},
                                       {"name", check.unit == "x" || check.unit.empty()
                                                    ? check.name
                                                    : absl::StrCat(check.name, ", ", check.unit)},
                                       {"value", check.value},
                                       {"target", check.target},
                                       {"holds", check.Holds()}};
  return json.dump();
}

void SortByGoal(std::vector<GoalCheck>& checks) {
  std::stable_sort(checks.begin(), checks.end(),
                   [](const GoalCheck& a, const GoalCheck& b) { return a.goal < b.goal; });
}

}  // namespace tidemark::bench
