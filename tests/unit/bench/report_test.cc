// The page that --report writes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/match.h"
#include "bench/report/html_report.h"

namespace tidemark::bench {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::vector<std::string> TitlesOf(const std::vector<Result>& results) {
  std::vector<std::string> titles;
  for (const SvgPlot& plot : PlotsOf(results)) titles.push_back(plot.title);
  return titles;
}

Result WithLatency(const std::string& name) {
  Histogram histogram;
  for (int64_t us = 1; us <= 1000; ++us) histogram.Record(us * 1000);
  return {.name = name, .percentiles = PercentilesOf(histogram)};
}

TEST(ReportTest, DrawsWhatTheResultsHave) {
  EXPECT_THAT(PlotsOf({{.name = "a figure alone"}}), IsEmpty());
  EXPECT_THAT(TitlesOf({WithLatency("tail")}), ElementsAre("Latency over percentile"));
  EXPECT_THAT(TitlesOf({{.name = "append", .events_by_second = {1, 2, 3, 1}}}),
              ElementsAre("Throughput over time"));
  EXPECT_THAT(TitlesOf({{.name = "x", .value = 2, .config = {{"history_events", 10}}}}),
              ElementsAre("Cost over the length of the history"));
}

TEST(ReportTest, LeavesOutTheLastSecondWhichIsNotWhole) {
  const auto plots = PlotsOf({{.name = "append", .events_by_second = {5, 6, 7, 1}}});
  ASSERT_THAT(plots, SizeIs(1));
  EXPECT_THAT(plots[0].lines[0].points, SizeIs(3));
}

TEST(ReportTest, ComparesEachWorkWithItsShortestHistory) {
  const auto at = [](const char* work, uint64_t events, double value) {
    return Result{.name = "n",
                  .value = value,
                  .unit = absl::StrContains(work, "time") ? "us" : "events/s",
                  .config = {{"work", work}, {"history_events", events}}};
  };
  const auto plots = PlotsOf(
      {at("append", 1, 10), at("seek time", 1, 4), at("append", 100, 8), at("seek time", 100, 5)});
  ASSERT_THAT(plots, SizeIs(1));
  ASSERT_THAT(plots[0].lines, SizeIs(2));
  EXPECT_THAT(plots[0].lines[0].points, ElementsAre(std::pair(1.0, 1.0), std::pair(100.0, 1.25)));
  EXPECT_THAT(plots[0].lines[1].points, ElementsAre(std::pair(1.0, 1.0), std::pair(100.0, 1.25)));
}

TEST(ReportTest, ManyLinesGoIntoSeveralPlots) {
  std::vector<Result> results;
  for (size_t i = 0; i <= kPlotLines; ++i) results.push_back(WithLatency("tail"));
  EXPECT_THAT(PlotsOf(results), SizeIs(2));
}

TEST(ReportTest, TheCurveOfALatencyRisesUpToTheMaximum) {
  const Percentiles percentiles = *WithLatency("tail").percentiles;
  ASSERT_FALSE(percentiles.curve.empty());
  for (size_t i = 1; i < percentiles.curve.size(); ++i) {
    EXPECT_GE(percentiles.curve[i].first, percentiles.curve[i - 1].first);
    EXPECT_GE(percentiles.curve[i].second, percentiles.curve[i - 1].second);
  }
  EXPECT_EQ(percentiles.curve.back().second, percentiles.max_us);
}

TEST(SvgPlotTest, IsEmptyWithoutAPoint) {
  EXPECT_EQ(ToFigure({.title = "t"}), "");
  EXPECT_EQ(ToFigure({.y_scale = PlotScale::kLogarithmic, .lines = {{"zero", {{1, 0}}}}}), "");
}

TEST(SvgPlotTest, HasALineWithItsNameAndTheAxes) {
  const std::string svg = ToFigure({.title = "Rate <1>",
                                    .x_name = "seconds",
                                    .y_name = "events",
                                    .lines = {{"append", {{0, 1}, {1, 3}}}}});
  EXPECT_THAT(svg,
              AllOf(HasSubstr("<polyline"), HasSubstr("append</li>"), HasSubstr(">seconds</text>"),
                    HasSubstr("Rate &lt;1&gt;"), Not(HasSubstr("nan")), Not(HasSubstr("inf"))));
}

TEST(SvgPlotTest, NamesPercentiles) {
  const std::string svg = ToFigure(
      {.x_scale = PlotScale::kPercentile, .lines = {{"tail", {{0, 1}, {50, 1}, {99.9, 3}}}}});
  EXPECT_THAT(svg, AllOf(HasSubstr(">50 %<"), HasSubstr(">90 %<"), HasSubstr(">99 %<"),
                         HasSubstr(">99.9 %<")));
}

TEST(SvgPlotTest, NamesRoundNumbersOnItsAxes) {
  const std::string svg = ToFigure(
      {.x_scale = PlotScale::kLogarithmic, .lines = {{"append", {{30'000, 0}, {2e6, 1.5e6}}}}});
  EXPECT_THAT(svg, AllOf(HasSubstr(">20 k<"), HasSubstr(">2 M<"), HasSubstr(">500 k<"),
                         HasSubstr(">0<"), Not(HasSubstr(">10 k<"))));
}

TEST(ReportTest, IsOneFileThatLoadsNothing) {
  const std::string html = ToHtml({.command = "tidemark-bench tail --rate <5>",
                                   .machine = "a machine",
                                   .results = {WithLatency("tail")},
                                   .goals = {{.goal = 5, .name = "tail", .target = 1}},
                                   .notes = {"take care"}});
  EXPECT_THAT(html, AllOf(HasSubstr("--rate &lt;5&gt;"), HasSubstr("5. tail"),
                          HasSubstr("take care"), HasSubstr("<svg"), HasSubstr("class=\"no\"")));
  EXPECT_THAT(html, AllOf(Not(HasSubstr("src=")), Not(HasSubstr("href=")), Not(HasSubstr("url(")),
                          Not(HasSubstr("<script"))));
}

TEST(ReportTest, WritesThePageAndTheFiguresBesideIt) {
  const auto directory = std::filesystem::temp_directory_path() /
                         ("tidemark-report-" + std::to_string(getpid())) / "deep";
  ASSERT_TRUE(WriteReport({.results = {WithLatency("tail")}}, directory.string()).ok());
  EXPECT_GT(std::filesystem::file_size(directory / "index.html"), 100u);
  std::ifstream lines(directory / "results.json");
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_EQ(nlohmann::json::parse(line)["name"], "tail");
  std::filesystem::remove_all(directory.parent_path());
}

TEST(ReportTest, SaysWhatItCannotWrite) {
  EXPECT_THAT(WriteReport({}, "/proc/no/such").ToString(), HasSubstr("--report: cannot make"));
}

}  // namespace
}  // namespace tidemark::bench
