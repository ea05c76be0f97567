#include "app/run/run_view.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "app/run/measurement_values.h"
#include "ports/alarm_kinds.h"
#include "ports/ledger.h"

namespace templar {
namespace {

constexpr int64_t kLastWindow = 1'000'000'000'000;  // beyond it a page's numbers would not be exact
constexpr double kLongestPhaseSeconds = 1e9;
constexpr size_t kSystemSamples = 3072;  // kept of all processes together
constexpr int kWindowsBack = 512;        // in which a miner's newest judgement is looked for

std::optional<int64_t> window_field(const Measurement& measurement) {
  const std::optional<int64_t> window = integer_field(measurement, "window");
  if (!window || *window < 0 || *window > kLastWindow) return std::nullopt;
  return window;
}

std::optional<double> difference(const Measurement& measurement, FieldName before, FieldName after) {
  const std::optional<double> first = number_field(measurement, before);
  const std::optional<double> second = number_field(measurement, after);
  if (!first || !second) return std::nullopt;
  return *first - *second;
}

std::optional<double> mean_gpu_utilisation(const Measurement& measurement) {
  double sum = 0;
  int count = 0;
  for (const auto& [name, value] : measurement.fields) {
    if (!name.starts_with("gpu_") || !name.ends_with("_utilisation_percent")) continue;
    const std::optional<double> percent = number_named(measurement, name);
    if (!percent) continue;
    sum += *percent;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / count;
}

}  // namespace

const MinerJudgement* RunWindow::judgement_of(uint32_t uid) const {
  const auto found = std::ranges::lower_bound(judgements, uid, {}, &MinerJudgement::uid);
  return found == judgements.end() || found->uid != uid ? nullptr : &*found;
}

void Spread::add(std::optional<double> value) {
  if (!value) return;
  sum = sum.value_or(0) + *value;
  low = std::min(low.value_or(*value), *value);
  high = std::max(high.value_or(*value), *value);
  ++count;
}

std::optional<double> Spread::mean() const {
  if (!sum) return std::nullopt;
  return *sum / count;
}

Spread RunWindow::spread(std::optional<double> NodeReport::* number) const {
  Spread spread;
  for (const NodeReport& report : reports) spread.add(report.*number);
  return spread;
}

std::string_view RunWindow::state_root() const {
  if (!validator_root.empty()) return validator_root;
  const auto miner =
      std::ranges::find_if(reports, [](const NodeReport& report) { return report.miner.has_value(); });
  return miner == reports.end() ? std::string_view() : miner->state_root;
}

std::vector<size_t> RunWindow::differing() const {
  std::map<std::string_view, size_t> votes;
  for (const NodeReport& report : reports) {
    if (!report.state_root.empty()) ++votes[report.state_root];
  }
  if (votes.size() < 2) return {};
  std::string_view right =
      std::ranges::max_element(votes, {}, [](const auto& vote) { return vote.second; })->first;
  if (!validator_root.empty()) right = validator_root;
  std::vector<size_t> nodes;
  for (const NodeReport& report : reports) {
    if (!report.state_root.empty() && report.state_root != right) nodes.push_back(report.node);
  }
  return nodes;
}

void RunView::add(const Measurement& measurement, const std::string& source) {
  ++revision_;
  const int64_t time_ms = measurement.time_ns / 1'000'000;
  if (is(measurement, "system")) return add_system(measurement, source);
  newest_ms_ = std::max(newest_ms_, time_ms);
  if (is(measurement, "localnet_begin")) windows_wanted_ = integer_field(measurement, "windows");
  if (is(measurement, "localnet_begin") || is(measurement, "localnet_call")) {
    call_ended_ = is(measurement, "localnet_call");
    // A process that was killed while it moved measurements aside has left some of them in two files.
    if (call_ended_ && !call_times_ns_.insert(measurement.time_ns).second) return;
    if (call_ended_ && integer_field(measurement, "roots_agree") == 0) forgotten_differed_ = true;
    train_seconds_ += call_ended_ ? number_field(measurement, "train_seconds").value_or(0) : 0;
    total_seconds_ += call_ended_ ? number_field(measurement, "total_seconds").value_or(0) : 0;
    return;
  }
  if (is(measurement, "metrics_thinned")) return take_thinned_totals(measurement, source);
  const std::optional<int64_t> window = window_field(measurement);
  if (!window) return;
  add_to_window(measurement, source, *window);
}

void RunView::add_to_window(const Measurement& measurement, const std::string& source, int64_t window) {
  const int64_t time_ms = measurement.time_ns / 1'000'000;
  if (is(measurement, "training_step_v2")) {
    const size_t node = node_of(measurement, source);
    add_totals(measurement, node);
    add_miner(measurement, report_at(reported_window(window, time_ms), node));
    thin_windows();
  } else if (is(measurement, "validator_window_v2")) {
    RunWindow& row = reported_window(window, time_ms);
    NodeReport& report = report_at(row, node_of(measurement, source));
    report.state_root = text_field(measurement, "state_root");
    row.validator_root = report.state_root;
    row.accepted = number_field(measurement, "accepted");
    row.rejected = number_field(measurement, "rejected");
    add_totals(measurement, report.node);
    thin_windows();
  } else if (is(measurement, "validator_scores")) {
    add_judgement(measurement, window);
  } else if (is(measurement, "window_timeline")) {
    // A checkpoint of window w + 1 is the model after window w.
    const int64_t shown_in =
        tag(measurement, "role") == name_of(NodeRole::kEvaluator) ? std::max<int64_t>(0, window - 1) : window;
    RunWindow& row = window_at(shown_in);
    NodeReport& report = report_at(row, node_of(measurement, source));
    add_timeline(measurement, report);
    if (shown_in != window) return;
    for (const PhaseSpan& span : report.spans) {
      row.time_ms = std::max(row.time_ms, span.start_ms + static_cast<int64_t>(span.seconds * 1000));
    }
  } else if (is(measurement, "baseline_metrics")) {
    window_at(window).baseline_loss = number_field(measurement, "loss");
  } else if (is(measurement, "network_alarm")) {
    add_alarm(measurement, source, window);
  } else if (is(measurement, "model_divergence")) {
    add_fault(measurement, "divergence", nodes_[node_of(measurement, source)],
              "the model differs from the leader's, first in " + text_field(measurement, "parameter"),
              "model");
  } else if (is(measurement, "validator_slash")) {
    const std::string reason = text_field(measurement, "reason");
    add_fault(measurement, "slash", "miner-" + tag(measurement, "eval_uid"),
              tag(measurement, "reason_code") + ": " + reason,
              tag(measurement, "reason_code") + without_numbers(reason));
  } else {
    add_benchmark(measurement, source, window);
  }
}

void RunView::add_benchmark(const Measurement& measurement, const std::string& source, int64_t window) {
  if (is(measurement, "baseline_heldout")) {
    add_curve_point("baseline_heldout", window, number_field(measurement, "heldout_loss"));
  } else if (is(measurement, "benchmark_metrics")) {
    add_curve_point("heldout", window, number_field(measurement, "heldout_loss"));
    const std::string root = text_field(measurement, "state_root");
    if (root.empty() || window < 1) return;
    report_at(window_at(window - 1), node_of(measurement, source)).state_root = root;
  } else if (is(measurement, "benchmark_task")) {
    const std::string task = tag(measurement, "task");
    if (task.empty()) return;
    add_curve_point("task " + task + ' ' + tag(measurement, "metric"), window,
                    number_field(measurement, "score"), number_field(measurement, "score_stderr"));
  }
}

const Curve& RunView::curve(const std::string& name) const {
  static const Curve kNone;
  const auto found = curves_.find(name);
  return found == curves_.end() ? kNone : found->second;
}

std::map<uint32_t, NewestJudgement> RunView::newest_judgements() const {
  std::map<uint32_t, NewestJudgement> newest;
  int looked_at = 0;
  for (auto at = windows_.rbegin(); at != windows_.rend() && looked_at < kWindowsBack; ++at, ++looked_at) {
    for (const MinerJudgement& judgement : at->second.judgements)
      newest.try_emplace(judgement.uid, at->first, &at->second, &judgement);
  }
  return newest;
}

bool RunView::roots_agree() const {
  return !forgotten_differed_ &&
         std::ranges::all_of(windows_, [](const auto& entry) { return entry.second.differing().empty(); });
}

RunTotals RunView::totals() const {
  RunTotals totals;
  // Once windows were forgotten, or thinned before they were read, those of the node that has reported most:
  // a node that was killed and caught up has not reported all.
  for (const auto& [number, row] : windows_)
    totals.windows += has_forgotten_ || row.state_root().empty() ? 0 : 1;
  for (const NodeTotals& node : totals_) {
    totals.windows = std::max(totals.windows, node.windows);
    totals.tokens += node.tokens;
    totals.contribution_bytes += node.contribution_bytes;
    totals.contributions += node.contributions;
  }
  return totals;
}

void RunView::add_totals(const Measurement& measurement, size_t node) {
  NodeTotals& totals = totals_[node];
  const std::optional<int64_t> window = window_field(measurement);
  if (!window || *window < totals.below_window) return;
  totals.below_window = *window + 1;
  ++totals.windows;
  totals.tokens += number_field(measurement, "tokens").value_or(0);
  const std::optional<double> bytes = number_field(measurement, "contribution_bytes");
  totals.contribution_bytes += bytes.value_or(0);
  totals.contributions += bytes ? 1 : 0;
}

void RunView::take_thinned_totals(const Measurement& measurement, const std::string& source) {
  totals_[node_of(measurement, source)] = {
      .below_window = integer_field(measurement, "below_window").value_or(0),
      .windows = integer_field(measurement, "windows").value_or(0),
      .tokens = number_field(measurement, "tokens").value_or(0),
      .contribution_bytes = number_field(measurement, "contribution_bytes").value_or(0),
      .contributions = integer_field(measurement, "contributions").value_or(0)};
}

void RunView::thin_windows() {
  const size_t reports_each = 2 * std::max<size_t>(1, nodes_.size());
  const size_t recent =
      std::clamp<size_t>(limits_.recent_reports / reports_each, std::min<size_t>(limits_.recent_windows, 64),
                         limits_.recent_windows);
  // Not with each window: to look through all of them takes a while.
  if (windows_.size() <= recent + limits_.older_windows + limits_.slack) return;
  const int64_t recent_from = last_window_ + 1 - static_cast<int64_t>(recent);
  for (;; older_stride_ *= 2) {
    size_t older = 0;
    for (auto row = windows_.begin(); row != windows_.end() && row->first < recent_from;) {
      const auto at = row++;
      if (at->first % older_stride_ == 0) {
        ++older;
      } else {
        forget(at);
      }
    }
    if (older <= limits_.older_windows || older_stride_ > kLastWindow) return;
  }
}

void RunView::forget(std::map<int64_t, RunWindow>::iterator row) {
  has_forgotten_ = true;
  if (!row->second.differing().empty()) forgotten_differed_ = true;
  windows_.erase(row);
}

void RunView::add_log_line(const std::string& source, std::string_view line) {
  std::optional<LogFault> found = fault_in_log_line(line);
  if (!found) return;
  ++revision_;
  const std::string group = without_numbers(found->text);
  faults_.add({.kind = found->is_error ? "error" : "warning",
               .source = source,
               .text = std::move(found->text),
               .first_window = found->window,
               .last_window = found->window,
               .revision = revision_},
              group);
}

void RunView::add_fault(const Measurement& measurement, std::string kind, std::string source,
                        std::string text, std::string_view group) {
  const std::optional<int64_t> window = window_field(measurement);
  faults_.add({.kind = std::move(kind),
               .source = std::move(source),
               .text = std::move(text),
               .first_window = window,
               .last_window = window,
               .time_ms = measurement.time_ns / 1'000'000,
               .revision = revision_},
              group);
}

size_t RunView::node_of(const Measurement& measurement, const std::string& source) {
  const std::string role = tag(measurement, "role");
  const bool alone = role == name_of(NodeRole::kEvaluator) || role == "baseline";
  std::string name = source;
  if (!role.empty())
    name = alone || tag(measurement, "uid").empty() ? role : role + "-" + tag(measurement, "uid");
  const auto [found, is_new] = node_numbers_.try_emplace(name, nodes_.size());
  if (is_new) {
    nodes_.push_back(std::move(name));
    totals_.emplace_back();
  }
  return found->second;
}

RunWindow& RunView::window_at(int64_t window) {
  RunWindow& row = windows_[window];
  row.revision = revision_;
  return row;
}

RunWindow& RunView::reported_window(int64_t window, int64_t time_ms) {
  RunWindow& row = window_at(window);
  row.reported = true;
  row.time_ms = std::max(row.time_ms, time_ms);
  last_window_ = std::max(last_window_, window);
  return row;
}

NodeReport& RunView::report_at(RunWindow& window, size_t node) {
  const auto found = std::ranges::find(window.reports, node, &NodeReport::node);
  if (found != window.reports.end()) return *found;
  return window.reports.emplace_back(NodeReport{.node = node});
}

void RunView::add_miner(const Measurement& measurement, NodeReport& report) {
  report.miner = uid_tag(measurement, "uid");
  report.state_root = text_field(measurement, "state_root");
  report.loss = number_field(measurement, "loss");
  report.tokens = number_field(measurement, "tokens");
  report.train_seconds = number_field(measurement, "train_seconds");
  report.contribution_bytes = number_field(measurement, "contribution_bytes");
}

void RunView::add_judgement(const Measurement& measurement, int64_t window) {
  const std::optional<uint32_t> uid = uid_tag(measurement, "eval_uid");
  const uint32_t validator = uid_tag(measurement, "uid").value_or(0);
  if (!uid || (judge_ && *judge_ < validator)) return;
  judge_ = validator;
  MinerJudgement judgement{.uid = *uid,
                           .verdict = text_field(measurement, "verdict"),
                           .reason = text_field(measurement, "reason"),
                           .gradient_score = number_field(measurement, "gradient_score"),
                           .binary_average = number_field(measurement, "binary_moving_avg"),
                           .rating_mu = number_field(measurement, "rating_mu"),
                           .rating_sigma = number_field(measurement, "rating_sigma"),
                           .ordinal = number_field(measurement, "ordinal"),
                           .sync_score = number_field(measurement, "sync_score"),
                           .final_score = number_field(measurement, "final_score"),
                           .weight = number_field(measurement, "weight"),
                           .own_gain = difference(measurement, "loss_own_before", "loss_own_after"),
                           .random_gain = difference(measurement, "loss_random_before", "loss_random_after")};
  if (!judgement.verdict.empty() && judgement.verdict != "accepted") {
    add_fault(measurement, "verdict", "miner-" + std::to_string(*uid),
              judgement.reason.empty() ? judgement.verdict : judgement.verdict + ": " + judgement.reason,
              judgement.verdict + without_numbers(judgement.reason));
  }
  std::vector<MinerJudgement>& judgements = window_at(window).judgements;
  const auto at = std::ranges::lower_bound(judgements, *uid, {}, &MinerJudgement::uid);
  if (at != judgements.end() && at->uid == *uid) {
    *at = std::move(judgement);
  } else {
    judgements.insert(at, std::move(judgement));
  }
}

void RunView::add_timeline(const Measurement& measurement, NodeReport& report) {
  report.spans.clear();
  for (size_t phase = 0; phase < kWindowPhases.size(); ++phase) {
    const std::string name(kWindowPhases[phase]);
    const auto start = integer_named(measurement, name + "_start_ms");
    const auto seconds = number_named(measurement, name + "_seconds");
    if (start && seconds && *seconds >= 0 && *seconds < kLongestPhaseSeconds)
      report.spans.push_back({phase, *start, *seconds});
  }
}

void RunView::add_system(const Measurement& measurement, const std::string& source) {
  system_.push_back({.revision = revision_,
                     .node = node_of(measurement, source),
                     .time_ms = measurement.time_ns / 1'000'000,
                     .process_cpu = number_field(measurement, "process_cpu_percent"),
                     .process_memory = number_field(measurement, "process_rss_bytes"),
                     .machine_cpu = number_field(measurement, "sys_cpu_percent"),
                     .machine_memory = number_field(measurement, "sys_memory_percent"),
                     .gpu = mean_gpu_utilisation(measurement)});
  if (system_.size() > kSystemSamples) system_.pop_front();
}

void RunView::add_alarm(const Measurement& measurement, const std::string& source, int64_t window) {
  const std::string kind = tag(measurement, "kind");
  const std::string& node = nodes_[node_of(measurement, source)];
  if (integer_field(measurement, "stands") == 0) return alarms_.end(kind, node);
  alarms_.begin({.kind = kind,
                 .node = node,
                 .window = window,
                 .time_ms = measurement.time_ns / 1'000'000,
                 .reason = text_field(measurement, "reason")});
}

std::vector<RunAlarm> RunView::alarms() const {
  const auto is_over = [this](const NodeAlarm& alarm) {
    return alarm.kind == name_of(AlarmKind::kNobodyLeads) &&
           std::any_of(windows_.lower_bound(alarm.window), windows_.end(), [&](const auto& entry) {
             return entry.second.reported && entry.second.time_ms > alarm.time_ms;
           });
  };
  std::vector<NodeAlarm> standing;
  for (const auto& [key, alarm] : alarms_.all()) {
    if (!is_over(alarm)) standing.push_back(alarm);
  }
  return by_kind(standing);
}

void RunView::add_curve_point(const std::string& curve, int64_t window, std::optional<double> value,
                              std::optional<double> error) {
  if (!value) return;
  Curve& points = curves_[curve];
  points[window] = {*value, error, revision_};
  if (points.size() <= limits_.curve_points) return;
  // Every second point of the older half goes, but not the first.
  auto point = std::next(points.begin());
  for (size_t i = 0; i < limits_.curve_points / 4; ++i) point = std::next(points.erase(point));
}

}  // namespace templar
