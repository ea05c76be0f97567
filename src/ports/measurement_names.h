// Every measurement that a run writes, with its tags and fields. This is the one list: writers and readers
// name measurements and fields by the checked types below, so that a name that is not listed does not
// compile, and tests hold what is written, the dashboard, Grafana's panels and docs/operations.md against it.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>

namespace templar {

enum class FieldKind {
  kTag,      // text by which a database tells series apart
  kInteger,  // int64_t
  kFloat,    // double
  kText,
};

// Whether each measurement of that name has the field.
enum class FieldPresence { kAlways, kSometimes };

struct FieldForm {
  // With "<phase>" for each of kWindowPhases, "<n>" for each of a machine's GPUs, counted from 0.
  std::string_view name;
  FieldKind kind = FieldKind::kInteger;
  std::string_view meaning;
  FieldPresence presence = FieldPresence::kAlways;
};

struct MeasurementForm {
  std::string_view name;
  std::string_view meaning;
  std::span<const FieldForm> fields;
};

// What a node can be busy with in a window.
inline constexpr std::array<std::string_view, 8> kWindowPhases = {
    "train", "save", "publish", "gather", "apply", "evaluate", "checkpoint", "catch_up"};

// The tags of a measurement that a node writes; a sink may add more that are the same on all of them.
inline constexpr std::array<FieldForm, 3> kStandardTags = {{
    {"run", FieldKind::kTag, "the run id's first digits"},
    {"role", FieldKind::kTag, "miner, validator, evaluator, baseline, localnet"},
    {"uid", FieldKind::kTag, "the node's; 0 for an evaluator", FieldPresence::kSometimes},
}};

namespace measurement_fields {

using enum FieldKind;
using enum FieldPresence;

inline constexpr FieldForm kWindow = {"window", kInteger, "the window that the measurement tells of"};
inline constexpr FieldForm kGlobalStep = {"global_step", kInteger, "outer steps that the model has had"};
inline constexpr FieldForm kStateRoot = {"state_root", kText, "of the model, hexadecimal"};
inline constexpr FieldForm kEvalUid = {"eval_uid", kTag, "the miner's that is judged"};

inline constexpr FieldForm kTrainingStep[] = {
    kWindow,
    kGlobalStep,
    kStateRoot,
    {"gather_accepted", kInteger, "contributions that the window's outer step took"},
    {"gather_rejected", kInteger, "contributions that the leader refused or missed"},
    {"gather_success_rate", kFloat, "per cent that were accepted", kSometimes},
    {"gather_peers", kText, "uids whose contributions the outer step took, [1, 2]"},
    {"skipped_peers", kText, "uids that the leader refused or missed"},
    {"loss", kFloat, "nats a token, mean of its inner steps", kSometimes},
    {"inner_steps", kInteger, "done", kSometimes},
    {"learning_rate", kFloat, "of the last inner step", kSometimes},
    {"gradient_norm", kFloat, "mean of its inner steps", kSometimes},
    {"tokens", kInteger, "trained on", kSometimes},
    {"tokens_per_sec", kFloat, "tokens / train_seconds", kSometimes},
    {"train_seconds", kFloat, "of the inner steps, compression, proof and sealing", kSometimes},
    {"contribution_bytes", kInteger, "of the contribution, headers included", kSometimes},
};

inline constexpr FieldForm kValidatorWindow[] = {
    kWindow,
    kGlobalStep,
    kStateRoot,
    {"accepted", kInteger, "miners whose contribution was accepted"},
    {"rejected", kInteger, "miners whose contribution was not"},
    {"gather_success_rate", kFloat, "per cent that were accepted", kSometimes},
    {"evaluated_uids_count", kInteger, "miners that were measured"},
    {"active_miners_count", kInteger, "miners on the scoreboard"},
    {"outer_lr", kFloat, "outer learning rate"},
    {"judge_seconds", kFloat, "that judging took"},
    {"loss_own_before", kFloat, "mean over the measured miners", kSometimes},
    {"loss_own_after", kFloat, "mean over the measured miners", kSometimes},
    {"loss_random_before", kFloat, "mean over the measured miners", kSometimes},
    {"loss_random_after", kFloat, "mean over the measured miners", kSometimes},
    {"index_overlap_mean", kFloat, "over all pairs of accepted contributions: 0 as chance has it, 1 copies",
     kSometimes},
    {"index_overlap_max", kFloat, "of the two most alike", kSometimes},
};

inline constexpr FieldForm kValidatorScores[] = {
    kEvalUid,
    kWindow,
    kGlobalStep,
    {"verdict", kText, "accepted, or why not, in one word"},
    {"reason", kText, "of the verdict; empty if it was accepted"},
    {"gradient_score", kFloat, "relative improvement of the loss by this contribution alone"},
    {"binary_moving_avg", kFloat, "moving average of the indicator, -1 to 1"},
    {"rating_mu", kFloat, "OpenSkill's mean"},
    {"rating_sigma", kFloat, "OpenSkill's standard deviation"},
    {"ordinal", kFloat, "mu - 3 sigma"},
    {"sync_score", kFloat, "1: in sync; 0: three outer steps behind, or more"},
    {"final_score", kFloat, "what weights are made of"},
    {"excluded", kInteger, "1: a rule excludes it, for now; else 0"},
    {"weight", kFloat, "its share of the reward, 0 to 1"},
    {"loss_own_before", kFloat, "on the samples assigned to it, without its contribution", kSometimes},
    {"loss_own_after", kFloat, "on the samples assigned to it, with its contribution", kSometimes},
    // The samples follow from the validator's draw; one of them may also be assigned to somebody.
    {"loss_random_before", kFloat, "on samples drawn from the whole shard, without its contribution",
     kSometimes},
    {"loss_random_after", kFloat, "on samples drawn from the whole shard, with its contribution", kSometimes},
};

inline constexpr FieldForm kValidatorOpenskill[] = {
    kEvalUid,
    kWindow,
    kGlobalStep,
    {"mu", kFloat, "the rating's mean"},
    {"sigma", kFloat, "the rating's standard deviation"},
    {"ordinal", kFloat, "mu - 3 sigma"},
};

inline constexpr FieldForm kValidatorSyncScore[] = {
    kEvalUid,
    kWindow,
    kGlobalStep,
    {"sync_score", kFloat, "1: in sync; 0: three outer steps behind, or more"},
    {"steps_behind", kInteger, "outer steps that the miner's model lacked"},
};

inline constexpr FieldForm kValidatorSlash[] = {
    kEvalUid,
    {"reason_code", kTag, "the penalty, in one word"},
    kWindow,
    kGlobalStep,
    {"score_before", kFloat, "final score without the penalty"},
    {"score_after", kFloat, "final score with the penalty"},
    {"reason", kText, "the penalty in a sentence"},
};

inline constexpr FieldForm kValidatorInactivity[] = {
    kEvalUid,
    kWindow,
    kGlobalStep,
    {"score_before", kFloat, "final score without the penalty"},
    {"score_after", kFloat, "final score with the penalty"},
    {"reason", kText, "the penalty in a sentence"},
};

// The reference system has window and step as tags alone; these measurements have them as fields too.
inline constexpr FieldForm kCheckpointTags[] = {
    {"window", kTag, "the checkpoint's"},
    {"global_step", kTag, "the checkpoint's"},
};

inline constexpr FieldForm kBenchmarkMetrics[] = {
    kCheckpointTags[0],
    kCheckpointTags[1],
    kWindow,
    kGlobalStep,
    kStateRoot,
    {"heldout_loss", kFloat, "nats a token"},
    {"heldout_tokens", kInteger, "predicted"},
    {"perplexity", kFloat, "e to the loss"},
    {"heldout_bytes", kInteger, "that the predicted tokens are", kSometimes},
    {"bits_per_byte", kFloat, "loss in bits, by the bytes", kSometimes},
    {"seconds", kFloat, "that it took"},
};

inline constexpr FieldForm kBenchmarkTask[] = {
    kCheckpointTags[0],
    kCheckpointTags[1],
    {"task", kTag, "its name"},
    {"metric", kTag, "which of its measures the score is"},
    kWindow,
    kGlobalStep,
    {"score", kFloat, "0 to 1"},
    {"score_stderr", kFloat, "standard error of the score"},
    {"acc", kFloat, "share of right choices by summed log-probability"},
    {"acc_norm", kFloat, "the same, by characters", kSometimes},
    {"acc_bytes", kFloat, "the same, by bytes", kSometimes},
    {"count", kInteger, "questions"},
    {"left_out", kInteger, "questions that can't be scored"},
    {"num_fewshot", kInteger, "solved examples before each question"},
    {"seconds", kFloat, "that it took"},
};

inline constexpr FieldForm kBenchmarkSummary[] = {
    kCheckpointTags[0],
    kCheckpointTags[1],
    kWindow,
    kGlobalStep,
    {"num_tasks", kInteger, "asked"},
    {"mean_score", kFloat, "over the tasks; 0 if there are none"},
    {"load_s", kFloat, "seconds to load the checkpoint"},
    {"heldout_s", kFloat, "seconds of the held-out loss"},
    {"tasks_s", kFloat, "seconds of all tasks"},
    {"benchmark_runtime_s", kFloat, "seconds in all"},
};

inline constexpr FieldForm kModelDivergence[] = {
    kWindow,
    {"parameter", kText, "the first that differed"},
    {"block", kInteger, "the first of its hash blocks that differed"},
    {"first_byte", kInteger, "of that hash block in the parameter"},
    {"end_byte", kInteger, "behind that hash block"},
    {"different_blocks", kInteger, "hash blocks of the model that differed"},
    {"blocks", kInteger, "hash blocks of the model"},
    kStateRoot,
    {"leader_state_root", kText, "of the leader's model, hexadecimal"},
};

inline constexpr FieldForm kNetworkAlarm[] = {
    {"kind", kTag, "which alarm (ports/alarm_kinds.h)"},
    {"window", kInteger, "since which it stands, at its end too"},
    {"stands", kInteger, "1: it stands; 0: it has ended"},
    {"reason", kText, "who, and what should be"},
};

inline constexpr FieldForm kWindowTimeline[] = {
    kWindow,
    {"<phase>_start_ms", kInteger, "since the Unix epoch", kSometimes},
    {"<phase>_seconds", kFloat, "that the node was busy with it", kSometimes},
};

inline constexpr FieldForm kBaselineMetrics[] = {
    kWindow,
    {"loss", kFloat, "nats a token, mean of its inner steps"},
    {"tokens", kInteger, "trained on"},
};

inline constexpr FieldForm kBaselineHeldout[] = {
    kWindow,
    {"heldout_loss", kFloat, "nats a token"},
};

inline constexpr FieldForm kMetricsThinned[] = {
    {"below_window", kInteger, "what follows is of the windows before this"},
    {"windows", kInteger, "that the node has reported"},
    {"tokens", kInteger, "trained on"},
    {"contribution_bytes", kInteger, "of all contributions together"},
    {"contributions", kInteger, "made"},
};

inline constexpr FieldForm kLocalnetBegin[] = {
    {"windows", kInteger, "that the run is to have"},
    {"miners", kInteger, "that take part"},
};

inline constexpr FieldForm kLocalnetCall[] = {
    {"train_seconds", kFloat, "of the call's windows"},
    {"total_seconds", kFloat, "of the whole call"},
    {"roots_agree", kInteger, "1: all nodes' state roots in all windows up to its end; 0: some differed"},
};

inline constexpr FieldForm kSystem[] = {
    {"sys_cpu_percent", kFloat, "of all cores, 0 to 100", kSometimes},
    {"sys_load_1m", kFloat, "load average", kSometimes},
    {"sys_memory_total_bytes", kInteger, "of the machine", kSometimes},
    {"sys_memory_used_bytes", kInteger, "of the machine", kSometimes},
    {"sys_memory_percent", kFloat, "used", kSometimes},
    {"sys_disk_free_bytes", kInteger, "where the node's state is", kSometimes},
    {"sys_disk_used_percent", kFloat, "where the node's state is", kSometimes},
    {"sys_net_sent_bytes", kInteger, "since the machine started", kSometimes},
    {"sys_net_received_bytes", kInteger, "since the machine started", kSometimes},
    {"process_cpu_percent", kFloat, "100 is one core", kSometimes},
    {"process_rss_bytes", kInteger, "memory that it holds", kSometimes},
    {"process_threads", kInteger, "of the process", kSometimes},
    {"process_read_bytes", kInteger, "from disks, since it started", kSometimes},
    {"process_written_bytes", kInteger, "to disks, since it started", kSometimes},
    {"process_open_files", kInteger, "of the process", kSometimes},
    {"gpu_count", kInteger, "GPUs that NVIDIA's library tells of; without one no GPU field", kSometimes},
    {"gpu_<n>_name", kText, "the model", kSometimes},
    {"gpu_<n>_utilisation_percent", kInteger, "0 to 100", kSometimes},
    {"gpu_<n>_memory_used_bytes", kInteger, "of the GPU", kSometimes},
    {"gpu_<n>_memory_total_bytes", kInteger, "of the GPU", kSometimes},
    {"gpu_<n>_temperature_celsius", kInteger, "of the GPU", kSometimes},
    {"gpu_<n>_power_watts", kFloat, "of the GPU", kSometimes},
};

}  // namespace measurement_fields

inline constexpr MeasurementForm kMeasurements[] = {
    {"training_step_v2", "a miner's window", measurement_fields::kTrainingStep},
    {"validator_window_v2", "a validator's window", measurement_fields::kValidatorWindow},
    {"validator_scores", "each miner that a validator judged", measurement_fields::kValidatorScores},
    {"validator_openskill", "each miner that was measured", measurement_fields::kValidatorOpenskill},
    {"validator_sync_score", "each miner that was accepted, or behind",
     measurement_fields::kValidatorSyncScore},
    {"validator_slash", "a penalty for what a miner sent in time", measurement_fields::kValidatorSlash},
    {"validator_inactivity", "a penalty for nothing that could be taken",
     measurement_fields::kValidatorInactivity},
    {"benchmark_metrics", "a checkpoint's held-out loss", measurement_fields::kBenchmarkMetrics},
    {"benchmark_task", "a checkpoint's score in a task", measurement_fields::kBenchmarkTask},
    {"benchmark_summary", "a checkpoint's evaluation", measurement_fields::kBenchmarkSummary},
    {"model_divergence", "a node whose model differed and healed", measurement_fields::kModelDivergence},
    {"network_alarm", "an alarm that stands from now on, or has ended", measurement_fields::kNetworkAlarm},
    {"window_timeline", "when a node did what in a window", measurement_fields::kWindowTimeline},
    {"baseline_metrics", "a window of the one machine that trains alone",
     measurement_fields::kBaselineMetrics},
    {"baseline_heldout", "the held-out loss of the one machine that trains alone",
     measurement_fields::kBaselineHeldout},
    {"metrics_thinned", "a file of measurements of whose older windows not all have stayed",
     measurement_fields::kMetricsThinned},
    {"localnet_begin", "a call of localnet that begins", measurement_fields::kLocalnetBegin},
    {"localnet_call", "a call of localnet that has ended", measurement_fields::kLocalnetCall},
    {"system", "a process and its machine, from time to time", measurement_fields::kSystem},
};

// Null if none has that name.
[[nodiscard]] constexpr const MeasurementForm* find_measurement(std::string_view name) {
  const auto* found = std::ranges::find(kMeasurements, name, &MeasurementForm::name);
  return found == std::end(kMeasurements) ? nullptr : found;
}

[[nodiscard]] constexpr bool is_measurement(std::string_view name) {
  return find_measurement(name) != nullptr;
}

// A field (not a tag) that some measurement has. Fields whose names contain a phase or a GPU's number are not
// found.
[[nodiscard]] constexpr bool is_measurement_field(std::string_view name) {
  return std::ranges::any_of(kMeasurements, [name](const MeasurementForm& form) {
    return std::ranges::any_of(form.fields, [name](const FieldForm& field) {
      return field.name == name && field.kind != FieldKind::kTag;
    });
  });
}

[[nodiscard]] constexpr bool is_window_phase(std::string_view name) {
  return std::ranges::find(kWindowPhases, name) != kWindowPhases.end();
}

// A name written in the source. One that is not in the list does not compile.
template <bool (*kIsListed)(std::string_view)>
class ListedName {
 public:
  consteval ListedName(const char* name) : text_(name) {  // NOLINT: a name is written as what it is
    if (!kIsListed(text_)) throw "not in the list of measurements";
  }
  [[nodiscard]] constexpr std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

using MeasurementName = ListedName<is_measurement>;
using FieldName = ListedName<is_measurement_field>;
using PhaseName = ListedName<is_window_phase>;

}  // namespace templar
