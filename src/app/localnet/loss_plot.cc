#include "app/localnet/loss_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>

#include "base/files/file.h"

namespace templar {
namespace {

constexpr double kWidth = 960;
constexpr double kHeight = 540;
constexpr double kLeft = 76;
constexpr double kWidestLabel = 300;
constexpr double kLabelGap = 23;  // between the plot's right edge and the names at the lines' ends
constexpr double kTop = 112;
constexpr double kBottom = 470;
constexpr double kLabelHeight = 36;
constexpr double kLabelSize = 13;
constexpr double kEndLabelSize = kLabelSize * 1.17;  // as wide as if it were that large: it is bold
constexpr size_t kMostPointsWithDots = 40;

// Okabe and Ito's colours, the darker ones, which stand out on white.
constexpr std::array<const char*, 5> kColours = {"#0072b2", "#d55e00", "#009e73", "#b0568f", "#9a6a00"};
constexpr const char* kReferenceColour = "#6b7280";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

// About that of a common sans-serif font, enough to place what stands beside the text.
double text_width(std::string_view text, double font_size) {
  double width = 0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xc0) == 0x80) continue;  // inside a UTF-8 character
    const bool narrow = std::string_view(" ijltf.,:;|!'()[]r-").find(c) != std::string_view::npos;
    const bool wide = c == 'm' || c == 'w' || (c >= 'A' && c <= 'Z');
    width += narrow ? 0.32 : wide ? 0.78 : 0.57;
  }
  return width * font_size;
}

// Cut, with an ellipsis, to what fits.
std::string shortened(const std::string& text, double font_size, double width) {
  if (text_width(text, font_size) <= width) return text;
  std::string cut = text;
  while (!cut.empty() && text_width(cut + "...", font_size) > width) {
    do {
      cut.pop_back();
    } while (!cut.empty() && (static_cast<unsigned char>(cut.back()) & 0xc0) == 0x80);
    if (!cut.empty() && static_cast<unsigned char>(cut.back()) >= 0xc0) cut.pop_back();
  }
  return cut + "\u2026";
}

bool is_finite(const PlotPoint& point) {
  return std::isfinite(point.x) && std::isfinite(point.y);
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  [[nodiscard]] bool empty() const { return low > high; }
};

struct Axes {
  PlotTicks x, y;
  Range x_range, y_range;
  double right = 0;  // of the plot; what is beyond is for the names at the lines' ends

  [[nodiscard]] double px(double x_value) const {
    return kLeft + (x_value - x_range.low) / (x_range.high - x_range.low) * (right - kLeft);
  }
  [[nodiscard]] double py(double y_value) const {
    return kBottom - (y_value - y_range.low) / (y_range.high - y_range.low) * (kBottom - kTop);
  }
};

double right_edge(const LossPlot& plot) {
  double widest = 0;
  for (const PlotSeries& series : plot.series)
    widest = std::max(widest, text_width(series.name, kEndLabelSize));
  for (const PlotReference& reference : plot.references) {
    widest = std::max(widest, text_width(reference.name, kEndLabelSize));
  }
  return kWidth - kLabelGap - 12 - std::clamp(widest, 70.0, kWidestLabel);
}

// Windows and steps are whole: no ticks between them.
bool all_whole(const LossPlot& plot) {
  return std::ranges::all_of(plot.series, [](const PlotSeries& series) {
    return std::ranges::all_of(series.points,
                               [](const PlotPoint& p) { return !is_finite(p) || p.x == std::round(p.x); });
  });
}

Axes make_axes(const LossPlot& plot) {
  Axes axes;
  axes.right = right_edge(plot);
  for (const PlotSeries& series : plot.series) {
    for (const PlotPoint& point : series.points) {
      if (!is_finite(point)) continue;
      axes.x_range.include(point.x);
      axes.y_range.include(point.y);
    }
  }
  if (axes.x_range.empty()) return axes;
  for (const PlotReference& reference : plot.references) {
    if (std::isfinite(reference.y)) axes.y_range.include(reference.y);
  }
  const double width = axes.x_range.high - axes.x_range.low;
  axes.x = plot_ticks(axes.x_range.low, axes.x_range.high,
                      all_whole(plot) ? std::clamp(static_cast<int>(width), 1, 8) : 8);
  axes.y = plot_ticks(axes.y_range.low, axes.y_range.high, 6);
  // The curve fills the width; only a single point needs the ticks around it.
  if (axes.x_range.low == axes.x_range.high) axes.x_range = {axes.x.values.front(), axes.x.values.back()};
  axes.y_range = {axes.y.values.front(), axes.y.values.back()};
  return axes;
}

