#include "bench/report/svg_plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "bench/measure/table.h"

namespace tidemark::bench {
namespace {

constexpr double kWidth = 860;
constexpr double kHeight = 360;
constexpr double kLeft = 80;
constexpr double kRight = 250;  // The legend.
constexpr double kTop = 36;
constexpr double kBottom = 52;
constexpr int kLinearTicks = 5;
constexpr double kNinesMax = 7;

// Distinct for most eyes, also on white paper (Okabe and Ito); then the same, dashed.
constexpr std::array<const char*, 8> kColours = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                 "#e69f00", "#56b4e9", "#6b6b6b", "#000000"};

// One direction: from values to pixels.
class Axis {
 public:
  Axis(PlotScale scale, double from_pixel, double to_pixel)
      : scale_(scale), from_pixel_(from_pixel), to_pixel_(to_pixel) {}

  bool CanShow(double value) const { return scale_ != PlotScale::kLogarithmic || value > 0; }
  void Include(double value) {
    low_ = std::min(low_, Place(value));
    high_ = std::max(high_, Place(value));
  }
  bool empty() const { return low_ > high_; }

  // To round numbers. Linear axes begin at zero: a cut axis makes small differences look large.
  void Round();
  double Pixel(double value) const {
    const double share = high_ > low_ ? (Place(value) - low_) / (high_ - low_) : 0.5;
    return from_pixel_ + share * (to_pixel_ - from_pixel_);
  }
  struct Tick {
    double value;
    std::string label;
  };
  std::vector<Tick> Ticks() const;

 private:
  double Place(double value) const {
    switch (scale_) {
      case PlotScale::kLinear:
        return value;
      case PlotScale::kLogarithmic:
        return std::log10(value);
      case PlotScale::kPercentile:
        return value >= 100 ? kNinesMax : std::min(kNinesMax, -std::log10(1 - value / 100));
    }
    return value;
  }
  double Step() const;

  const PlotScale scale_;
  const double from_pixel_;
  const double to_pixel_;
  double low_ = std::numeric_limits<double>::infinity();
  double high_ = -std::numeric_limits<double>::infinity();
};

double Axis::Step() const {
  const double rough = (high_ - low_) / kLinearTicks;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (rough <= factor * power) return factor * power;
  }
  return 10 * power;
}

void Axis::Round() {
  if (scale_ == PlotScale::kLinear) {
    low_ = std::min(low_, 0.0);
    if (high_ <= low_) high_ = low_ + 1;
    const double step = Step();
    high_ = std::ceil(high_ / step - 1e-9) * step;
  } else if (scale_ == PlotScale::kLogarithmic) {
    low_ = std::floor(low_ + 1e-9);
    high_ = std::max(low_ + 1, std::ceil(high_ - 1e-9));
  } else {
    low_ = 0;
    high_ = std::max(1.0, std::ceil(high_ - 1e-9));
  }
}

std::vector<Axis::Tick> Axis::Ticks() const {
  std::vector<Tick> ticks;
  if (scale_ == PlotScale::kLinear) {
    const double step = Step();
    for (double at = low_; at <= high_ + step / 2; at += step)
      ticks.push_back({at, HumanNumber(at)});
  } else if (scale_ == PlotScale::kLogarithmic) {
    for (double at = low_; at <= high_ + 0.5; at += 1) {
      const double value = std::pow(10, at);
      ticks.push_back({value, value < 1 ? absl::StrFormat("%g", value) : HumanNumber(value)});
    }
  } else {
    ticks.push_back({0, "0 %"});
    ticks.push_back({50, "50 %"});
    for (int nines = 1; nines <= static_cast<int>(high_); ++nines) {
      const double percent = 100 - std::pow(10, 2 - nines);
      ticks.push_back({percent, absl::StrFormat("%.*f %%", std::max(0, nines - 2), percent)});
    }
  }
  return ticks;
}

std::string Text(double x, double y, const char* attributes, const std::string& text) {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" %s>%s</text>\n", x, y, attributes,
                         EscapeHtml(text));
}

