// Tables for people: results with their percentiles and ratios, and goals with their targets.
#ifndef TIDEMARK_BENCH_MEASURE_TABLE_H_
#define TIDEMARK_BENCH_MEASURE_TABLE_H_

#include <string>
#include <vector>

#include "bench/measure/goals.h"
#include "bench/measure/result.h"

namespace tidemark::bench {

// Its cells; the first row of a table is its heading.
using TableRow = std::vector<std::string>;

// What was measured: values, percentiles, ratios.
std::vector<TableRow> ResultRows(const std::vector<Result>& results);
// CPU, memory (the largest since the start of the process) and disk bytes of those that have costs;
// empty if none has.
std::vector<TableRow> ResultCostRows(const std::vector<Result>& results);
std::vector<TableRow> GoalRows(const std::vector<GoalCheck>& checks);
// The last cell of a goal that is missed.
inline constexpr char kDoesNotHold[] = "NO";

// Columns as wide as their widest cell, the first to the left, the others to the right; one line a
// row. Empty without rows.
std::string AlignRows(const std::vector<TableRow>& rows);
std::string ResultTable(const std::vector<Result>& results);
std::string ResultCostTable(const std::vector<Result>& results);
std::string GoalTable(const std::vector<GoalCheck>& checks);

// 1234567 -> "1.23 M", 12345 -> "12.3 k", 12.345 -> "12.3".
std::string HumanNumber(double value);
// Microseconds: 12.3 -> "12.3 us", 12345 -> "12.3 ms".
std::string HumanMicroseconds(double us);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_MEASURE_TABLE_H_
