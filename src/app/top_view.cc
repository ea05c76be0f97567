#include "app/top_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ranges>
#include <string_view>
#include <vector>

#include "app/printable.h"
#include "core/protocol/parameter_layout.h"
#include "node/window_timeline.h"

namespace templar {
namespace {

constexpr double kStalledSeconds = 120;
constexpr std::array<std::string_view, 8> kBars = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr int kVerdictsShown = 12;

enum class Tone { kPlain, kGood, kBad, kDim, kTitle };

// Counts characters, not bytes, and keeps colours out of the count.
class Picture {
 public:
  explicit Picture(const TerminalSize& size) : size_(size) {}

  Picture& add(std::string_view text, Tone tone = Tone::kPlain) {
    const std::string shown = cut(text);
    if (shown.empty()) return *this;
    const std::string_view code = size_.colours ? code_of(tone) : "";
    line_ += code;
    line_ += shown;
    if (!code.empty()) line_ += "\x1b[0m";
    return *this;
  }
  void end_line() {
    if (lines_.size() < static_cast<size_t>(size_.rows)) lines_.push_back(line_);
    line_.clear();
    width_ = 0;
  }
  [[nodiscard]] int rows_left() const { return size_.rows - static_cast<int>(lines_.size()); }
  [[nodiscard]] int columns_left() const { return size_.columns - width_; }
  [[nodiscard]] std::string text() const { return fmt::format("{}", fmt::join(lines_, "\n")); }

 private:
  static std::string_view code_of(Tone tone) {
    switch (tone) {
      case Tone::kGood:
        return "\x1b[32m";
      case Tone::kBad:
        return "\x1b[1;31m";
      case Tone::kDim:
        return "\x1b[2m";
      case Tone::kTitle:
        return "\x1b[1m";
      case Tone::kPlain:
        return "";
    }
    return "";
  }
  // As much as fits into the line, whole characters; a line's end within it becomes a space.
  std::string cut(std::string_view text) {
    std::string shown;
    for (size_t i = 0; i < text.size();) {
      size_t end = i + 1;
      while (end < text.size() && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) ++end;
      if (width_ >= size_.columns) break;
      shown += text[i] == '\n' || text[i] == '\t' ? std::string_view(" ") : text.substr(i, end - i);
      ++width_;
      i = end;
    }
    return shown;
  }

