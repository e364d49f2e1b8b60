#include "bench/report/html_report.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <system_error>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/measure/table.h"

namespace tidemark::bench {
namespace {

// Line colours are distinct for most eyes (Okabe and Ito), lighter in the dark.
constexpr char kStyle[] = R"(
:root{color-scheme:light dark;--back:#fff;--text:#222;--soft:#5c5c5c;--panel:#f6f6f6;--grid:#e0e0e0;--bad:#c02a00;
--line0:#0072b2;--line1:#d55e00;--line2:#009e73;--line3:#cc79a7;--line4:#e69f00;--line5:#56b4e9;--line6:#6b6b6b;--line7:#000}
@media (prefers-color-scheme:dark){:root{--back:#15171a;--text:#e4e4e4;--soft:#a6a6a6;--panel:#1f2226;--grid:#363a40;--bad:#ff8a66;
--line0:#4ba6e0;--line1:#ff8a3d;--line2:#2fc797;--line3:#e79cc6;--line4:#f2bd3a;--line5:#a4dcfa;--line6:#a8a8a8;--line7:#fff}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--text);background:var(--back);max-width:1100px;margin:2em auto;padding:0 1em}
h1{font-size:1.6em}h2{font-size:1.2em;margin-top:2em}code{overflow-wrap:anywhere}.machine{color:var(--soft)}
pre,table{font:12.5px/1.45 ui-monospace,monospace}pre{background:var(--panel);padding:1em;overflow-x:auto}
.scroll{overflow-x:auto}table{border-collapse:collapse;margin:1em 0;white-space:nowrap}
th,td{padding:.3em .7em;text-align:right;border-bottom:1px solid var(--grid)}th{font-weight:600}
th:first-child,td:first-child{text-align:left;padding-left:0}.no{color:var(--bad);font-weight:600}
figure{margin:2.2em 0}figcaption{font-weight:600}.plot{width:100%;min-width:540px;max-width:860px;display:block}
.plot text{font:12px system-ui,sans-serif;fill:var(--text)}.grid{stroke:var(--grid)}.dot{stroke-width:8}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2em 1.6em;margin:.4em 0;padding:0;font-size:13px}
.legend svg{margin-right:.5em}
td:last-child{white-space:normal;min-width:8em}
@media (max-width:600px){th:first-child,td:first-child{white-space:normal;min-width:9em}}
)";

// The first row is the heading.
std::string ToHtmlTable(const std::vector<TableRow>& rows) {
  std::string html = "<div class=\"scroll\"><table>\n";
  for (size_t i = 0; i < rows.size(); ++i) {
    const char* const cell = i == 0 ? "th" : "td";
    absl::StrAppend(&html, "<tr>");
    for (const std::string& text : rows[i]) {
      absl::StrAppend(&html, "<", cell, text == kDoesNotHold ? " class=\"no\"" : "", ">",
                      EscapeHtml(text), "</", cell, ">");
    }
    absl::StrAppend(&html, "</tr>\n");
  }
  return absl::StrCat(html, "</table></div>\n");
}

// Lines for one kind of plot, cut into plots of kPlotLines.
void AddPlots(const SvgPlot& empty, std::vector<PlotLine> lines, std::vector<SvgPlot>& plots) {
  for (size_t from = 0; from < lines.size(); from += kPlotLines) {
    SvgPlot plot = empty;
    for (size_t i = from; i < std::min(lines.size(), from + kPlotLines); ++i) {
      plot.lines.push_back(std::move(lines[i]));
    }
    plots.push_back(std::move(plot));
  }
}

std::vector<PlotLine> LatencyLines(const std::vector<Result>& results) {
  std::vector<PlotLine> lines;
  for (const Result& result : results) {
    if (!result.percentiles || result.percentiles->curve.empty()) continue;
    PlotLine line = {.name = result.name};
    for (const auto& [percent, us] : result.percentiles->curve) {
      line.points.emplace_back(percent, us / 1e3);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

// Whole seconds only: the last one is cut short by the end of the run.
std::vector<PlotLine> RateLines(const std::vector<Result>& results) {
  std::vector<PlotLine> lines;
  for (const Result& result : results) {
    if (result.events_by_second.size() < 3) continue;
    PlotLine line = {.name = result.name};
    for (size_t second = 0; second + 1 < result.events_by_second.size(); ++second) {
      line.points.emplace_back(static_cast<double>(second) + 0.5,
                               static_cast<double>(result.events_by_second[second]));
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

// What an event costs beside itself in the shortest history, in time: 1 means that the length costs
// nothing, 2 that everything takes twice as long.
std::vector<PlotLine> HistoryLines(const std::vector<Result>& results) {
  std::map<std::string, PlotLine> by_work;
  std::map<std::string, double> shortest;
  for (const Result& result : results) {
    if (!result.config.is_object() || !result.config.contains("history_events")) continue;
    if (result.value <= 0) continue;
    const std::string work = result.config.value("work", result.name);
    // Values that are times cost what they say, rates the less the higher they are.
    const double cost = result.unit == "us" ? result.value : 1 / result.value;
    shortest.emplace(work, cost);
    PlotLine& line = by_work[work];
    line.name = work;
    line.points.emplace_back(result.config["history_events"].get<double>(), cost / shortest[work]);
  }
  std::vector<PlotLine> lines;
  for (auto& [work, line] : by_work) lines.push_back(std::move(line));
  return lines;
}

std::string FirstLineWith(const char* path, const char* begin) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!absl::StartsWith(line, begin)) continue;
    const size_t value = line.find_first_not_of(" \t:", line.find(':'));
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "";
}

absl::Status WriteFile(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (file) return absl::OkStatus();
  return absl::UnknownError(absl::StrCat("cannot write ", path.string()));
}

}  // namespace

std::vector<SvgPlot> PlotsOf(const std::vector<Result>& results) {
  std::vector<SvgPlot> plots;
  AddPlots({.title = "Latency over percentile",
            .x_name = "percentile",
            .y_name = "milliseconds",
            .x_scale = PlotScale::kPercentile,
            .y_scale = PlotScale::kLogarithmic},
           LatencyLines(results), plots);
  AddPlots({.title = "Throughput over time", .x_name = "seconds", .y_name = "events per second"},
           RateLines(results), plots);
  AddPlots({.title = "Cost over the length of the history",
            .x_name = "events stored",
            .y_name = "times that of the shortest history",
            .x_scale = PlotScale::kLogarithmic},
           HistoryLines(results), plots);
  return plots;
}

std::string ToHtml(const RunReport& report) {
  std::string html = absl::StrCat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
      "<title>tidemark-bench: ",
      EscapeHtml(report.command), "</title>\n<style>", kStyle,
      "</style></head><body>\n<h1>tidemark-bench</h1>\n<p><code>", EscapeHtml(report.command),
      "</code></p>\n<p class=\"machine\">", EscapeHtml(report.machine), "</p>\n");
  if (!report.goals.empty()) {
    absl::StrAppend(&html, "<h2>Goals</h2>\n", ToHtmlTable(GoalRows(report.goals)));
  }
  absl::StrAppend(&html, "<h2>Figures</h2>\n", ToHtmlTable(ResultRows(report.results)));
  if (const auto costs = ResultCostRows(report.results); !costs.empty()) {
    absl::StrAppend(&html, ToHtmlTable(costs));
  }
  for (const SvgPlot& plot : PlotsOf(report.results)) absl::StrAppend(&html, ToFigure(plot));
  if (!report.notes.empty()) absl::StrAppend(&html, "<h2>Notes</h2>\n");
  for (const std::string& note : report.notes) {
    absl::StrAppend(&html, "<pre>", EscapeHtml(note), "</pre>\n");
  }
  return absl::StrCat(html, "</body></html>\n");
}

absl::Status WriteReport(const RunReport& report, const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return absl::UnknownError(
        absl::StrCat("--report: cannot make ", directory, ": ", error.message()));
  }
  std::string lines;
  for (const Result& result : report.results) absl::StrAppend(&lines, ToJsonLine(result), "\n");
  for (const GoalCheck& goal : report.goals) absl::StrAppend(&lines, ToJsonLine(goal), "\n");
  const std::filesystem::path path(directory);
  if (absl::Status status = WriteFile(path / "results.json", lines); !status.ok()) return status;
  return WriteFile(path / "index.html", ToHtml(report));
}

std::string DescribeMachine() {
  utsname system;
  uname(&system);
  const double gib = static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                     static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 30);
  return absl::StrFormat("%s, %d cores, %.0f GiB, Linux %s, %s",
                         FirstLineWith("/proc/cpuinfo", "model name"),
                         std::thread::hardware_concurrency(), gib, system.release,
                         absl::FormatTime("%Y-%m-%d %H:%M UTC", absl::Now(), absl::UTCTimeZone()));
}

}  // namespace tidemark::bench
