#include "app/gauntlet/gauntlet_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/json/json.h"

namespace templar {
namespace {

std::string windows_text(const TrialResult& result) {
  return result.windows_until_excluded ? fmt::format("{}", *result.windows_until_excluded) : "never";
}

std::string who(const TrialResult& result) {
  return fmt::format("{} of {}", result.trial.attackers, result.trial.miners);
}

}  // namespace

double Detection::f1() const {
  const double wrong = static_cast<double>(wrongly_caught + attackers - caught);
  const auto right = static_cast<double>(caught);
  return right > 0 ? 2 * right / (2 * right + wrong) : 0;
}

std::optional<double> GauntletReport::loss_change(const TrialResult& result) const {
  const int64_t honest = result.trial.miners - result.trial.attackers;
  for (const TrialResult& one : clean) {
    if (one.trial.miners == honest && one.trial.seed == result.trial.seed && one.heldout_loss > 0)
      return result.heldout_loss / one.heldout_loss - 1;
  }
  return std::nullopt;
}

std::string change_text(double share) {
  constexpr double kShown = 0.0005;
  return fmt::format("{:+.1f} %", std::fabs(share) < kShown ? 0.0 : 100 * share);
}

GauntletReport report_of(std::span<const TrialResult> results) {
  GauntletReport report;
  for (const TrialResult& result : results) {
    (result.trial.attack ? report.attacked : report.clean).push_back(result);
    for (const MinerOutcome& miner : result.miners) {
      const bool is_caught = miner.weight_share <= kCaughtShare;
      ++(miner.attacks ? report.detection.attackers : report.detection.honest);
      if (is_caught) ++(miner.attacks ? report.detection.caught : report.detection.wrongly_caught);
    }
  }
  return report;
}

std::string gauntlet_json(const GauntletReport& report) {
  JsonList attacked;
  for (const TrialResult& result : report.attacked) {
    const Trial& trial = result.trial;
    attacked.push_back(JsonObject{
        {"attack", form_of(*trial.attack).name},
        {"attackers", trial.attackers},
        {"miners", trial.miners},
        {"share_of_miners", static_cast<double>(trial.attackers) / static_cast<double>(trial.miners)},
        {"weight_share", result.weight_share()},
        {"heldout_loss_change", report.loss_change(result)},
        {"windows_until_excluded", result.windows_until_excluded},
        {"honest_loss", result.honest_loss}});
  }
  JsonList clean;
  for (const TrialResult& result : report.clean) {
    clean.push_back(JsonObject{{"miners", result.trial.miners},
                               {"seed", result.trial.seed},
                               {"heldout_loss", result.heldout_loss},
                               {"honest_loss", result.honest_loss},
                               {"honest_spread", result.honest_spread}});
  }
  const Detection& found = report.detection;
  Json json = JsonObject{{"attacks", std::move(attacked)},
                         {"clean", std::move(clean)},
                         {"detection", JsonObject{{"f1", found.f1()},
                                                  {"attackers", found.attackers},
                                                  {"caught", found.caught},
                                                  {"honest", found.honest},
                                                  {"wrongly_caught", found.wrongly_caught}}}};
  return to_text(json, {.indent = 2});
}

std::string gauntlet_table(const GauntletReport& report) {
  std::string text = fmt::format("{:18} {:>7} {:>14} {:>12} {:>10} {:>12}\n", "attack", "miners",
                                 "weight share", "held-out", "windows", "honest lose");
  for (const TrialResult& result : report.attacked) {
    const auto change = report.loss_change(result);
    text += fmt::format("{:18} {:>7} {:>14.2f} {:>12} {:>10} {:>12}\n", form_of(*result.trial.attack).name,
                        who(result), result.weight_share(), change ? change_text(*change) : "-",
                        windows_text(result), change_text(result.honest_loss));
  }
  double worst_loss = 0;
  double worst_spread = 0;
  int64_t runs = 0;
  int64_t most_miners = 0;
  for (const TrialResult& result : report.clean) most_miners = std::max(most_miners, result.trial.miners);
  for (const TrialResult& result : report.clean) {
    if (result.trial.miners != most_miners) continue;
    ++runs;
    worst_loss = std::max(worst_loss, result.honest_loss);
    worst_spread = std::max(worst_spread, result.honest_spread);
  }
  if (runs > 0) {
    text += fmt::format(
        "clean runs: {}; at the most honest miners lose {} to penalties, and the best earns {:.2f} times as "
        "much as the last\n",
        runs, change_text(worst_loss), worst_spread);
  }
  const Detection& found = report.detection;
  text += fmt::format("detection: F1 {:.3f}; {} of {} attackers caught, {} of {} honest miners wrongly\n",
                      found.f1(), found.caught, found.attackers, found.wrongly_caught, found.honest);
  return text;
}

}  // namespace templar
