#include "app/localnet/live_view.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "app/terminal/standard_output.h"
#include "core/run/parameter_layout.h"

namespace templar {
namespace {

constexpr int64_t kWindowsBetweenTables = 20;
constexpr size_t kRejectedNamed = 4;

std::string thousands(double value) {
  return value >= 1e6 ? fmt::format("{:.2f}M", value / 1e6) : fmt::format("{:.1f}k", value / 1e3);
}

// "gathered 1 3, not 2 (missing)"
std::string gathered_text(const RunWindow& row) {
  if (row.judgements.empty()) return "gathered ?";  // the validator was killed before it could report
  std::vector<uint32_t> accepted;
  for (const MinerJudgement& judgement : row.judgements) {
    if (judgement.verdict == "accepted") accepted.push_back(judgement.uid);
  }
  std::string text =
      accepted.empty() ? "gathered nobody" : fmt::format("gathered {}", fmt::join(accepted, " "));
  size_t named = 0;
  for (const MinerJudgement& judgement : row.judgements) {
    if (judgement.verdict == "accepted" || ++named > kRejectedNamed) continue;
    text += fmt::format("{} {} ({})", named == 1 ? ", not" : ",", judgement.uid, judgement.verdict);
  }
  if (named > kRejectedNamed) text += fmt::format(" and {} more", named - kRejectedNamed);
  return text;
}

}  // namespace

LiveView::LiveView(const LocalRun& run)
    : run_(run), parameter_bytes_(parameter_count(parameter_layout(run.spec.model)) * 4) {
  for (const LocalNode& node : run.nodes) miners_ += node.role == NodeRole::kMiner ? 1 : 0;
}

void LiveView::skip_to_end(const RunView& known) {
  for (const auto& [window, row] : known.windows()) {
    if (!row.reported) continue;
    next_window_ = window;
    if (!is_complete(known, window)) return;
    ++next_window_;
  }
}

void LiveView::show(const RunView& known, bool all) {
  // From window to window as far as they are there: one that nobody lived to report is passed over.
  for (auto row = known.windows().lower_bound(next_window_); row != known.windows().end(); ++row) {
    if (!row->second.reported) continue;
    if (!all && !is_complete(known, row->first)) break;
    print_window(known, row->first);
    next_window_ = row->first + 1;
    if (next_window_ % kWindowsBetweenTables == 0 && next_window_ < run_.windows) print_table(known);
  }
  if (all) print_table(known);
  flush_output();
}

bool LiveView::is_complete(const RunView& known, int64_t window) const {
  const RunWindow& row = known.windows().at(window);
  const bool has_checkpoint =
      (window + 1) % run_.spec.network.checkpoint_interval == 0 || window + 1 == run_.windows;
  const bool is_evaluated = !has_checkpoint || known.curve("heldout").contains(window + 1);
  const auto miners = static_cast<size_t>(
      std::ranges::count_if(row.reports, [](const NodeReport& report) { return report.miner.has_value(); }));
  if (!row.validator_root.empty() && miners == miners_ && is_evaluated) return true;
  // A node that was away for the window never reports it, and an evaluator may be slow: what is missing two
  // windows later is not waited for any longer.
  return std::any_of(known.windows().upper_bound(window + 1), known.windows().end(),
                     [](const auto& later) { return !later.second.validator_root.empty(); });
}

void LiveView::print_window(const RunView& known, int64_t window) {
  const RunWindow& row = known.windows().at(window);
  const std::optional<double> loss = row.spread(&NodeReport::loss).mean();
  std::string line = fmt::format("window {:>4}/{}", window + 1, run_.windows);
  line += loss ? fmt::format("  loss {:.4f}", *loss) : "  loss      -";
  const Curve& heldout = known.curve("heldout");
  const auto evaluated = heldout.find(window + 1);
  line += evaluated == heldout.end() ? fmt::format("  {:15}", "")
                                     : fmt::format("  held-out {:.4f}", evaluated->second.value);
  tokens_ += row.spread(&NodeReport::tokens).sum.value_or(0);
  line += fmt::format("  {:>6} tok/s", thousands(tokens_ / since_start_.seconds()));
  if (const auto bytes = row.spread(&NodeReport::contribution_bytes).mean()) {
    line += fmt::format("  {:.1f} kB each, 1/{:.0f} of f32", *bytes / 1e3,
                        static_cast<double>(parameter_bytes_) / *bytes);
  }
  line += "  " + gathered_text(row);
  const std::string_view root = row.state_root();
  line += fmt::format("  root {} {}", root.empty() ? "?" : root.substr(0, 8),
                      row.differing().empty() ? "all agree" : "NODES DIFFER");
  print("{}\n", line);
}

void LiveView::print_table(const RunView& known) const {
  std::vector<MinerJudgement> rows;
  for (const auto& [uid, newest] : known.newest_judgements()) rows.push_back(*newest.judgement);
  std::ranges::stable_sort(rows, std::greater<>(), &MinerJudgement::weight);
  print("\n  {:>5} {:>8} {:>8} {:>8} {:>10} {:>10}  {}\n", "miner", "weight", "score", "rating", "indicator",
        "gradient", "last window");
  for (const MinerJudgement& row : rows) {
    print("  {:>5} {:>8.4f} {:>8.3f} {:>8.3f} {:>+10.3f} {:>+10.5f}  {}\n", row.uid, row.weight.value_or(0),
          row.final_score.value_or(0), row.ordinal.value_or(0), row.binary_average.value_or(0),
          row.gradient_score.value_or(0), row.verdict);
  }
  print("\n");
}

}  // namespace templar
