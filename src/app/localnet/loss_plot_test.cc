#include "app/localnet/loss_plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <regex>
#include <string>
#include <vector>

#include "base/files/file.h"
#include "support/expect_failure.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// What is wrong with a document of elements, attributes and text; empty if nothing is.
std::string xml_fault(std::string text) {
  const std::regex tag(
      "^<(/?)([a-z]+)((?: [a-zA-Z0-9:-]+=\"[^\"<&]*(?:&(?:amp|lt|gt|quot);[^\"<&]*)*\")*)(/?)>");
  const std::regex words("^(?:[^<>&]|&(?:amp|lt|gt|quot);)+");
  std::vector<std::string> open;
  std::smatch match;
  while (!text.empty()) {
    if (std::regex_search(text, match, tag)) {
      if (match[1] == "/") {
        if (open.empty() || open.back() != match[2]) return "</" + match[2].str() + "> closes nothing";
        open.pop_back();
      } else if (match[4] != "/") {
        open.push_back(match[2]);
      }
    } else if (!std::regex_search(text, match, words)) {
      return "at: " + text.substr(0, 100);
    }
    text = match.suffix();
  }
  return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

LossPlot example() {
  PlotSeries network{.name = "network of 4 miners", .points = {}};
  PlotSeries alone{.name = "plain AdamW", .points = {}, .dashed = true};
  for (int window = 0; window <= 60; window += 10) {
    network.points.push_back({static_cast<double>(window), 1.5 + 4 * std::exp(-window / 10.0)});
    alone.points.push_back({static_cast<double>(window), 1.7 + 4 * std::exp(-window / 10.0)});
  }
  return {.title = "Held-out loss",
          .subtitle = "tiny",
          .x_label = "window",
          .y_label = "nats per token",
          .series = {network, alone},
          .references = {{"uniform guess", std::log(256.0)}}};
}

}  // namespace

TEST(LossPlot, ShowsEveryLineWithItsNameAndItsLastValue) {
  const std::string svg = loss_plot_svg(example());
  EXPECT_EQ(xml_fault(svg), "") << svg;
  EXPECT_THAT(svg, HasSubstr("width=\"960\" height=\"540\""));
  for (const char* text : {">Held-out loss<", ">tiny<", ">window<", ">nats per token<", ">60<", ">6<",
                           ">1.510<", ">1.710<", ">5.545<"}) {
    EXPECT_THAT(svg, HasSubstr(text));
  }
  // Each once in the legend, once at the end of its line.
  for (const char* name : {">network of 4 miners<", ">plain AdamW<", ">uniform guess<"})
    EXPECT_EQ(count(svg, name), 2) << name;
  EXPECT_EQ(count(svg, "stroke-linejoin"), 2);
  EXPECT_EQ(count(svg, "<circle"), 14);
}

TEST(LossPlot, PutsPointsWhereTheyBelong) {
  LossPlot plot = example();
  plot.references.clear();
  plot.series = {{.name = "n", .points = {{0, 1}, {5, 2}, {10, 3}}}};
  const std::string svg = loss_plot_svg(plot);
  std::smatch match;
  ASSERT_TRUE(std::regex_search(
      svg, match, std::regex("d=\"M([0-9.]+) ([0-9.]+)L([0-9.]+) ([0-9.]+)L([0-9.]+) ([0-9.]+)\"")));
  const auto number = [&](size_t group) { return std::stod(match[group]); };
  EXPECT_NEAR(number(3), (number(1) + number(5)) / 2, 0.11);
  EXPECT_NEAR(number(4), (number(2) + number(6)) / 2, 0.11);
  EXPECT_LT(number(1), number(5));
  EXPECT_GT(number(2), number(6)) << "larger values are higher up";
}

TEST(LossPlot, InterruptsALineWhereThereIsNoNumber) {
  LossPlot plot = example();
  plot.series = {{.name = "n", .points = {{0, 1}, {1, 2}, {2, kNan}, {3, 2}, {4, HUGE_VAL}, {5, 1}}}};
  const std::string svg = loss_plot_svg(plot);
  EXPECT_EQ(xml_fault(svg), "");
  EXPECT_TRUE(std::regex_search(svg, std::regex("d=\"M[0-9. ]+L[0-9. ]+M[0-9. ]+M[0-9. ]+\"")));
  EXPECT_EQ(count(svg, "<circle"), 4);
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
}

