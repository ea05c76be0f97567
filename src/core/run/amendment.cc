#include "core/run/amendment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/run/window_plan.h"

namespace templar {
namespace {

constexpr std::string_view kSchedule = "the rate is a function of the spec and the inner step alone";
constexpr std::string_view kShards = "the active shard follows from the spec and the outer step";
constexpr std::string_view kOuter = "read anew for each outer step, by all from the record's window";
constexpr std::string_view kContribution = "a contribution is made and read by the spec of its window";
constexpr std::string_view kPeerLists = "holds for the next list that is made; records name the peers";
constexpr std::string_view kScoring = "each window is judged by its own numbers; scores go on";

// What is not here can't be amended: shapes and the tokenizer (the model would be another), the form of
// contributions beyond what their size may vary by, the length of a window and of its training (the schedule
// and memory were planned for it), what the optimiser's moments were made with, what orders the ledger, who
// the owner is, where the run began.
constexpr std::array kAmendableFields{
    AmendableField{"inner.learning_rate", kSchedule},
    AmendableField{"inner.warmup_steps", kSchedule},
    AmendableField{"inner.schedule_steps", kSchedule},
    AmendableField{"inner.eta_min_factor", kSchedule},
    AmendableField{"inner.flat_from_outer_step", kSchedule},
    AmendableField{"inner.flat_outer_steps", kSchedule},
    AmendableField{"inner.rewind_from_outer_step", kSchedule},
    AmendableField{"inner.rewind_steps", kSchedule},
    AmendableField{"inner.anneal_from_outer_step", kSchedule},
    AmendableField{"inner.anneal_warmup_steps", kSchedule},
    AmendableField{"inner.anneal_outer_steps", kSchedule},
    AmendableField{"inner.anneal_peak_factor", kSchedule},
    AmendableField{"inner.anneal_end_factor", kSchedule},
    AmendableField{"inner.restart_warmup_steps", "each miner's own, by its own count of updates"},
    AmendableField{"codec.topk", kContribution},
    AmendableField{"codec.quantiser_range_sigmas", kContribution},
    AmendableField{"codec.error_feedback_decay", kContribution},
    AmendableField{"outer.aggregation", kOuter},
    AmendableField{"outer.learning_rate", kOuter},
    AmendableField{"network.gather_peer_count", kPeerLists},
    AmendableField{"network.reserve_peer_count", kPeerLists},
    AmendableField{"network.peer_replacement_frequency", kPeerLists},
    AmendableField{"network.put_window_seconds", "a window's contributions are timed by the spec of it"},
    AmendableField{"network.checkpoint_interval", "each validator publishes by itself"},
    AmendableField{"network.contribution_retention_windows", "each node keeps its own"},
    AmendableField{"network.leader_loss_windows", "a take-over is judged at the window that is undecided"},
    AmendableField{"scoring.uids_per_window", kScoring},
    AmendableField{"scoring.num_evaluation_bins", kScoring},
    AmendableField{"scoring.evaluation_samples", kScoring},
    AmendableField{"scoring.eval_lr_factor", kScoring},
    AmendableField{"scoring.binary_score_alpha", kScoring},
    AmendableField{"scoring.binary_score_threshold", kScoring},
    AmendableField{"scoring.binary_score_warmup_windows", kScoring},
    AmendableField{"scoring.openskill_beta", kScoring},
    AmendableField{"scoring.openskill_tau", kScoring},
    AmendableField{"scoring.missing_contribution_score", kScoring},
    AmendableField{"scoring.sync_max_steps_behind", kScoring},
    AmendableField{"scoring.burn_rate", kScoring},
    AmendableField{"scoring.burn_uid", kScoring},
    AmendableField{"scoring.gather_share", kScoring},
    AmendableField{"scoring.gather_top_ratio", kScoring},
    AmendableField{"scoring.reserve_decay_ratio", kScoring},
    AmendableField{"scoring.windows_per_weights", kScoring},
    AmendableField{"scoring.exclusion_windows", kScoring},
    AmendableField{"scoring.missing_factor", kScoring},
    AmendableField{"scoring.second_missing_factor", kScoring},
    AmendableField{"scoring.later_missing_factor", kScoring},
    AmendableField{"scoring.missing_share_limit", kScoring},
    AmendableField{"scoring.gather_success_limit", kScoring},
    AmendableField{"scoring.invalid_factor", kScoring},
    AmendableField{"scoring.out_of_sync_factor", kScoring},
    AmendableField{"scoring.negative_share_limit", kScoring},
    AmendableField{"scoring.negative_factor", kScoring},
    AmendableField{"scoring.negatives_in_a_row", kScoring},
    AmendableField{"scoring.negative_waiver_rank", kScoring},
    AmendableField{"scoring.inactivity_factor", kScoring},
    AmendableField{"scoring.inactivity_reset_windows", kScoring},
    AmendableField{"scoring.overlap_first_outer_step", kScoring},
    AmendableField{"scoring.overlap_limit", kScoring},
    AmendableField{"scoring.overlap_factor", kScoring},
    AmendableField{"scoring.overlap_reset_limit", kScoring},
    AmendableField{"scoring.overlap_exclusion_limit", kScoring},
    AmendableField{"scoring.least_final_score", kScoring},
    AmendableField{"data.outer_steps_per_shard", kShards},
    AmendableField{"data.reset_outer_step", kShards},
};

bool is_amendable(std::string_view path) {
  return std::ranges::find(kAmendableFields, path, &AmendableField::path) != kAmendableFields.end();
}

// What is wrong with a field as one to be amended; empty if nothing.
std::string objection_to(std::string_view path) {
  if (is_amendable(path)) return "";
  const auto fields = run_spec_fields();
  if (std::ranges::find(fields, path, &FieldDocumentation::path) == fields.end())
    return fmt::format("{}: unknown field; `templar run fields` lists them all", path);
  return fmt::format(
      "{}: can't be amended: all that a run has made so far depends on it. `templar run fields` says of each "
      "field whether it can; a new run may begin with this one's model (bootstrap.bucket)",
      path);
}

Result<std::vector<FieldChange>> read_changes(const Amendment& amendment) {
  std::vector<FieldChange> changes;
  for (const std::string& text : amendment.changes) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) return fatal_error(fmt::format("\"{}\" is no FIELD=VALUE", text));
    changes.push_back({text.substr(0, equals), text.substr(equals + 1)});
    if (std::string reason = objection_to(changes.back().path); !reason.empty())
      return fatal_error(std::move(reason));
  }
  return changes;
}