  const TerminalSize size_;
  std::vector<std::string> lines_;
  std::string line_;
  int width_ = 0;
};

std::string sparkline(const std::vector<double>& values, size_t width) {
  if (values.empty() || width == 0) return "";
  std::vector<double> means;  // one a column
  const size_t columns = std::min(width, values.size());
  for (size_t i = 0; i < columns; ++i) {
    const size_t begin = i * values.size() / columns;
    const size_t end = std::max(begin + 1, (i + 1) * values.size() / columns);
    double sum = 0;
    for (size_t k = begin; k < end; ++k) sum += values[k];
    means.push_back(sum / static_cast<double>(end - begin));
  }
  const auto [low, high] = std::ranges::minmax(means);
  std::string line;
  for (const double mean : means) {
    const double height = high > low ? (mean - low) / (high - low) : 0.5;
    line += kBars[static_cast<size_t>(std::lround(height * (kBars.size() - 1)))];
  }
  return line;
}

std::string ago(double seconds) {
  if (seconds < 60) return fmt::format("{:.0f} s", seconds);
  if (seconds < 3600) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

std::string state_of(const TopRun& run, const History& history, double idle_seconds) {
  if (run.finished) return "finished";
  if (history.newest_ns == 0) return "nothing reported yet";
  return idle_seconds > kStalledSeconds ? "nothing reported for " + ago(idle_seconds) : "running";
}

void add_header(Picture& picture, const TopRun& run, const History& history, int64_t now_ns) {
  const double idle_seconds = static_cast<double>(now_ns - history.newest_ns) / 1e9;
  const std::string state = state_of(run, history, idle_seconds);
  const bool stalled = !run.finished && history.newest_ns > 0 && idle_seconds > kStalledSeconds;
  picture.add("templar  ", Tone::kTitle)
      .add(run.title)
      .add("  ")
      .add(state, stalled ? Tone::kBad : Tone::kGood);
  const int64_t done = history.windows.empty() ? 0 : history.windows.rbegin()->first + 1;
  picture.add(history.wanted_windows > 0 ? fmt::format("  window {}/{}", done, history.wanted_windows)
                                         : fmt::format("  window {}", done));
  picture.end_line();
}

void add_losses(Picture& picture, const TopRun& run, const History& history) {
  std::vector<double> losses;
  double bytes = 0;
  for (const auto& [window, row] : history.windows) {
    if (row.loss() && std::isfinite(*row.loss())) losses.push_back(*row.loss());
    bytes = row.contribution_bytes().value_or(bytes);
  }
  picture.add("loss ").add(losses.empty() ? "-" : fmt::format("{:.4f}", losses.back()), Tone::kTitle);
  if (!history.heldout.empty())
    picture.add(fmt::format("  held-out {:.4f}", history.heldout.rbegin()->second));
  if (!history.baseline_heldout.empty())
    picture.add(fmt::format("  alone {:.4f}", history.baseline_heldout.rbegin()->second), Tone::kDim);
  if (bytes > 0) {
    const double full = 4.0 * static_cast<double>(parameter_count(parameter_layout(run.spec.model)));
    picture.add(fmt::format("  {:.1f} kB a contribution, 1/{:.0f} of f32", bytes / 1e3, full / bytes));
  }
  picture.end_line();
  picture.add(sparkline(losses, static_cast<size_t>(std::max(0, picture.columns_left()))));
  picture.end_line();
}

void add_roots(Picture& picture, const History& history) {
  if (history.windows.empty()) return;
  const auto& [window, row] = *history.windows.rbegin();
  picture.add("state root ").add(row.state_root().value_or("?").substr(0, 16)).add("  ");
  if (history.roots_agree()) {
    picture.add("all nodes agree in all windows", Tone::kGood);
  } else {
    const auto differs = std::ranges::find_if(std::views::reverse(history.windows),
                                              [](const auto& entry) { return !entry.second.roots_agree(); });
    picture.add(differs == std::ranges::end(std::views::reverse(history.windows))
                    ? std::string("AN EVALUATED MODEL DIFFERS")
                    : fmt::format("NODES DIFFER, last in window {}", differs->first),
                Tone::kBad);
  }
  picture.end_line();
  picture.end_line();
}

void add_nodes(Picture& picture, const History& history) {
  if (history.nodes.empty()) return;
  std::string heading = fmt::format("{:<14} {:>6} {:>8}", "node", "window", "seconds");
  for (const char* phase : kWindowPhases) heading += fmt::format(" {:>10}", phase);
  picture.add(heading, Tone::kDim);
  picture.end_line();
  for (const auto& [name, node] : history.nodes) {
    picture.add(fmt::format("{:<14} {:>6} {:>8.1f}", printable(name), node.window, node.window_seconds));
    for (const char* phase : kWindowPhases) {
      const auto seconds = node.phase_seconds.find(phase);
      picture.add(seconds == node.phase_seconds.end() ? fmt::format(" {:>10}", "")
                                                      : fmt::format(" {:>10.3f}", seconds->second));
    }
    picture.end_line();
  }
  picture.end_line();
}

// Of the newest windows, the newest last: a dot for what was accepted.
void add_verdicts(Picture& picture, const History& history, uint32_t uid) {
  std::vector<bool> accepted;
  for (const auto& [window, row] : std::views::reverse(history.windows)) {
    if (accepted.size() == kVerdictsShown) break;
    if (const auto score = row.scores.find(uid); score != row.scores.end())
      accepted.push_back(score->second.verdict == "accepted");
  }
  for (size_t i = accepted.size(); i < kVerdictsShown; ++i) picture.add(" ");
  for (const bool good : std::views::reverse(accepted))
    picture.add(good ? "·" : "×", good ? Tone::kGood : Tone::kBad);
}

void add_miners(Picture& picture, const History& history) {
  const auto scores = history.newest_scores();
  if (scores.empty()) return;
  std::vector<std::pair<uint32_t, ScoreRow>> rows(scores.begin(), scores.end());
  std::ranges::stable_sort(rows, std::greater<>(), [](const auto& row) { return row.second.weight; });
  picture.add(fmt::format("{:>5} {:>8} {:>8} {:>8} {:>10} {:>6}  {:<{}}  {}", "miner", "weight", "score",
                          "rating", "indicator", "sync", "verdicts", kVerdictsShown, "last"),
              Tone::kDim);
  picture.end_line();
  const int shown = std::max(1, picture.rows_left() - 4);
  for (const auto& [uid, score] : rows | std::views::take(shown)) {
    picture.add(fmt::format("{:>5} {:>8.4f} {:>8.3f} {:>8.3f} {:>+10.3f} {:>6.2f}  ", uid, score.weight,
                            score.final_score, score.ordinal, score.binary_average, score.sync_score));
    add_verdicts(picture, history, uid);
    const bool good = score.verdict == "accepted";
    picture.add("  ").add(
        printable(score.reason.empty() ? score.verdict : score.verdict + ": " + score.reason),
        good ? Tone::kPlain : Tone::kBad);
    picture.end_line();
  }
  if (static_cast<size_t>(shown) < rows.size()) {
    picture.add(fmt::format("      and {} more", rows.size() - static_cast<size_t>(shown)), Tone::kDim);
    picture.end_line();
  }
  picture.end_line();
}

void add_faults(Picture& picture, const History& history) {
  if (history.faults.empty() || picture.rows_left() < 2) return;
  picture.add(fmt::format("faults, the newest first"), Tone::kDim);
  picture.end_line();
  for (const Fault& fault : std::views::reverse(history.faults) | std::views::take(picture.rows_left())) {
    picture.add(
        fmt::format("window {:>5}  {:<12} {}", fault.window, printable(fault.node), printable(fault.what)));
    picture.end_line();
  }
}

}  // namespace

std::string top_picture(const TopRun& run, const History& history, int64_t now_ns, const TerminalSize& size) {
  Picture picture(size);
  add_header(picture, run, history, now_ns);
  add_losses(picture, run, history);
  add_roots(picture, history);
  add_nodes(picture, history);
  add_miners(picture, history);
  add_faults(picture, history);
  return picture.text();
}

}  // namespace templar
