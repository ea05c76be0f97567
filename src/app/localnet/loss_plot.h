// The loss curve as a picture: an SVG of 960 by 540 that every browser shows, drawn here without a library.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace templar {

struct PlotPoint {
  double x = 0;
  double y = 0;
};

struct PlotSeries {
  std::string name;  // UTF-8; in the legend and at the line's end
  // In the order of the line. A point that is not finite is left out and interrupts the line.
  std::vector<PlotPoint> points;
  bool dashed = false;
};

// A horizontal line to compare with, over the whole width.
struct PlotReference {
  std::string name;
  double y = 0;
};

struct LossPlot {
  std::string title;
  std::string subtitle;  // may be empty
  std::string x_label;
  std::string y_label;
  // Told apart by colours that colour-blind people see; beyond five they repeat.
  std::vector<PlotSeries> series;
  std::vector<PlotReference> references;
};

// A whole SVG document. Without a single finite point it says that there is nothing to show yet.
[[nodiscard]] std::string loss_plot_svg(const LossPlot& plot);
// Replaces the file at once. Fails (fatal) where it can't be written.
[[nodiscard]] Status write_loss_plot(const std::filesystem::path& path, const LossPlot& plot);

// Round numbers (1, 2 or 5 times a power of ten apart) from the last one at or below low to the first one at
// or above high, about wanted of them. low <= high, both finite.
struct PlotTicks {
  std::vector<double> values;
  int decimals = 0;  // that tell them apart
};
[[nodiscard]] PlotTicks plot_ticks(double low, double high, int wanted);

}  // namespace templar