TEST(LossPlot, SaysThatThereIsNothingToShow) {
  LossPlot plot = example();
  plot.series = {{.name = "n", .points = {{0, kNan}}}, {.name = "m", .points = {}}};
  const std::string svg = loss_plot_svg(plot);
  EXPECT_EQ(xml_fault(svg), "");
  EXPECT_THAT(svg, HasSubstr("nothing to show yet"));
}

TEST(LossPlot, ShowsASinglePoint) {
  LossPlot plot = example();
  plot.references.clear();
  plot.series = {{.name = "n", .points = {{7, 5.5}}}};
  const std::string svg = loss_plot_svg(plot);
  EXPECT_EQ(xml_fault(svg), "");
  EXPECT_EQ(count(svg, "<circle"), 1);
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(LossPlot, EscapesWhatPeopleCallThings) {
  LossPlot plot = example();
  plot.title = "a < b & \"c\" > d\x01";
  plot.series[0].name = "<script>";
  const std::string svg = loss_plot_svg(plot);
  EXPECT_EQ(xml_fault(svg), "");
  EXPECT_THAT(svg, HasSubstr("a &lt; b &amp; &quot;c&quot; &gt; d "));
  EXPECT_THAT(svg, Not(HasSubstr("<script>")));
}

TEST(LossPlot, KeepsTheNamesAtTheEndsApart) {
  LossPlot plot = example();
  plot.series.clear();
  plot.references.clear();
  for (int i = 0; i < 6; ++i) plot.series.push_back({.name = "s", .points = {{0, 5}, {1, 2 + i * 0.001}}});
  const std::string svg = loss_plot_svg(plot);
  const std::regex label("y=\"([0-9.]+)\" font-size=\"13\" font-weight=\"600\"");
  std::vector<double> heights;
  for (std::sregex_iterator i(svg.begin(), svg.end(), label), end; i != end; ++i)
    heights.push_back(std::stod((*i)[1]));
  ASSERT_EQ(heights.size(), 6u);
  for (size_t i = 1; i < heights.size(); ++i) EXPECT_GE(heights[i] - heights[i - 1], 30);
  EXPECT_LT(heights.back(), 540);
}

TEST(LossPlot, CutsANameThatIsTooLongAtTheEndOfItsLine) {
  LossPlot plot = example();
  plot.series[0].name.clear();
  for (int i = 0; i < 100; ++i) plot.series[0].name += "\xc3\xa4";
  const std::string svg = loss_plot_svg(plot);
  EXPECT_EQ(count(svg, plot.series[0].name), 1);
  EXPECT_THAT(svg, HasSubstr("\xc3\xa4\u2026<"));
  EXPECT_THAT(svg, Not(HasSubstr("\xc3\u2026")));
}

TEST(LossPlot, IsWrittenToAFileOrSaysWhyNot) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_loss_plot(folder / "loss.svg", example()));
  EXPECT_EQ(as_text(read_file(folder / "loss.svg", 1 << 20).value()), loss_plot_svg(example()));
  EXPECT_TRUE(
      fails(write_loss_plot(folder / "no/loss.svg", example()), ErrorKind::kFatal, "loss.svg: No such file"));
}

TEST(PlotTicks, AreRoundNumbersAroundTheRange) {
  EXPECT_THAT(plot_ticks(0, 60, 8).values, ElementsAre(0, 10, 20, 30, 40, 50, 60));
  EXPECT_THAT(plot_ticks(1.6, 5.5, 6).values, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(plot_ticks(-0.3, 0.3, 3).values, ElementsAre(-0.4, -0.2, 0, 0.2, 0.4));
  EXPECT_EQ(plot_ticks(0, 60, 8).decimals, 0);
  EXPECT_EQ(plot_ticks(-0.3, 0.3, 3).decimals, 1);
  EXPECT_EQ(plot_ticks(1.001, 1.002, 5).decimals, 4);
  const PlotTicks one = plot_ticks(5.5, 5.5, 6);
  EXPECT_GE(one.values.size(), 2u);
  EXPECT_LT(one.values.front(), 5.5);
  EXPECT_GT(one.values.back(), 5.5);
  EXPECT_GE(plot_ticks(0, 0, 6).values.size(), 2u);
}

}  // namespace templar::testing
