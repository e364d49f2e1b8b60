// GoalCheck: one goal of the design's speed section beside the measured value.
#ifndef TIDEMARK_BENCH_MEASURE_GOALS_H_
#define TIDEMARK_BENCH_MEASURE_GOALS_H_

#include <string>
#include <vector>

namespace tidemark::bench {

enum class GoalSense { kAtLeast, kAtMost };

struct GoalCheck {
  // The goal's number in the design, 1 to 8; 0: not one of these.
  int goal = 0;
  std::string name;
  double value = 0;
  double target = 0;
  GoalSense sense = GoalSense::kAtLeast;
  // "x" for a ratio, else the unit of value and target.
  std::string unit;

  bool Holds() const { return sense == GoalSense::kAtLeast ? value >= target : value <= target; }
};

// {"goal":1,"name":"...","value":0.0,"target":0.0,"holds":true}; a value that is no ratio has its
// unit at the end of the name.
std::string ToJsonLine(const GoalCheck& check);

// By the goal's number; the clauses of a goal stay in their order.
void SortByGoal(std::vector<GoalCheck>& checks);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_MEASURE_GOALS_H_
