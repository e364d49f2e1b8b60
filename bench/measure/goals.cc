#include "bench/measure/goals.h"

#include <nlohmann/json.hpp>

namespace tidemark::bench {

std::string ToJsonLine(const GoalCheck& check) {
  const nlohmann::ordered_json json = {
      {"goal", check.goal},
      {"name", check.name},
      {"value", check.value},
      {"target", check.target},
      {"sense", check.sense == GoalSense::kAtLeast ? "at least" : "at most"},
      {"unit", check.unit},
      {"holds", check.Holds()}};
  return json.dump();
}

}  // namespace tidemark::bench
