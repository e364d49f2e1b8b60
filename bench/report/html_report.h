// The report of a run as one HTML page: tables, plots, notes; no script, nothing loaded from
// elsewhere.
#ifndef TIDEMARK_BENCH_REPORT_HTML_REPORT_H_
#define TIDEMARK_BENCH_REPORT_HTML_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bench/measure/goals.h"
#include "bench/measure/result.h"
#include "bench/report/svg_plot.h"

namespace tidemark::bench {

struct RunReport {
  std::string command;
  // What the figures are of: processor, cores, memory, kernel, time.
  std::string machine;
  std::vector<Result> results;
  std::vector<GoalCheck> goals;
  std::vector<std::string> notes;
};

// Plots of what the results have: latency over percentile, events over time, cost over history. A
// plot has at most kPlotLines lines; further results get a plot of their own.
inline constexpr size_t kPlotLines = 12;
std::vector<SvgPlot> PlotsOf(const std::vector<Result>& results);

std::string ToHtml(const RunReport& report);

// Makes `directory` if it is not there, and writes index.html and results.json (a line each) into
// it.
absl::Status WriteReport(const RunReport& report, const std::string& directory);

// Of the machine that this runs on, for RunReport::machine.
std::string DescribeMachine();

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_REPORT_HTML_REPORT_H_
