// SvgPlot: one picture of lines over a pair of axes, as a figure of a page whose style sheet says
// what colour
// --line0 to --line7 and the class `grid` have.
//
// Terms.     An axis is linear, logarithmic, or of percentiles: 50, 90, 99, 99.9, ... % at equal
//            distances, as latencies are drawn.
#ifndef TIDEMARK_BENCH_REPORT_SVG_PLOT_H_
#define TIDEMARK_BENCH_REPORT_SVG_PLOT_H_

#include <string>
#include <utility>
#include <vector>

namespace tidemark::bench {

enum class PlotScale { kLinear, kLogarithmic, kPercentile };

struct PlotLine {
  std::string name;
  // x rises. Points that a logarithmic axis cannot show (0 and below) are left out.
  std::vector<std::pair<double, double>> points;
};

struct SvgPlot {
  std::string title;
  std::string x_name;
  std::string y_name;
  PlotScale x_scale = PlotScale::kLinear;
  PlotScale y_scale = PlotScale::kLinear;
  std::vector<PlotLine> lines;
};

// With its title and the lines' names. Empty if there is no point to draw.
std::string ToFigure(const SvgPlot& plot);

// `text` for HTML and SVG.
std::string EscapeHtml(const std::string& text);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_REPORT_SVG_PLOT_H_
