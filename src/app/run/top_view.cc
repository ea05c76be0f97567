#include "app/run/top_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <ranges>
#include <set>
#include <string_view>
#include <vector>

#include "app/terminal/printable.h"
#include "ports/measurement_names.h"

namespace templar {
namespace {

constexpr double kStalledSeconds = 120;
constexpr std::array<std::string_view, 8> kBars = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr int kVerdictsShown = 12;
constexpr size_t kSpeakersShown = 6;
constexpr size_t kRootDigits = 16;
constexpr size_t kRunIdDigits = 8;

enum class Tone { kPlain, kGood, kBad, kDim, kTitle, kAlarm };

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
      case Tone::kAlarm:
        return "\x1b[1;97;41m";
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

bool is_stalled(const RunKnowledge& run, double idle_seconds) {
  return !run.finished() && run.newest_ms() > 0 && idle_seconds > kStalledSeconds;
}

std::string state_of(const RunKnowledge& run, double idle_seconds) {
  if (run.finished()) return "finished";
  if (run.newest_ms() == 0) return "nothing reported yet";
  if (run.view.call_ended()) return "stopped";
  return is_stalled(run, idle_seconds) ? "nothing reported for " + ago(idle_seconds) : "running";
}

void add_header(Picture& picture, const RunKnowledge& run, int64_t now_ms) {
  const double idle_seconds = static_cast<double>(now_ms - run.newest_ms()) / 1e3;
  picture.add("templar  ", Tone::kTitle)
      .add(run.spec ? fmt::format("{} {}", printable(run.spec->name), run.run_id.substr(0, kRunIdDigits))
                    : "?")
      .add("  ")
      .add(state_of(run, idle_seconds), is_stalled(run, idle_seconds) ? Tone::kBad : Tone::kGood);
  const int64_t done = run.view.last_window() + 1;
  const std::optional<int64_t> wanted = run.view.windows_wanted();
  picture.add(wanted ? fmt::format("  window {}/{}", done, *wanted) : fmt::format("  window {}", done));
  picture.end_line();
}

// In lines of the picture's width, each with that word before it or as much room; at most so many lines.
void add_wrapped(Picture& picture, std::string_view word, std::string text, Tone tone) {
  constexpr int kMostLines = 4;
  constexpr std::string_view kIndent = "    ";
  for (int line = 0; line < kMostLines && !text.empty(); ++line) {
    picture.add(kIndent);
    picture.add(line == 0 ? word : std::string_view("     ").substr(0, word.size()), Tone::kTitle);
    const auto room = static_cast<size_t>(std::max(1, picture.columns_left()));
    size_t end = text.size();
    if (text.size() > room) {
      const size_t space = text.rfind(' ', room);
      end = space == std::string::npos || space == 0 ? room : space;
      while (end < text.size() && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) ++end;
    }
    picture.add(text.substr(0, end), tone);
    picture.end_line();
    text.erase(0, end);
    text.erase(0, text.find_first_not_of(' '));
  }
}

// A band over the whole line, and below it who says so, why, and what to do.
void add_alarms(Picture& picture, const RunView& view, int64_t now_ms) {
  for (const RunAlarm& alarm : view.alarms()) {
    std::string band = fmt::format("!!! ALARM {}", printable(alarm.kind));
    if (!alarm.title.empty()) band += fmt::format(": {}", alarm.title);
    band += fmt::format(", since window {}", alarm.window);
    if (alarm.time_ms > 0)
      band += fmt::format(", for {}", ago(std::max(0.0, static_cast<double>(now_ms - alarm.time_ms) / 1e3)));
    const auto width = static_cast<size_t>(std::max(0, picture.columns_left()));
    picture.add(fmt::format("{:<{}}", band, width), Tone::kAlarm);
    picture.end_line();
    add_wrapped(picture, "who: ", printable(speakers_of(alarm, kSpeakersShown)), Tone::kPlain);
    add_wrapped(picture, "why: ", printable(alarm.reason), Tone::kBad);
    add_wrapped(picture, "do:  ", std::string(alarm.advice), Tone::kPlain);
  }
}

void add_losses(Picture& picture, const RunKnowledge& run) {
  std::vector<double> losses;
  double bytes = 0;
  for (const auto& [window, row] : run.view.windows()) {
    if (const auto loss = row.spread(&NodeReport::loss).mean()) losses.push_back(*loss);
    bytes = row.spread(&NodeReport::contribution_bytes).mean().value_or(bytes);
  }
  picture.add("loss ").add(losses.empty() ? "-" : fmt::format("{:.4f}", losses.back()), Tone::kTitle);
  if (const Curve& heldout = run.view.curve("heldout"); !heldout.empty())
    picture.add(fmt::format("  held-out {:.4f}", heldout.rbegin()->second.value));
  if (const Curve& alone = run.view.curve("baseline_heldout"); !alone.empty())
    picture.add(fmt::format("  alone {:.4f}", alone.rbegin()->second.value), Tone::kDim);
  if (bytes > 0 && run.parameters > 0) {
    picture.add(fmt::format("  {:.1f} kB a contribution, 1/{:.0f} of f32", bytes / 1e3,
                            4.0 * static_cast<double>(run.parameters) / bytes));
  }
  picture.end_line();
  picture.add(sparkline(losses, static_cast<size_t>(std::max(0, picture.columns_left()))));
  picture.end_line();
}

// "tasks  piqa acc 0.6120 ± 0.0110", the newest of each.
void add_tasks(Picture& picture, const RunView& view) {
  constexpr std::string_view kTask = "task ";
  std::vector<std::string> tasks;
  for (const auto& [name, curve] : view.curves()) {
    if (!name.starts_with(kTask) || curve.empty()) continue;
    const auto& [value, error, revision] = curve.rbegin()->second;
    tasks.push_back(fmt::format("{} {:.4f}", printable(name.substr(kTask.size())), value));
    if (error) tasks.back() += fmt::format(" ± {:.4f}", *error);
  }
  if (tasks.empty()) return;
  picture.add("tasks  ", Tone::kDim).add(fmt::format("{}", fmt::join(tasks, "   ")));
  picture.end_line();
}

void add_roots(Picture& picture, const RunView& view) {
  if (view.last_window() < 0) return;
  const std::string_view root = view.windows().at(view.last_window()).state_root();
  picture.add("state root ").add(root.empty() ? "?" : root.substr(0, kRootDigits)).add("  ");
  const auto differs = std::ranges::find_if(std::views::reverse(view.windows()), [](const auto& entry) {
    return !entry.second.differing().empty();
  });
  if (differs == std::ranges::end(std::views::reverse(view.windows()))) {
    picture.add("all nodes agree in all windows", Tone::kGood);
  } else {
    std::vector<std::string> names;
    for (const size_t node : differs->second.differing()) names.push_back(printable(view.nodes()[node]));
    picture.add(fmt::format("NODES DIFFER, last in window {}: {}", differs->first, fmt::join(names, " ")),
                Tone::kBad);
  }
  picture.end_line();
  picture.end_line();
}

// The newest window of which a node has told what it did.
struct LastWindow {
  int64_t window = 0;
  const NodeReport* report = nullptr;
  int64_t start_ms = 0;
  double seconds = 0;  // since it began the one before; 0: not known
};

int64_t start_of(const NodeReport& report) {
  return std::ranges::min_element(report.spans, {}, &PhaseSpan::start_ms)->start_ms;
}

std::map<std::string, LastWindow> last_windows(const RunView& view) {
  std::map<std::string, LastWindow> all;
  for (const auto& [window, row] : view.windows()) {
    for (const NodeReport& report : row.reports) {
      if (report.spans.empty()) continue;
      LastWindow& last = all[view.nodes()[report.node]];
      const int64_t start_ms = start_of(report);
      last = {window, &report, start_ms,
              last.report == nullptr ? 0 : static_cast<double>(start_ms - last.start_ms) / 1e3};
    }
  }
  return all;
}

void add_nodes(Picture& picture, const RunView& view) {
  const std::map<std::string, LastWindow> nodes = last_windows(view);
  if (nodes.empty()) return;
  std::set<size_t> phases;  // those that somebody had, so that they fit into the line
  for (const auto& [name, last] : nodes) {
    for (const PhaseSpan& span : last.report->spans) phases.insert(span.phase);
  }
  std::string heading = fmt::format("{:<14} {:>6} {:>8}", "node", "window", "seconds");
  for (const size_t phase : phases) heading += fmt::format(" {:>10}", kWindowPhases[phase]);
  picture.add(heading, Tone::kDim);
  picture.end_line();
  for (const auto& [name, last] : nodes) {
    picture.add(fmt::format("{:<14} {:>6} {:>8.1f}", printable(name), last.window, last.seconds));
    for (const size_t phase : phases) {
      const auto span = std::ranges::find(last.report->spans, phase, &PhaseSpan::phase);
      picture.add(span == last.report->spans.end() ? fmt::format(" {:>10}", "")
                                                   : fmt::format(" {:>10.3f}", span->seconds));
    }
    picture.end_line();
  }
  picture.end_line();
}

// Of the newest windows, the newest last: a dot for what was accepted.
void add_verdicts(Picture& picture, const RunView& view, uint32_t uid) {
  std::vector<bool> accepted;
  for (const auto& [window, row] : std::views::reverse(view.windows())) {
    if (accepted.size() == kVerdictsShown) break;
    if (const MinerJudgement* judgement = row.judgement_of(uid))
      accepted.push_back(judgement->verdict == "accepted");
  }
  for (size_t i = accepted.size(); i < kVerdictsShown; ++i) picture.add(" ");
  for (const bool good : std::views::reverse(accepted))
    picture.add(good ? "·" : "×", good ? Tone::kGood : Tone::kBad);
}

void add_miners(Picture& picture, const RunView& view) {
  std::vector<const MinerJudgement*> rows;
  for (const auto& [uid, newest] : view.newest_judgements()) rows.push_back(newest.judgement);
  if (rows.empty()) return;
  std::ranges::stable_sort(rows, std::greater<>(), &MinerJudgement::weight);
  picture.add(fmt::format("{:>5} {:>8} {:>8} {:>8} {:>10} {:>6}  {:<{}}  {}", "miner", "weight", "score",
                          "rating", "indicator", "sync", "verdicts", kVerdictsShown, "last"),
              Tone::kDim);
  picture.end_line();
  const int shown = std::max(1, picture.rows_left() - 4);
  for (const MinerJudgement* row : rows | std::views::take(shown)) {
    picture.add(fmt::format("{:>5} {:>8.4f} {:>8.3f} {:>8.3f} {:>+10.3f} {:>6.2f}  ", row->uid,
                            row->weight.value_or(0), row->final_score.value_or(0), row->ordinal.value_or(0),
                            row->binary_average.value_or(0), row->sync_score.value_or(0)));
    add_verdicts(picture, view, row->uid);
    picture.add("  ").add(printable(row->reason.empty() ? row->verdict : row->verdict + ": " + row->reason),
                          row->verdict == "accepted" ? Tone::kPlain : Tone::kBad);
    picture.end_line();
  }
  if (static_cast<size_t>(shown) < rows.size()) {
    picture.add(fmt::format("      and {} more", rows.size() - static_cast<size_t>(shown)), Tone::kDim);
    picture.end_line();
  }
  picture.end_line();
}

void add_faults(Picture& picture, const FaultList& list) {
  if (list.faults().empty() || picture.rows_left() < 2) return;
  std::vector<const RunFault*> faults;
  for (const auto& [id, fault] : list.faults()) faults.push_back(&fault);
  std::ranges::stable_sort(faults, std::greater<>(), &RunFault::revision);
  picture.add("faults, the newest first", Tone::kDim);
  picture.end_line();
  for (const RunFault* fault : faults | std::views::take(picture.rows_left())) {
    picture
        .add(fault->last_window ? fmt::format("window {:>5}  ", *fault->last_window)
                                : fmt::format("{:14}", ""))
        .add(fmt::format("{:<12} {}{}", printable(fault->source), printable(fault->text),
                         fault->count > 1 ? fmt::format(" ({} times)", fault->count) : ""));
    picture.end_line();
  }
}

}  // namespace

std::string top_picture(const RunKnowledge& run, int64_t now_ms, const TerminalSize& size) {
  Picture picture(size);
  add_header(picture, run, now_ms);
  add_alarms(picture, run.view, now_ms);
  add_losses(picture, run);
  add_tasks(picture, run.view);
  add_roots(picture, run.view);
  add_nodes(picture, run.view);
  add_miners(picture, run.view);
  add_faults(picture, run.view.faults());
  return picture.text();
}

}  // namespace templar