Status amend(RunSpec& spec, const Amendment& amendment) {
  if (amendment.first_window < 1 ||
      amendment.before_block > amendment_deadline(spec.network, amendment.first_window))
    return fatal_error(fmt::format("announced before block {}, later than window {} allows",
                                   amendment.before_block, amendment.first_window));
  TRY_ASSIGN(const std::vector<FieldChange> changes, read_changes(amendment));
  return set_fields(spec, changes);
}

}  // namespace

int64_t amendment_deadline(const NetworkSpec& network, int64_t first_window) {
  return first_block_of_window(network, first_window - 1);
}

int64_t first_amendable_window(const NetworkSpec& network, std::optional<int64_t> newest_block) {
  return newest_block ? window_of_block(network, *newest_block) + 2 : 1;
}

AmendmentsInForce amendments_in_force(std::span<const Amendment> amendments, int64_t window) {
  AmendmentsInForce in_force;
  for (const Amendment& amendment : amendments) {
    if (amendment.first_window > window) break;
    in_force = {amendment.number, amendment.hash};
  }
  return in_force;
}

std::span<const AmendableField> amendable_fields() {
  return kAmendableFields;
}

Result<std::vector<std::string>> canonical_changes(const RunSpec& before,
                                                   const std::vector<FieldChange>& changes) {
  if (changes.empty()) return fatal_error("an amendment changes nothing: name at least one FIELD=VALUE");
  std::vector<std::string> paths;
  for (const FieldChange& change : changes) {
    if (std::string reason = objection_to(change.path); !reason.empty())
      return fatal_error(std::move(reason));
    if (std::ranges::find(paths, change.path) != paths.end())
      return fatal_error(fmt::format("{}: named twice", change.path));
    paths.push_back(change.path);
  }
  RunSpec after = before;
  TRY(set_fields(after, changes));
  std::ranges::sort(paths);
  std::vector<std::string> canonical;
  for (const std::string& path : paths) {
    const std::string value = field_text(after, path);
    if (value == field_text(before, path))
      return fatal_error(fmt::format("{}: is {} already at that window", path, value));
    canonical.push_back(fmt::format("{}={}", path, value));
  }
  return canonical;
}

Result<RunSpec> spec_in_force(const RunSpec& own, std::span<const Amendment> amendments, int64_t window) {
  RunSpec spec = own;
  for (const Amendment& amendment : amendments) {
    if (amendment.first_window > window) break;
    if (const Status amended = amend(spec, amendment); !amended) {
      return fatal_error(fmt::format(
          "amendment {}, in force from window {} on, can't be followed: {}. If other nodes follow it this "
          "program is of another version than theirs: update it",
          amendment.number, amendment.first_window, amended.error().message));
    }
  }
  return spec;
}

}  // namespace templar
