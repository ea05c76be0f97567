#include "app/localnet/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "adapters/jsonl_metrics/jsonl_metrics_sink.h"

namespace templar {
namespace {

template <typename T>
T field(const Measurement& measurement, const char* name) {
  const auto found = measurement.fields.find(name);
  const T* value = found == measurement.fields.end() ? nullptr : std::get_if<T>(&found->second);
  return value == nullptr ? T{} : *value;
}

std::optional<uint32_t> uid_tag(const Measurement& measurement, const char* name) {
  const auto found = measurement.tags.find(name);
  if (found == measurement.tags.end()) return std::nullopt;
  uint32_t uid = 0;
  const char* end = found->second.data() + found->second.size();
  const auto [last, error] = std::from_chars(found->second.data(), end, uid);
  if (error != std::errc() || last != end) return std::nullopt;
  return uid;
}

MinerRow miner_row(const Measurement& measurement) {
  return {.state_root = field<std::string>(measurement, "state_root"),
          .trained = measurement.fields.contains("loss"),
          .loss = field<double>(measurement, "loss"),
          .inner_steps = field<int64_t>(measurement, "inner_steps"),
          .tokens = field<int64_t>(measurement, "tokens"),
          .contribution_bytes = field<int64_t>(measurement, "contribution_bytes")};
}

ScoreRow score_row(const Measurement& measurement) {
  return {.verdict = field<std::string>(measurement, "verdict"),
          .reason = field<std::string>(measurement, "reason"),
          .weight = field<double>(measurement, "weight"),
          .final_score = field<double>(measurement, "final_score"),
          .ordinal = field<double>(measurement, "ordinal"),
          .binary_average = field<double>(measurement, "binary_moving_avg"),
          .gradient_score = field<double>(measurement, "gradient_score"),
          .sync_score = field<double>(measurement, "sync_score")};
}

}  // namespace

std::vector<uint32_t> WindowRow::accepted() const {
  std::vector<uint32_t> uids;
  for (const auto& [uid, score] : scores) {
    if (score.verdict == "accepted") uids.push_back(uid);
  }
  return uids;
}

std::optional<double> WindowRow::loss() const {
  double sum = 0;
  int count = 0;
  for (const auto& [uid, miner] : miners) {
    if (!miner.trained) continue;
    sum += miner.loss;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / count;
}

int64_t WindowRow::tokens() const {
  int64_t total = 0;
  for (const auto& [uid, miner] : miners) total += miner.tokens;
  return total;
}

std::optional<double> WindowRow::contribution_bytes() const {
  double sum = 0;
  int count = 0;
  for (const auto& [uid, miner] : miners) {
    if (!miner.trained) continue;
    sum += static_cast<double>(miner.contribution_bytes);
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / count;
}

bool WindowRow::roots_agree() const {
  std::set<std::string> roots;
  if (validator_root) roots.insert(*validator_root);
  for (const auto& [uid, miner] : miners) roots.insert(miner.state_root);
  return roots.size() <= 1;
}

std::optional<std::string> WindowRow::state_root() const {
  if (validator_root) return validator_root;
  if (miners.empty()) return std::nullopt;
  return miners.begin()->second.state_root;
}

void History::add_timeline(const Measurement& measurement, const std::string& node) {
  constexpr std::string_view kSeconds = "_seconds";
  NodeRow& row = nodes[node];
  const int64_t before_ns = std::exchange(row.time_ns, measurement.time_ns);
  row.window_seconds = before_ns > 0 ? static_cast<double>(row.time_ns - before_ns) / 1e9 : 0;
  row.window = field<int64_t>(measurement, "window");
  row.phase_seconds.clear();
  for (const auto& [name, value] : measurement.fields) {
    const double* seconds = std::get_if<double>(&value);
    if (seconds != nullptr && name.ends_with(kSeconds)) row.phase_seconds[name.substr(0, name.size() - kSeconds.size())] = *seconds;
  }
}

void History::add_score(const Measurement& measurement, const std::string& node) {
  const auto uid = uid_tag(measurement, "eval_uid");
  if (!uid) return;
  const auto window = field<int64_t>(measurement, "window");
  const ScoreRow row = score_row(measurement);
  if (row.verdict != "accepted") {
    add_fault({window, node, fmt::format("miner {} {}{}{}", *uid, row.verdict, row.reason.empty() ? "" : ": ", row.reason)});
  }
  windows[window].scores[*uid] = row;
}

void History::add_fault(Fault fault) {
  faults.push_back(std::move(fault));
  if (faults.size() > kFaultsKept) faults.pop_front();
}

void History::add(const Measurement& measurement, const std::string& node) {
  const int64_t window = field<int64_t>(measurement, "window");
  newest_ns = std::max(newest_ns, measurement.time_ns);
  if (measurement.name == "training_step_v2") {
    if (const auto uid = uid_tag(measurement, "uid")) windows[window].miners[*uid] = miner_row(measurement);
  } else if (measurement.name == "validator_window_v2") {
    windows[window].validator_root = field<std::string>(measurement, "state_root");
  } else if (measurement.name == "validator_scores") {
    add_score(measurement, node);
  } else if (measurement.name == "window_timeline") {
    add_timeline(measurement, node);
  } else if (measurement.name == "model_divergence") {
    add_fault({window, node, fmt::format("the model differed in {} of {} blocks, first in {}", field<int64_t>(measurement, "different_blocks"),
                                         field<int64_t>(measurement, "blocks"), field<std::string>(measurement, "parameter"))});
  } else if (measurement.name == "localnet_begin") {
    wanted_windows = field<int64_t>(measurement, "windows");
  } else if (measurement.name == "benchmark_metrics") {
    heldout[window] = field<double>(measurement, "heldout_loss");
    evaluated_roots[window] = field<std::string>(measurement, "state_root");
  } else if (measurement.name == "baseline_heldout") {
    baseline_heldout[window] = field<double>(measurement, "heldout_loss");
  } else if (measurement.name == "localnet_call") {
    train_seconds += field<double>(measurement, "train_seconds");
    total_seconds += field<double>(measurement, "total_seconds");
  }
}

bool History::roots_agree() const {
  for (const auto& [window, row] : windows) {
    if (!row.roots_agree()) return false;
    // A checkpoint of window w + 1 is the model after window w.
    const auto evaluated = evaluated_roots.find(window + 1);
    if (evaluated != evaluated_roots.end() && row.validator_root && evaluated->second != *row.validator_root) return false;
  }
  return true;
}

int64_t History::tokens() const {
  int64_t total = 0;
  for (const auto& [window, row] : windows) total += row.tokens();
  return total;
}

std::map<uint32_t, ScoreRow> History::newest_scores() const {
  std::map<uint32_t, ScoreRow> newest;
  for (const auto& [window, row] : windows) {
    for (const auto& [uid, score] : row.scores) newest[uid] = score;
  }
  return newest;
}

Status MetricsTail::poll(History& history) {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
  }
  if (error) return fatal_error(folder_.string() + ": " + error.message());
  std::ranges::sort(files);
  for (const std::filesystem::path& file : files) {
    for (;;) {
      uint64_t& offset = offsets_[file];
      TRY_ASSIGN(const JsonlPage page, read_jsonl_measurements(file, offset));
      for (const Measurement& measurement : page.measurements) history.add(measurement, file.stem().string());
      if (page.next_offset == offset) break;
      offset = page.next_offset;
    }
  }
  return {};
}

}  // namespace templar