class SvgWriter {
 public:
  template <typename... Values>
  void line(fmt::format_string<Values...> format, Values&&... values) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Values>(values)...);
    text_ += '\n';
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void draw_frame(SvgWriter& svg, const LossPlot& plot) {
  svg.line(
      R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" )"
      R"(font-family="'Inter','Helvetica Neue',Helvetica,Arial,'Liberation Sans','DejaVu Sans',sans-serif">)",
      kWidth, kHeight);
  svg.line("<title>{}</title>", escaped(plot.title));
  svg.line(R"(<rect width="{}" height="{}" fill="#ffffff"/>)", kWidth, kHeight);
  svg.line(R"(<text x="{}" y="38" font-size="21" font-weight="600" fill="#111827">{}</text>)", kLeft,
           escaped(plot.title));
  if (!plot.subtitle.empty()) {
    svg.line(R"(<text x="{}" y="61" font-size="13.5" fill="#6b7280">{}</text>)", kLeft,
             escaped(plot.subtitle));
  }
}

void draw_axes(SvgWriter& svg, const LossPlot& plot, const Axes& axes) {
  svg.line(R"(<g font-size="12.5" fill="#4b5563">)");
  for (const double value : axes.y.values) {
    const double y = axes.py(value);
    svg.line(R"(<line x1="{}" y1="{:.1f}" x2="{}" y2="{:.1f}" stroke="#e5e7eb"/>)", kLeft, y, axes.right, y);
    svg.line(R"(<text x="{}" y="{:.1f}" text-anchor="end">{:.{}f}</text>)", kLeft - 10, y + 4.3, value,
             axes.y.decimals);
  }
  for (const double value : axes.x.values) {
    const double x = axes.px(value);
    if (x < kLeft - 0.01 || x > axes.right + 0.01) continue;
    svg.line(R"(<line x1="{:.1f}" y1="{}" x2="{:.1f}" y2="{}" stroke="#f0f1f4"/>)", x, kTop, x, kBottom);
    svg.line(R"(<line x1="{:.1f}" y1="{}" x2="{:.1f}" y2="{}" stroke="#9ca3af"/>)", x, kBottom, x,
             kBottom + 5);
    svg.line(R"(<text x="{:.1f}" y="{}" text-anchor="middle">{:.{}f}</text>)", x, kBottom + 21, value,
             axes.x.decimals);
  }
  svg.line("</g>");
  svg.line(R"(<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="#9ca3af"/>)", kLeft, kBottom, axes.right,
           kBottom);
  svg.line(R"(<text x="{}" y="{}" font-size="13.5" fill="#374151" text-anchor="middle">{}</text>)",
           (kLeft + axes.right) / 2, kBottom + 47, escaped(plot.x_label));
  svg.line(
      R"svg(<text transform="translate(24 {}) rotate(-90)" font-size="13.5" fill="#374151" text-anchor="middle">{}</text>)svg",
      (kTop + kBottom) / 2, escaped(plot.y_label));
}

void draw_legend(SvgWriter& svg, const LossPlot& plot) {
  double x = kLeft;
  const double y = kTop - 22;
  const auto entry = [&](const std::string& name, const char* colour, const char* dashes) {
    svg.line(R"(<line x1="{:.1f}" y1="{}" x2="{:.1f}" y2="{}" stroke="{}" stroke-width="2.5"{}/>)", x, y,
             x + 26, y, colour, dashes);
    svg.line(R"(<text x="{:.1f}" y="{}" font-size="13" fill="#374151">{}</text>)", x + 34, y + 4.5,
             escaped(name));
    x += 34 + text_width(name, kLabelSize) + 26;
  };
  for (size_t i = 0; i < plot.series.size(); ++i) {
    entry(plot.series[i].name, kColours[i % kColours.size()],
          plot.series[i].dashed ? R"( stroke-dasharray="7 5")" : "");
  }
  for (const PlotReference& reference : plot.references)
    entry(reference.name, kReferenceColour, R"( stroke-dasharray="2 4")");
}

// A name and a value beside the end of a line.
struct EndLabel {
  std::string name;
  double value = 0;
  double end_y = 0;  // of the line, in pixels
  double y = 0;      // of the label's middle
  const char* colour = nullptr;
};

// Moves labels apart from the top downwards, then what went too low back up.
void place_labels(std::vector<EndLabel>& labels) {
  std::ranges::stable_sort(labels, {}, &EndLabel::end_y);
  double lowest = kTop - kLabelHeight / 2;
  for (EndLabel& label : labels) {
    label.y = std::max(label.end_y, lowest);
    lowest = label.y + kLabelHeight;
  }
  double highest = kBottom + kLabelHeight / 4;
  for (auto label = labels.rbegin(); label != labels.rend(); ++label) {
    label->y = std::min(label->y, highest);
    highest = label->y - kLabelHeight;
  }
}

void draw_labels(SvgWriter& svg, std::vector<EndLabel> labels, double right) {
  const double text_x = right + kLabelGap;
  place_labels(labels);
  for (const EndLabel& label : labels) {
    svg.line(R"(<path d="M{} {:.1f} L{} {:.1f}" stroke="{}" stroke-width="1" opacity="0.45" fill="none"/>)",
             right + 6, label.end_y, right + 18, label.y, label.colour);
    svg.line(R"(<text x="{}" y="{:.1f}" font-size="13" font-weight="600" fill="{}">{}</text>)", text_x,
             label.y - 2.5, label.colour, escaped(shortened(label.name, kEndLabelSize, kWidestLabel)));
    svg.line(R"(<text x="{}" y="{:.1f}" font-size="13" fill="#374151">{:.3f}</text>)", text_x, label.y + 13,
             label.value);
  }
}

// The path through the finite points; returns the last of them.
const PlotPoint* draw_series(SvgWriter& svg, const PlotSeries& series, const Axes& axes, const char* colour) {
  std::string path;
  const PlotPoint* last = nullptr;
  bool pen_down = false;
  for (const PlotPoint& point : series.points) {
    if (!is_finite(point)) {
      pen_down = false;
      continue;
    }
    fmt::format_to(std::back_inserter(path), "{}{:.1f} {:.1f}", pen_down ? "L" : "M", axes.px(point.x),
                   axes.py(point.y));
    pen_down = true;
    last = &point;
  }
  if (last == nullptr) return nullptr;
  svg.line(
      R"(<path d="{}" fill="none" stroke="{}" stroke-width="2.5" stroke-linejoin="round" stroke-linecap="round"{}/>)",
      path, colour, series.dashed ? R"( stroke-dasharray="7 5")" : "");
  const bool dots = series.points.size() <= kMostPointsWithDots;
  for (const PlotPoint& point : series.points) {
    if (!is_finite(point) || !(dots || &point == last)) continue;
    svg.line(R"(<circle cx="{:.1f}" cy="{:.1f}" r="{}" fill="{}"/>)", axes.px(point.x), axes.py(point.y),
             &point == last ? 4 : 2.6, colour);
  }
  return last;
}

void draw_lines(SvgWriter& svg, const LossPlot& plot, const Axes& axes) {
  std::vector<EndLabel> labels;
  for (const PlotReference& reference : plot.references) {
    if (!std::isfinite(reference.y)) continue;
    const double y = axes.py(reference.y);
    svg.line(
        R"(<line x1="{}" y1="{:.1f}" x2="{}" y2="{:.1f}" stroke="{}" stroke-width="1.8" stroke-dasharray="2 4"/>)",
        kLeft, y, axes.right, y, kReferenceColour);
    labels.push_back({reference.name, reference.y, y, 0, kReferenceColour});
  }
  // The first series is drawn last, so that it lies on top.
  for (size_t i = plot.series.size(); i-- > 0;) {
    const char* colour = kColours[i % kColours.size()];
    const PlotPoint* last = draw_series(svg, plot.series[i], axes, colour);
    if (last != nullptr) labels.push_back({plot.series[i].name, last->y, axes.py(last->y), 0, colour});
  }
  draw_labels(svg, std::move(labels), axes.right);
}

}  // namespace

PlotTicks plot_ticks(double low, double high, int wanted) {
  if (!(high > low)) {
    const double around = std::max(1.0, std::abs(low)) / 2;
    low -= around;
    high += around;
  }
  const double rough = (high - low) / wanted;
  const double magnitude = std::pow(10.0, std::floor(std::log10(rough)));
  const double ratio = rough / magnitude;
  const double step = magnitude * (ratio <= 1 ? 1 : ratio <= 2 ? 2 : ratio <= 5 ? 5 : 10);
  PlotTicks ticks;
  ticks.decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  // A hair of tolerance, so that a limit that is a tick stays one in spite of rounding.
  const double first = std::floor(low / step + 1e-9);
  const double last = std::ceil(high / step - 1e-9);
  for (double i = first; i <= last; ++i) ticks.values.push_back(i == 0 ? 0.0 : i * step);
  return ticks;
}

std::string loss_plot_svg(const LossPlot& plot) {
  const Axes axes = make_axes(plot);
  SvgWriter svg;
  draw_frame(svg, plot);
  if (axes.x_range.empty()) {
    svg.line(
        R"(<text x="{}" y="{}" font-size="15" fill="#6b7280" text-anchor="middle">nothing to show yet</text>)",
        kWidth / 2, kHeight / 2);
  } else {
    draw_legend(svg, plot);
    draw_axes(svg, plot, axes);
    draw_lines(svg, plot, axes);
  }
  svg.line("</svg>");
  return svg.take();
}

Status write_loss_plot(const std::filesystem::path& path, const LossPlot& plot) {
  return write_file_atomically(path, loss_plot_svg(plot));
}

}  // namespace templar
