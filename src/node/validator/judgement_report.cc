#include "node/validator/judgement_report.h"

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "ports/metric_fields.h"

namespace templar {
namespace {

class Reporter {
 public:
  Reporter(const NodeEnvironment& environment, uint32_t uid, const Judgement& judgement)
      : environment_(environment), uid_(uid), judgement_(judgement) {}

  void report_window() const;
  void report_miner(const MinerEvidence& miner) const;
  void report_penalty(const ScoreChange& change) const;

 private:
  // Of the window; with eval_uid, of one miner in it.
  [[nodiscard]] Measurement measurement(MeasurementName name,
                                        std::initializer_list<MetricField> fields) const;
  [[nodiscard]] Measurement measurement(MeasurementName name, uint32_t eval_uid,
                                        std::initializer_list<MetricField> fields) const;
  void write(Measurement measurement) const { environment_.metrics.write(std::move(measurement)); }
  [[nodiscard]] int64_t count(const std::function<bool(const MinerEvidence&)>& predicate) const {
    return std::ranges::count_if(judgement_.evidence.miners, predicate);
  }

  const NodeEnvironment& environment_;
  const uint32_t uid_;
  const Judgement& judgement_;
};

// Means over the miners that were measured; nothing if none was.
void add_losses(Measurement& measurement, const Evidence& evidence) {
  const auto add = [&](FieldName name, double LossChange::* loss, LossChange Evaluation::* samples) {
    std::vector<double> values;
    for (const MinerEvidence& miner : evidence.miners) {
      if (miner.evaluation) values.push_back((*miner.evaluation).*samples.*loss);
    }
    if (!values.empty()) add_fields(measurement, {{name, mean_of(values)}});
  };
  add("loss_own_before", &LossChange::before, &Evaluation::own);
  add("loss_own_after", &LossChange::after, &Evaluation::own);
  add("loss_random_before", &LossChange::before, &Evaluation::unassigned);
  add("loss_random_after", &LossChange::after, &Evaluation::unassigned);
}

// How alike the window's contributions are; nothing where no two were compared.
void add_overlaps(Measurement& measurement, const Evidence& evidence) {
  if (evidence.overlaps.empty()) return;
  std::vector<double> shares;
  for (const IndexOverlap& pair : evidence.overlaps) shares.push_back(pair.share);
  add_fields(measurement, {{"index_overlap_mean", mean_of(shares)},
                           {"index_overlap_max", *std::ranges::max_element(shares)}});
}

Measurement Reporter::measurement(MeasurementName name, std::initializer_list<MetricField> fields) const {
  Measurement measurement = node_measurement(
      name, {name_of(NodeRole::kValidator), uid_}, environment_,
      {{"window", judgement_.evidence.window}, {"global_step", judgement_.replica.outer_step()}});
  add_fields(measurement, fields);
  return measurement;
}

Measurement Reporter::measurement(MeasurementName name, uint32_t eval_uid,
                                  std::initializer_list<MetricField> fields) const {
  Measurement of_miner = measurement(name, fields);
  of_miner.tags["eval_uid"] = std::to_string(eval_uid);
  return of_miner;
}

void Reporter::report_window() const {
  const auto all = static_cast<int64_t>(judgement_.evidence.miners.size());
  const int64_t accepted = count([](const MinerEvidence& miner) { return miner.verdict.accepted(); });
  Measurement summary =
      measurement("validator_window_v2",
                  {{"accepted", accepted},
                   {"rejected", all - accepted},
                   {"evaluated_uids_count",
                    count([](const MinerEvidence& miner) { return miner.evaluation.has_value(); })},
                   {"active_miners_count", static_cast<int64_t>(judgement_.result.scoreboard.miners.size())},
                   {"outer_lr", judgement_.replica.outer_learning_rate()},
                   {"judge_seconds", judgement_.seconds},
                   {"state_root", judgement_.replica.state_root().hex()}});
  if (all > 0) {
    add_fields(summary,
               {{"gather_success_rate", 100.0 * static_cast<double>(accepted) / static_cast<double>(all)}});
  }
  add_losses(summary, judgement_.evidence);
  add_overlaps(summary, judgement_.evidence);
  write(std::move(summary));
}

void Reporter::report_miner(const MinerEvidence& miner) const {
  const MinerScore& score = judgement_.result.scoreboard.miners.at(miner.uid);
  const auto weight = judgement_.result.weights.find(miner.uid);
  Measurement scores =
      measurement("validator_scores", miner.uid,
                  {{"verdict", std::string(verdict_name(miner.verdict.code))},
                   {"reason", miner.verdict.reason},
                   {"gradient_score", score.gradient_score},
                   {"binary_moving_avg", score.binary_average},
                   {"rating_mu", score.rating.mu},
                   {"rating_sigma", score.rating.sigma},
                   {"ordinal", score.rating.ordinal()},
                   {"sync_score", score.sync_factor},
                   {"final_score", score.final_score},
                   {"excluded", int64_t{score.is_excluded(judgement_.evidence.window)}},
                   {"weight", weight == judgement_.result.weights.end() ? 0.0 : weight->second}});
  if (miner.evaluation) {
    add_fields(scores, {{"loss_own_before", miner.evaluation->own.before},
                        {"loss_own_after", miner.evaluation->own.after},
                        {"loss_random_before", miner.evaluation->unassigned.before},
                        {"loss_random_after", miner.evaluation->unassigned.after}});
    write(measurement(
        "validator_openskill", miner.uid,
        {{"mu", score.rating.mu}, {"sigma", score.rating.sigma}, {"ordinal", score.rating.ordinal()}}));
  }
  write(std::move(scores));
  if (!miner.can_be_rated()) return;
  write(measurement("validator_sync_score", miner.uid,
                    {{"sync_score", score.sync_factor}, {"steps_behind", counted_steps_behind(miner)}}));
}

void Reporter::report_penalty(const ScoreChange& change) const {
  const bool absent = reason_kind(change.reason) == ReasonKind::kAbsence;
  const MeasurementName name =
      absent ? MeasurementName("validator_inactivity") : MeasurementName("validator_slash");
  Measurement penalty = measurement(
      name, change.uid,
      {{"score_before", change.before}, {"score_after", change.after}, {"reason", change.detail}});
  if (!absent) penalty.tags["reason_code"] = reason_name(change.reason);
  write(std::move(penalty));
}

}  // namespace

void report_judgement(const NodeEnvironment& environment, uint32_t uid, const Judgement& judgement) {
  const Reporter reporter(environment, uid, judgement);
  reporter.report_window();
  for (const MinerEvidence& miner : judgement.evidence.miners) reporter.report_miner(miner);
  for (const ScoreChange& change : judgement.result.changes) {
    const bool is_penalty = reason_kind(change.reason) != ReasonKind::kStep;
    if (is_penalty && change.field == ScoreField::kFinalScore) reporter.report_penalty(change);
  }
}

}  // namespace templar
