#include "app/localnet/live_view.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/protocol/parameter_layout.h"

namespace templar {
namespace {

constexpr int64_t kWindowsBetweenTables = 20;
constexpr size_t kRejectedNamed = 4;

std::string thousands(double value) {
  return value >= 1e6 ? fmt::format("{:.2f}M", value / 1e6) : fmt::format("{:.1f}k", value / 1e3);
}

// "gathered 1 3, not 2 (missing)"
std::string gathered_text(const WindowRow& row) {
  if (row.scores.empty()) return "gathered ?";  // the validator was killed before it could report
  const std::vector<uint32_t> accepted = row.accepted();
  std::string text = accepted.empty() ? "gathered nobody" : fmt::format("gathered {}", fmt::join(accepted, " "));
  size_t named = 0;
  for (const auto& [uid, score] : row.scores) {
    if (score.verdict == "accepted" || ++named > kRejectedNamed) continue;
    text += fmt::format("{} {} ({})", named == 1 ? ", not" : ",", uid, score.verdict);
  }
  if (named > kRejectedNamed) text += fmt::format(" and {} more", named - kRejectedNamed);
  return text;
}

}  // namespace

LiveView::LiveView(const LocalRun& run, std::FILE* out)
    : run_(run), out_(out), parameter_bytes_(parameter_count(parameter_layout(run.spec.model)) * 4) {
  for (const LocalNode& node : run.nodes) miners_ += node.role == NodeRole::kMiner ? 1 : 0;
}

void LiveView::skip_to_end(const History& history) {
  if (history.windows.empty()) return;
  for (const auto& [window, row] : history.windows) {
    next_window_ = window;
    if (!is_complete(history, window)) return;
  }
  ++next_window_;
}

void LiveView::show(const History& history, bool all) {
  if (history.windows.empty()) return;
  if (next_window_ < 0) next_window_ = history.windows.begin()->first;
  // From window to window as far as they are there: one that nobody lived to report is passed over.
  for (auto row = history.windows.lower_bound(next_window_); row != history.windows.end(); ++row) {
    if (!all && !is_complete(history, row->first)) break;
    print_window(history, row->first);
    next_window_ = row->first + 1;
    if (next_window_ % kWindowsBetweenTables == 0 && next_window_ < run_.windows) print_table(history);
  }
  if (all) print_table(history);
  std::fflush(out_);
}

bool LiveView::is_complete(const History& history, int64_t window) const {
  const WindowRow& row = history.windows.at(window);
  const bool has_checkpoint = (window + 1) % run_.spec.network.checkpoint_interval == 0 || window + 1 == run_.windows;
  const bool is_evaluated = !has_checkpoint || history.heldout.contains(window + 1);
  if (row.validator_root && row.miners.size() == miners_ && is_evaluated) return true;
  // A node that was away for the window never reports it, and an evaluator may be slow: what is missing two windows later is not
  // waited for any longer.
  return std::any_of(history.windows.upper_bound(window + 1), history.windows.end(),
                     [](const auto& later) { return later.second.validator_root.has_value(); });
}

void LiveView::print_window(const History& history, int64_t window) {
  const WindowRow& row = history.windows.at(window);
  std::string line = fmt::format("window {:>4}/{}", window + 1, run_.windows);
  line += row.loss() ? fmt::format("  loss {:.4f}", *row.loss()) : "  loss      -";
  const auto heldout = history.heldout.find(window + 1);
  line += heldout == history.heldout.end() ? fmt::format("  {:15}", "") : fmt::format("  held-out {:.4f}", heldout->second);
  tokens_ += row.tokens();
  line += fmt::format("  {:>6} tok/s", thousands(static_cast<double>(tokens_) / since_start_.seconds()));
  if (const auto bytes = row.contribution_bytes()) {
    line += fmt::format("  {:.1f} kB each, 1/{:.0f} of f32", *bytes / 1e3, static_cast<double>(parameter_bytes_) / *bytes);
  }
  line += "  " + gathered_text(row);
  line += fmt::format("  root {} {}", row.state_root().value_or("?").substr(0, 8), row.roots_agree() ? "all agree" : "NODES DIFFER");
  fmt::print(out_, "{}\n", line);
}

void LiveView::print_table(const History& history) const {
  const std::map<uint32_t, ScoreRow> scores = history.newest_scores();
  std::vector<std::pair<uint32_t, ScoreRow>> rows(scores.begin(), scores.end());
  std::ranges::stable_sort(rows, std::greater<>(), [](const auto& row) { return row.second.weight; });
  fmt::print(out_, "\n  {:>5} {:>8} {:>8} {:>8} {:>10} {:>10}  {}\n", "miner", "weight", "score", "rating", "indicator", "gradient",
             "last window");
  for (const auto& [uid, score] : rows) {
    fmt::print(out_, "  {:>5} {:>8.4f} {:>8.3f} {:>8.3f} {:>+10.3f} {:>+10.5f}  {}\n", uid, score.weight, score.final_score,
               score.ordinal, score.binary_average, score.gradient_score, score.verdict);
  }
  fmt::print(out_, "\n");
}

}  // namespace templar
