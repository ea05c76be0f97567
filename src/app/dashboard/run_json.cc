#include "app/dashboard/run_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/json/json.h"

namespace templar {
namespace {

using Windows = std::map<int64_t, RunWindow>;

constexpr int64_t kMostDetailedWindows = 64;
constexpr int64_t kMostDetailedReports = 4096;
constexpr int64_t kMostWindowsAsked = 256;
constexpr size_t kMostVerdicts = 200;
constexpr size_t kRootDigitsSent = 16;  // enough to tell roots apart

double shortened(double value, int digits) {
  const std::string text = fmt::format("{:.{}g}", value, digits);
  double read = value;
  std::from_chars(text.data(), text.data() + text.size(), read);
  return read;
}

// Six significant digits: a page shows no more, and ten thousand windows are half as long.
Json number(std::optional<double> value) {
  if (!value || !std::isfinite(*value)) return nullptr;
  if (*value == std::floor(*value) && std::abs(*value) < 9e15) return static_cast<int64_t>(*value);
  return shortened(*value, 6);
}

// For what is drawn and not read.
Json coarse_number(std::optional<double> value) {
  return value ? number(shortened(*value, 4)) : Json();
}

// Four decimals, which is what the page shows of a loss; more only where that would be less than four
// significant digits.
Json loss_number(std::optional<double> value) {
  if (!value || !std::isfinite(*value) || std::abs(*value) < 0.1) return number(value);
  return std::round(*value * 1e4) / 1e4;
}

std::string text_of(const Json& json) {
  return to_text(json, {.sorted = true});
}

Json window_columns(const Windows& windows, uint64_t since) {
  Json columns;
  for (const char* name : {"window", "loss", "loss_low", "loss_high", "tokens", "bytes", "time_step_ms",
                           "accepted", "rejected", "baseline_loss", "differ"}) {
    columns[name] = JsonList{};
  }
  int64_t before_ms = 0;
  for (const auto& [window, row] : windows) {
    if (row.revision <= since || !row.reported) continue;
    const Spread loss = row.spread(&NodeReport::loss);
    const Spread tokens = row.spread(&NodeReport::tokens);
    const Spread bytes = row.spread(&NodeReport::contribution_bytes);
    columns["window"].push_back(window);
    columns["loss"].push_back(loss_number(loss.mean()));
    columns["loss_low"].push_back(loss_number(loss.low));
    columns["loss_high"].push_back(loss_number(loss.high));
    columns["tokens"].push_back(number(tokens.sum));
    columns["bytes"].push_back(bytes.sum ? number(std::round(*bytes.mean())) : Json());
    columns["time_step_ms"].push_back(row.time_ms > 0 ? Json(row.time_ms - before_ms) : Json());
    if (row.time_ms > 0) before_ms = row.time_ms;
    columns["accepted"].push_back(number(row.accepted));
    columns["rejected"].push_back(number(row.rejected));
    columns["baseline_loss"].push_back(loss_number(row.baseline_loss));
    const std::vector<size_t> differing = row.differing();
    columns["differ"].push_back(differing.empty() ? Json(nullptr) : Json(differing));
  }
  return columns;
}

Json curve_columns(const std::map<std::string, Curve>& curves, uint64_t since) {
  Json all = JsonObject{};
  for (const auto& [name, curve] : curves) {
    JsonList window, value, error;
    for (const auto& [at, point] : curve) {
      if (point.revision <= since) continue;
      window.push_back(at);
      value.push_back(number(point.value));
      error.push_back(number(point.standard_error));
    }
    if (!window.empty())
      all[name] =
          JsonObject{{"window", std::move(window)}, {"value", std::move(value)}, {"error", std::move(error)}};
  }
  return all;
}

const NodeReport* report_of_miner(const RunWindow& row, uint32_t uid) {
  const auto found = std::ranges::find(row.reports, uid, &NodeReport::miner);
  return found == row.reports.end() ? nullptr : &*found;
}

Json miner_row(const MinerJudgement& judgement, int64_t window, const NodeReport* report) {
  return JsonList{judgement.uid,
                  window,
                  number(judgement.rating_mu),
                  number(judgement.rating_sigma),
                  number(judgement.ordinal),
                  number(judgement.binary_average),
                  number(judgement.gradient_score),
                  number(judgement.sync_score),
                  number(judgement.final_score),
                  number(judgement.weight),
                  report == nullptr ? Json() : number(report->loss),
                  report == nullptr ? Json() : number(report->contribution_bytes),
                  judgement.verdict,
                  judgement.reason};
}

Json newest_miner_rows(const RunView& view) {
  JsonList rows;
  for (const auto& [uid, newest] : view.newest_judgements())
    rows.push_back(miner_row(*newest.judgement, newest.window, report_of_miner(*newest.row, uid)));
  return rows;
}

Json window_details(int64_t window, const RunWindow& row) {
  JsonList reports, verdicts, spans;
  for (const NodeReport& report : row.reports) {
    reports.push_back(JsonList{report.node, report.state_root.substr(0, kRootDigitsSent), number(report.loss),
                               number(report.train_seconds), number(report.contribution_bytes)});
    for (const PhaseSpan& span : report.spans)
      spans.push_back(JsonList{report.node, span.phase, span.start_ms, number(span.seconds)});
  }
  for (const MinerJudgement& judgement : row.judgements) {
    verdicts.push_back(
        JsonList{judgement.uid, judgement.verdict, judgement.reason, number(judgement.weight)});
  }
  return JsonList{window, row.time_ms, std::move(reports), std::move(verdicts), std::move(spans)};
}

Json details_between(const Windows& windows, int64_t first, int64_t last, uint64_t since) {
  JsonList details;
  for (auto at = windows.lower_bound(first); at != windows.end() && at->first <= last; ++at) {
    if (at->second.revision > since && at->second.reported)
      details.push_back(window_details(at->first, at->second));
  }
  return details;
}

Json system_rows(const RunView& view, uint64_t since) {
  JsonList rows;
  for (const SystemSample& sample : view.system()) {
    if (sample.revision <= since) continue;
    rows.push_back(JsonList{sample.node, sample.time_ms, coarse_number(sample.process_cpu),
                            coarse_number(sample.process_memory), coarse_number(sample.machine_cpu),
                            coarse_number(sample.machine_memory), coarse_number(sample.gpu)});
  }
  return rows;
}

Json fault_rows(const FaultList& list, uint64_t since) {
  JsonList rows;
  for (const auto& [id, fault] : list.faults()) {
    if (fault.revision <= since) continue;
    rows.push_back(JsonList{id, fault.kind, fault.source, fault.text, fault.count,
                            fault.first_window ? Json(*fault.first_window) : Json(),
                            fault.last_window ? Json(*fault.last_window) : Json(), fault.time_ms});
  }
  return rows;
}

Json alarm_objects(const RunView& view) {
  JsonList alarms;
  for (const RunAlarm& alarm : view.alarms()) {
    alarms.push_back(JsonObject{{"kind", alarm.kind},
                                {"title", alarm.title},
                                {"reason", alarm.reason},
                                {"advice", alarm.advice},
                                {"nodes", alarm.nodes},
                                {"window", alarm.window},
                                {"time_ms", alarm.time_ms}});
  }
  return alarms;
}

std::string state_of(const RunKnowledge& run) {
  if (run.finished()) return "finished";
  return run.view.call_ended() ? "stopped" : "running";
}

}  // namespace

int64_t detailed_windows(const RunKnowledge& run) {
  const auto nodes = static_cast<int64_t>(std::max<size_t>(1, run.view.nodes().size()));
  return std::clamp<int64_t>(kMostDetailedReports / nodes, 8, kMostDetailedWindows);
}

std::string run_json(const RunKnowledge& run, const std::string& folder) {
  Json json = JsonObject{{"folder", folder}, {"run_id", nullptr}, {"name", nullptr}};
  if (run.spec) {
    const RunSpec& spec = *run.spec;
    json["run_id"] = run.run_id;
    json["name"] = spec.name;
    json["algorithm"] = spec.algorithm == Algorithm::kDemo ? "DeMo" : "SparseLoCo";
    json["parameters"] = run.parameters;
    json["vocab_size"] = spec.model.vocab_size;
    json["hidden_size"] = spec.model.hidden_size;
    json["layers"] = spec.model.num_hidden_layers;
    json["inner_steps"] = spec.inner.steps;
    json["batch_size"] = spec.inner.batch_size;
    json["sequence_length"] = spec.inner.sequence_length;
    json["checkpoint_interval"] = spec.network.checkpoint_interval;
    json["seed"] = spec.seed;
  }
  return text_of(json);
}

std::string news_json(const RunKnowledge& run, uint64_t since, int64_t now_ms) {
  const RunView& view = run.view;
  const Windows& windows = view.windows();
  Json json = JsonObject{{"life", run.life},
                         {"revision", view.revision()},
                         {"now_ms", now_ms},
                         {"state", state_of(run)},
                         {"newest_ms", run.newest_ms()},
                         {"windows_wanted", view.windows_wanted() ? Json(*view.windows_wanted()) : Json()},
                         {"reading", JsonObject{{"done", run.reading.done}, {"total", run.reading.total}}},
                         {"phases", JsonList(kWindowPhases.begin(), kWindowPhases.end())},
                         {"nodes", view.nodes()},
                         {"faults_total", view.faults().total()},
                         {"malformed_lines", run.malformed_lines}};
  json["windows"] = window_columns(windows, since);
  json["curves"] = curve_columns(view.curves(), since);
  json["system"] = system_rows(view, since);
  json["faults"] = fault_rows(view.faults(), since);
  json["alarms"] = alarm_objects(view);
  if (const int64_t last = view.last_window(); last >= 0) {
    json["details"] = details_between(windows, last - detailed_windows(run) + 1, last, since);
    if (json["windows"]["window"].size() > 0) json["miners"] = newest_miner_rows(view);
  }
  return text_of(json);
}

std::string details_json(const RunKnowledge& run, int64_t first, int64_t last) {
  if (first > last || last < 0) return "[]";
  return text_of(details_between(run.view.windows(),
                                 std::max(first, last - std::min(last, kMostWindowsAsked - 1)), last, 0));
}

std::string miner_json(const RunKnowledge& run, uint32_t uid) {
  Json json;
  for (const char* name : {"window", "weight", "ordinal", "binary_average", "gradient_score", "sync_score",
                           "final_score", "loss", "bytes", "own_gain", "random_gain", "verdicts"}) {
    json[name] = JsonList{};
  }
  const Windows& windows = run.view.windows();
  for (const auto& [window, row] : windows) {
    const MinerJudgement* judged = row.judgement_of(uid);
    if (judged == nullptr) continue;
    const NodeReport* report = report_of_miner(row, uid);
    json["window"].push_back(window);
    json["weight"].push_back(number(judged->weight));
    json["ordinal"].push_back(number(judged->ordinal));
    json["binary_average"].push_back(number(judged->binary_average));
    json["gradient_score"].push_back(number(judged->gradient_score));
    json["sync_score"].push_back(number(judged->sync_score));
    json["final_score"].push_back(number(judged->final_score));
    json["own_gain"].push_back(number(judged->own_gain));
    json["random_gain"].push_back(number(judged->random_gain));
    json["loss"].push_back(report == nullptr ? Json() : number(report->loss));
    json["bytes"].push_back(report == nullptr ? Json() : number(report->contribution_bytes));
  }
  for (auto at = windows.rbegin(); at != windows.rend() && json["verdicts"].size() < kMostVerdicts; ++at) {
    if (const MinerJudgement* judged = at->second.judgement_of(uid))
      json["verdicts"].push_back(JsonList{at->first, judged->verdict, judged->reason});
  }
  return text_of(json);
}

}  // namespace templar