std::string Line(double x1, double y1, double x2, double y2, const char* attributes) {
  return absl::StrFormat("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x1, y1, x2,
                         y2, attributes);
}

std::string Frame(const SvgPlot& plot, const Axis& x, const Axis& y) {
  constexpr char kGrid[] = "stroke=\"#e3e3e3\"";
  std::string svg;
  for (const auto& tick : x.Ticks()) {
    const double at = x.Pixel(tick.value);
    absl::StrAppend(&svg, Line(at, kTop, at, kHeight - kBottom, kGrid),
                    Text(at, kHeight - kBottom + 18, "text-anchor=\"middle\"", tick.label));
  }
  for (const auto& tick : y.Ticks()) {
    const double at = y.Pixel(tick.value);
    absl::StrAppend(&svg, Line(kLeft, at, kWidth - kRight, at, kGrid),
                    Text(kLeft - 8, at + 4, "text-anchor=\"end\"", tick.label));
  }
  absl::StrAppend(
      &svg, Text(kLeft, 20, "font-size=\"15\" font-weight=\"bold\"", plot.title),
      Text((kLeft + kWidth - kRight) / 2, kHeight - 10, "text-anchor=\"middle\"", plot.x_name));
  const double middle = (kTop + kHeight - kBottom) / 2;
  const std::string turned =
      absl::StrFormat("text-anchor=\"middle\" transform=\"rotate(-90 16 %.1f)\"", middle);
  absl::StrAppend(&svg, Text(16, middle, turned.c_str(), plot.y_name));
  return svg;
}

std::string Drawn(const PlotLine& line, size_t number, const Axis& x, const Axis& y) {
  std::string points;
  size_t count = 0;
  for (const auto& [at, value] : line.points) {
    if (!x.CanShow(at) || !y.CanShow(value)) continue;
    absl::StrAppendFormat(&points, "%.1f,%.1f ", x.Pixel(at), y.Pixel(value));
    ++count;
  }
  if (count == 0) return "";
  const std::string style =
      absl::StrCat("stroke=\"", kColours[number % kColours.size()], "\" stroke-width=\"2\"",
                   number >= kColours.size() ? " stroke-dasharray=\"6 3\"" : "", " fill=\"none\"");
  const double legend_y = kTop + 8 + 18 * static_cast<double>(number);
  const double legend_x = kWidth - kRight + 16;
  return absl::StrCat("<polyline points=\"", points, "\" ", style,
                      count == 1 ? " stroke-linecap=\"round\" stroke-width=\"8\"" : "", "/>\n",
                      Line(legend_x, legend_y, legend_x + 22, legend_y, style.c_str()),
                      Text(legend_x + 30, legend_y + 4, "", line.name));
}

}  // namespace

std::string EscapeHtml(const std::string& text) {
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

std::string ToSvg(const SvgPlot& plot) {
  Axis x(plot.x_scale, kLeft, kWidth - kRight);
  Axis y(plot.y_scale, kHeight - kBottom, kTop);
  for (const PlotLine& line : plot.lines) {
    for (const auto& [at, value] : line.points) {
      if (!x.CanShow(at) || !y.CanShow(value)) continue;
      x.Include(at);
      y.Include(value);
    }
  }
  if (x.empty()) return "";
  x.Round();
  y.Round();
  // The legend of many lines is longer than the picture.
  const double height = std::max(kHeight, kTop + 26 + 18 * static_cast<double>(plot.lines.size()));
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
      "height=\"%.0f\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n"
      "<rect width=\"%.0f\" height=\"%.0f\" fill=\"white\"/>\n",
      kWidth, height, kWidth, height, kWidth, height);
  absl::StrAppend(&svg, Frame(plot, x, y));
  for (size_t i = 0; i < plot.lines.size(); ++i) {
    absl::StrAppend(&svg, Drawn(plot.lines[i], i, x, y));
  }
  return absl::StrCat(svg, "</svg>\n");
}

}  // namespace tidemark::bench
