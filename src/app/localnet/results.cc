#include "app/localnet/results.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "app/localnet/baseline.h"
#include "app/localnet/in_process.h"
#include "app/localnet/loss_plot.h"
#include "base/files/file.h"
#include "base/json/json.h"
#include "formats/checkpoint/checkpoint_download.h"
#include "formats/checkpoint/checkpoint_folder.h"
#include "formats/checkpoint/checkpoint_loader.h"
#include "ports/term_chain.h"

namespace templar {
namespace {

Json last_value(const Curve& curve) {
  return curve.empty() ? Json(nullptr) : Json(curve.rbegin()->second.value);
}
Json first_value(const Curve& curve) {
  return curve.empty() ? Json(nullptr) : Json(curve.begin()->second.value);
}

std::vector<PlotPoint> points_of(const Curve& curve) {
  std::vector<PlotPoint> points;
  for (const auto& [window, point] : curve) points.push_back({static_cast<double>(window), point.value});
  return points;
}

Status write_plot(const LocalRun& run, const RunView& known) {
  const auto miners = std::ranges::count(run.nodes, NodeRole::kMiner, &LocalNode::role);
  LossPlot plot{
      .title = "Held-out loss",
      .subtitle = fmt::format("{}, {} miners, {} inner steps a window, {:.2f} M parameters", run.spec.name,
                              miners, run.spec.inner.steps,
                              static_cast<double>(parameter_count(parameter_layout(run.spec.model))) / 1e6),
      .x_label = "window",
      .y_label = "nats a token",
      .series = {{.name = fmt::format("network of {} miners", miners),
                  .points = points_of(known.curve("heldout"))}},
      .references = {{"uniform", std::log(static_cast<double>(run.spec.model.vocab_size))}}};
  if (const Curve& baseline = known.curve("baseline_heldout"); !baseline.empty()) {
    plot.series.push_back(
        {.name = "plain AdamW, one machine", .points = points_of(baseline), .dashed = true});
  }
  return write_loss_plot(run.path("loss.svg"), plot);
}

ExpectedCheckpoint expected_of(const NodeWorld& world, const Registration& leader) {
  return {world.environment.layout, world.environment.run_id, leader.key};
}

Result<Registration> find_leader(const NodeWorld& world) {
  TRY_ASSIGN(const std::vector<Registration> roster, world.ledger->entries().registrations());
  TRY_ASSIGN(const std::vector<Term> terms, world.ledger->entries().terms());
  TRY_ASSIGN(const std::vector<Heartbeat> heartbeats, world.ledger->entries().heartbeats());
  const std::vector<Term> chain = chain_in_force(terms, heartbeats, roster);
  if (chain.empty()) return fatal_error("nobody has begun the run");
  const auto leader = std::ranges::find(roster, chain.back().leader, &Registration::key);
  if (leader == roster.end()) return fatal_error("the leader is not on the ledger");
  return *leader;
}

Status export_newest_model(const NodeWorld& world, const std::filesystem::path& folder) {
  TRY_ASSIGN(const Registration leader, find_leader(world));
  TRY_ASSIGN(const std::vector<int64_t> windows, list_checkpoints(world.environment.store, leader.bucket));
  if (windows.empty()) return fatal_error("the leader has published no checkpoint yet");
  const CheckpointFiles files = checkpoint_in_store(world.environment.store, leader.bucket, windows.back());
  TRY_ASSIGN(const CheckpointManifest manifest,
             read_expected_manifest(files, windows.back(), expected_of(world, leader)));
  return download_checkpoint(files, manifest, folder);
}

// The model continues the beginning of a held-out sample.
Result<std::string> generate_sample(const NodeWorld& world, Engine& engine,
                                    const std::filesystem::path& model) {
  TRY_ASSIGN(const Registration leader, find_leader(world));
  ThreadTeam team(world.config.threads);
  TRY(engine.edit_parameters([&](ParameterSpans parameters) -> Status {
    TRY(load_checkpoint_folder(model, expected_of(world, leader), parameters, team));
    return {};
  }));
  TRY_ASSIGN(const Shard heldout, world.data.shards->open_heldout());
  const auto prompt = heldout.sample(0).first(static_cast<size_t>(world.spec.inner.sequence_length) / 2);
  TRY_ASSIGN(const std::vector<uint32_t> continuation,
             engine.generate(
                 prompt, {.max_new_tokens = 2 * world.spec.inner.sequence_length, .seed = world.spec.seed}));
  return world.data.tokenizer->decode(prompt) + "\n--- the model continues ---\n" +
         world.data.tokenizer->decode(continuation) + "\n";
}

}  // namespace

std::string summary_json(const LocalRun& run, const RunView& known) {
  const double parameter_bytes = static_cast<double>(parameter_count(parameter_layout(run.spec.model))) * 4;
  const RunTotals totals = known.totals();
  std::string_view root;
  for (const auto& [window, row] : known.windows()) {
    if (const std::string_view after = row.state_root(); !after.empty()) root = after;
  }
  Json json;
  json["windows"] = totals.windows;
  json["nodes"] = run.nodes.size();
  json["roots_agree"] = known.roots_agree();
  json["heldout_loss_first"] = first_value(known.curve("heldout"));
  json["heldout_loss_last"] = last_value(known.curve("heldout"));
  json["heldout_loss_plain_adamw"] = last_value(known.curve("baseline_heldout"));
  json["uniform_loss"] = std::log(static_cast<double>(run.spec.model.vocab_size));
  const std::optional<double> bytes_mean =
      totals.contributions > 0
          ? std::optional(totals.contribution_bytes / static_cast<double>(totals.contributions))
          : std::nullopt;
  json["contribution_bytes_mean"] = bytes_mean.value_or(0);
  json["ratio_to_f32"] = bytes_mean ? Json(parameter_bytes / *bytes_mean) : Json(nullptr);
  json["tokens"] = static_cast<int64_t>(totals.tokens);
  json["tokens_per_second"] =
      known.train_seconds() > 0 ? Json(totals.tokens / known.train_seconds()) : Json(nullptr);
  json["train_seconds"] = known.train_seconds();
  json["total_seconds"] = known.total_seconds();
  json["state_root"] = root;
  json["alarms"] = JsonList{};
  for (const RunAlarm& alarm : known.alarms()) {
    json["alarms"].push_back(JsonObject{{"kind", alarm.kind},
                                        {"since_window", alarm.window},
                                        {"nodes", alarm.nodes},
                                        {"reason", alarm.reason}});
  }
  return to_text(json, {.indent = 2}) + "\n";
}

Result<std::string> write_results(const LocalRun& run, const RunView& known) {
  TRY(write_file_atomically(run.path("summary.json"), summary_json(run, known)));
  TRY(write_plot(run, known));
  TRY_ASSIGN(const auto world, NodeWorld::open(baseline_config(run), NodeName{kBaselineRole, kBaselineUid}));
  TRY(export_newest_model(*world, run.path("model")));
  TRY_ASSIGN(const auto engine, make_engine(world->spec, world->config, EngineUse::kEvaluating));
  TRY_ASSIGN(const std::string text, generate_sample(*world, *engine, run.path("model")));
  TRY(write_file_atomically(run.path("sample.txt"), text));
  return text;
}

}  // namespace templar
