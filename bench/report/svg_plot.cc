#include "bench/report/svg_plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace tidemark::bench {
namespace {

constexpr double kWidth = 720;
constexpr double kHeight = 340;
constexpr double kLeft = 76;
constexpr double kRight = 40;  // Half of the last label.
constexpr double kTop = 14;
constexpr double kBottom = 52;
constexpr int kLinearTicks = 5;
constexpr double kNinesMax = 7;

// The page says which colours these are, by daylight and in the dark; after the last the same,
// dashed.
constexpr size_t kColours = 8;
// Below so many factors of ten a logarithmic axis has names for 2 and 5, too.
constexpr double kDenseDecades = 3.2;

std::string TickLabel(double value) {
  const double size = std::fabs(value);
  for (const auto& [unit, name] :
       {std::pair(1e9, " G"), std::pair(1e6, " M"), std::pair(1e3, " k")}) {
    if (size >= unit && size >= 1e4) return absl::StrFormat("%g%s", value / unit, name);
  }
  return absl::StrFormat("%g", value);
}

// 1, 2 or 5 times a power of ten, on a logarithmic axis: the last up to `place`, the first from it.
double RoundPlace(double place, bool up) {
  constexpr std::array<double, 4> kSteps = {0, 0.30103, 0.69897, 1};
  constexpr double kNear = 1e-6;
  const double whole = std::floor(place + kNear);
  double below = whole;
  for (const double step : kSteps) {
    if (up && whole + step >= place - kNear) return whole + step;
    if (whole + step <= place + kNear) below = whole + step;
  }
  return below;
}

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
    low_ = RoundPlace(low_, /*up=*/false);
    high_ = RoundPlace(std::max(high_, low_ + 0.25), /*up=*/true);
    if (high_ - low_ >= kDenseDecades) {
      low_ = std::floor(low_ + 1e-6);
      high_ = std::ceil(high_ - 1e-6);
    }
  } else {
    low_ = 0;
    high_ = std::max(1.0, std::ceil(high_ - 1e-9));
  }
}

std::vector<Axis::Tick> Axis::Ticks() const {
  std::vector<Tick> ticks;
  if (scale_ == PlotScale::kLinear) {
    const double step = Step();
    for (double at = low_; at <= high_ + step / 2; at += step) ticks.push_back({at, TickLabel(at)});
  } else if (scale_ == PlotScale::kLogarithmic) {
    const bool dense = high_ - low_ < kDenseDecades;
    for (double power = std::floor(low_); power <= high_ + 0.01; power += 1) {
      for (const double factor : {1.0, 2.0, 5.0}) {
        const double value = factor * std::pow(10, power);
        const double place = std::log10(value);
        if (place < low_ - 0.01 || place > high_ + 0.01 || (factor > 1 && !dense)) continue;
        ticks.push_back({value, TickLabel(value)});
      }
    }
  } else {
    if (high_ < 5) ticks.push_back({0, "0 %"});  // Else there is no room for it.
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
  constexpr char kGrid[] = "class=\"grid\"";
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
  absl::StrAppend(&svg, Text((kLeft + kWidth - kRight) / 2, kHeight - 10, "text-anchor=\"middle\"",
                             plot.x_name));
  const double middle = (kTop + kHeight - kBottom) / 2;
  const std::string turned =
      absl::StrFormat("text-anchor=\"middle\" transform=\"rotate(-90 16 %.1f)\"", middle);
  absl::StrAppend(&svg, Text(16, middle, turned.c_str(), plot.y_name));
  return svg;
}

std::string StyleOf(size_t number) {
  return absl::StrCat("stroke=\"var(--line", number % kColours, ")\" stroke-width=\"2\"",
                      number >= kColours ? " stroke-dasharray=\"6 3\"" : "", " fill=\"none\"");
}

// Empty if the axes can show none of its points.
std::string Drawn(const PlotLine& line, size_t number, const Axis& x, const Axis& y) {
  std::string points;
  size_t count = 0;
  for (const auto& [at, value] : line.points) {
    if (!x.CanShow(at) || !y.CanShow(value)) continue;
    absl::StrAppendFormat(&points, "%.1f,%.1f ", x.Pixel(at), y.Pixel(value));
    ++count;
  }
  if (count == 0) return "";
  // One point is a dot.
  return absl::StrCat("<polyline points=\"", points, count == 1 ? points : "", "\" ",
                      StyleOf(number), count == 1 ? " stroke-linecap=\"round\" class=\"dot\"" : "",
                      "/>\n");
}

// Names of any length, in as many rows as they need.
std::string LegendEntry(const PlotLine& line, size_t number) {
  return absl::StrCat("<li><svg width=\"24\" height=\"10\" aria-hidden=\"true\">",
                      Line(1, 5, 23, 5, StyleOf(number).c_str()), "</svg>", EscapeHtml(line.name),
                      "</li>\n");
}

}  // namespace

std::string EscapeHtml(const std::string& text) {
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

std::string ToFigure(const SvgPlot& plot) {
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
  std::string lines;
  std::string legend;
  for (size_t i = 0; i < plot.lines.size(); ++i) {
    const std::string drawn = Drawn(plot.lines[i], i, x, y);
    if (drawn.empty()) continue;
    absl::StrAppend(&lines, drawn);
    absl::StrAppend(&legend, LegendEntry(plot.lines[i], i));
  }
  const std::string title = EscapeHtml(plot.title);
  return absl::StrCat("<figure>\n<figcaption>", title, "</figcaption>\n<div class=\"scroll\">",
                      absl::StrFormat("<svg class=\"plot\" role=\"img\" aria-label=\"%s\" "
                                      "viewBox=\"0 0 %.0f %.0f\">\n",
                                      title, kWidth, kHeight),
                      Frame(plot, x, y), lines, "</svg></div>\n<ul class=\"legend\">\n", legend,
                      "</ul>\n</figure>\n");
}

}  // namespace tidemark::bench
