#include "app/gauntlet/trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "app/run/measurement_values.h"
#include "core/run/run_spec.h"

namespace templar {
namespace {

// By window, of each miner.
using WeightsByWindow = std::map<int64_t, std::map<uint32_t, double>>;

double mean_weight(const std::map<uint32_t, double>& weights, std::span<const MinerOutcome> miners,
                   bool of_attackers) {
  double sum = 0;
  int64_t count = 0;
  for (const MinerOutcome& miner : miners) {
    if (miner.attacks != of_attackers) continue;
    const auto found = weights.find(miner.uid);
    sum += found == weights.end() ? 0 : found->second;
    ++count;
  }
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

// 0 of nothing.
double share_of(double part, double whole) {
  return whole > 0 ? part / whole : 0;
}

class TrialJudge {
 public:
  explicit TrialJudge(const Trial& trial) {
    result_.trial = trial;
    for (int64_t uid = 1; uid <= trial.miners; ++uid)
      result_.miners.push_back(
          {.uid = static_cast<uint32_t>(uid), .attacks = uid > trial.miners - trial.attackers});
  }

  void add(const Measurement& measurement) {
    const auto tag = measurement.tags.find("eval_uid");
    const auto window = integer_field(measurement, "window");
    if (tag == measurement.tags.end() || !window) return;
    const auto miner = std::ranges::find(result_.miners, tag->second,
                                         [](const MinerOutcome& one) { return std::to_string(one.uid); });
    if (miner == result_.miners.end()) return;
    if (measurement.name == "validator_scores") {
      weights_[*window][miner->uid] = number_field(measurement, "weight").value_or(0);
      if (!miner->attacks) earned_ += number_field(measurement, "final_score").value_or(0);
    }
    const bool is_penalty =
        measurement.name == "validator_slash" || measurement.name == "validator_inactivity";
    if (is_penalty && !miner->attacks) {
      lost_ += number_field(measurement, "score_before").value_or(0) -
               number_field(measurement, "score_after").value_or(0);
    }
  }

  [[nodiscard]] TrialResult finish() {
    result_.honest_loss = share_of(lost_, lost_ + earned_);
    share_windows();
    share_miners();
    return std::move(result_);
  }

 private:
  void share_windows() {
    if (result_.trial.attackers == 0) return;
    int64_t last_earning = -1;
    int64_t place = 0;
    for (const auto& [window, weights] : weights_) {
      const double honest = mean_weight(weights, result_.miners, false);
      const double share = share_of(mean_weight(weights, result_.miners, true), honest);
      result_.share_by_window.push_back(share);
      for (const MinerOutcome& miner : result_.miners) {
        const auto found = weights.find(miner.uid);
        if (miner.attacks && found != weights.end() && found->second > kCaughtShare * honest)
          last_earning = place;
      }
      ++place;
    }
    if (last_earning + 1 < place) result_.windows_until_excluded = last_earning + 1;
  }

  void share_miners() {
    const auto windows = static_cast<int64_t>(weights_.size());
    const std::map<uint32_t, double> quarter = earned_from(windows - windows / 4);
    for (MinerOutcome& miner : result_.miners) {
      std::vector<MinerOutcome> others = result_.miners;
      std::erase_if(others, [&](const MinerOutcome& one) { return one.uid == miner.uid; });
      miner.weight_share = share_of(value_of(quarter, miner.uid), mean_weight(quarter, others, false));
    }
    const std::map<uint32_t, double> half = earned_from(windows / 2);
    double least = 0;
    double most = 0;
    bool is_first = true;
    for (const MinerOutcome& miner : result_.miners) {
      if (miner.attacks) continue;
      const double earned = value_of(half, miner.uid);
      least = is_first ? earned : std::min(least, earned);
      most = std::max(most, earned);
      is_first = false;
    }
    result_.honest_spread = share_of(most, least);
  }

  static double value_of(const std::map<uint32_t, double>& values, uint32_t uid) {
    const auto found = values.find(uid);
    return found == values.end() ? 0 : found->second;
  }

  // What each miner earned from that window on, counted from the first that was judged.
  [[nodiscard]] std::map<uint32_t, double> earned_from(int64_t first) const {
    std::map<uint32_t, double> sums;
    int64_t place = 0;
    for (const auto& [window, weights] : weights_) {
      if (place++ < first) continue;
      for (const auto& [uid, weight] : weights) sums[uid] += weight;
    }
    return sums;
  }

  TrialResult result_;
  WeightsByWindow weights_;
  double earned_ = 0;
  double lost_ = 0;
};

}  // namespace

std::string Trial::name() const {
  if (!attack) return fmt::format("clean-{}-seed-{}", miners, seed);
  return fmt::format("{}-{}-of-{}-seed-{}", form_of(*attack).name, attackers, miners, seed);
}

double TrialResult::weight_share() const {
  double sum = 0;
  int64_t count = 0;
  for (const MinerOutcome& miner : miners) {
    if (!miner.attacks) continue;
    sum += miner.weight_share;
    ++count;
  }
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

TrialResult judge_trial(const Trial& trial, std::span<const Measurement> measurements) {
  TrialJudge judge(trial);
  for (const Measurement& measurement : measurements) judge.add(measurement);
  return judge.finish();
}

Json json_of(const TrialResult& result) {
  const Trial& trial = result.trial;
  Json json = JsonObject{{"attackers", trial.attackers},
                         {"miners", trial.miners},
                         {"windows", trial.windows},
                         {"seed", trial.seed},
                         {"heldout_loss", result.heldout_loss},
                         {"roots_agree", result.roots_agree},
                         {"honest_loss", result.honest_loss},
                         {"honest_spread", result.honest_spread}};
  json["attack"] = trial.attack ? Json(form_of(*trial.attack).name) : Json();
  json["windows_until_excluded"] = result.windows_until_excluded;
  JsonList shares;
  for (const MinerOutcome& miner : result.miners) shares.push_back(miner.weight_share);
  json["weight_shares"] = std::move(shares);
  json["share_by_window"] = result.share_by_window;
  return json;
}

namespace {

Result<std::vector<double>> numbers(JsonFields& fields, std::string_view name) {
  TRY_ASSIGN(const JsonList* list, fields.list(name));
  std::vector<double> values;
  for (const Json& json : *list) {
    const auto value = json.number();
    if (!value) return fields.error(name, "an element is no number");
    values.push_back(*value);
  }
  return values;
}

}  // namespace

Result<TrialResult> read_trial_result(JsonFields fields) {
  Trial trial;
  constexpr int64_t kMost = 1'000'000;
  TRY_ASSIGN(trial.attackers, fields.integer("attackers", 0, kMost));
  TRY_ASSIGN(trial.miners, fields.integer("miners", std::max<int64_t>(trial.attackers, 1), kMost));
  TRY_ASSIGN(trial.windows, fields.integer("windows", 1, kMost));
  TRY_ASSIGN(trial.seed, fields.count("seed"));
  TRY_ASSIGN(const Json* attack, fields.value("attack"));
  if (!attack->is_null()) {
    TRY_ASSIGN(const std::string name, fields.text("attack"));
    const auto form = std::ranges::find(attacks(), name, &AttackForm::name);
    if (form == attacks().end()) return fields.error("attack", "there is none named " + name);
    trial.attack = form->attack;
  }
  TrialResult result = judge_trial(trial, {});
  TRY_ASSIGN(result.heldout_loss, fields.number("heldout_loss"));
  TRY_ASSIGN(result.roots_agree, fields.flag("roots_agree"));
  TRY_ASSIGN(result.honest_loss, fields.number("honest_loss"));
  TRY_ASSIGN(result.honest_spread, fields.number("honest_spread"));
  TRY_ASSIGN(result.windows_until_excluded, fields.integer_or_null("windows_until_excluded", 0, kMost));
  TRY_ASSIGN(const std::vector<double> shares, numbers(fields, "weight_shares"));
  if (shares.size() != result.miners.size())
    return fields.error("weight_shares", "is not one for each miner");
  for (size_t i = 0; i < shares.size(); ++i) result.miners[i].weight_share = shares[i];
  TRY_ASSIGN(result.share_by_window, numbers(fields, "share_by_window"));
  TRY(fields.finish());
  return result;
}

}  // namespace templar
