// A window as a scoring rule sees it, put together in a test.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/scoring/rules/rules.h"
#include "support/run_specs.h"

namespace templar::testing {

// Miners' pasts are told window by window, oldest first; the last entry is that of the window judged. A miner
// in the evidence is on the scoreboard, with a final score of 8 and a binary average of 0.5. The gather took
// one contribution that no test is about, kBystander's.
class RuleRound {
 public:
  explicit RuleRound(int64_t window = 100) {
    evidence.window = scoreboard.window = window;
    evidence.outer_step = window;
    (void)stored(kBystander, std::nullopt);
  }
  static constexpr uint32_t kBystander = 1000;

  // The gather asked for its contribution each time.
  MinerEvidence& gathered(uint32_t uid, const std::vector<VerdictCode>& verdicts) {
    MinerScore& miner = score(uid);
    for (size_t i = 0; i < verdicts.size(); ++i)
      miner.gathers.push_back({evidence.window - static_cast<int64_t>(verdicts.size() - 1 - i), verdicts[i]});
    miner.windows_not_seen =
        std::ranges::find_if(verdicts.rbegin(), verdicts.rend(),
                             [](VerdictCode code) { return code == VerdictCode::kAccepted; }) -
        verdicts.rbegin();
    MinerEvidence& miner_evidence = of(uid);
    miner_evidence.verdict = {verdicts.back(), verdicts.back() == VerdictCode::kAccepted ? "" : "because"};
    return miner_evidence;
  }
  // It was measured each time.
  MinerEvidence& measured(uint32_t uid, const std::vector<double>& gradient_scores) {
    MinerScore& miner = score(uid);
    for (size_t i = 0; i < gradient_scores.size(); ++i)
      miner.measurements.push_back(
          {evidence.window - static_cast<int64_t>(gradient_scores.size() - 1 - i), gradient_scores[i]});
    return of(uid);
  }
  // Its contribution was accepted, and stored then.
  MinerEvidence& stored(uint32_t uid, std::optional<int64_t> at_ms) {
    (void)score(uid);
    MinerEvidence& miner = of(uid);
    miner.stored_at_ms = at_ms;
    return miner;
  }
  MinerScore& score(uint32_t uid) {
    const auto [place, is_new] = scoreboard.miners.emplace(uid, MinerScore{.uid = uid});
    if (is_new) {
      place->second.final_score = 8;
      place->second.binary_average = 0.5;
    }
    return place->second;
  }
  // The miner's, an accepted contribution if there was none.
  MinerEvidence& of(uint32_t uid) {
    const auto known = std::ranges::find(evidence.miners, uid, &MinerEvidence::uid);
    if (known != evidence.miners.end()) return *known;
    evidence.miners.push_back({.uid = uid, .verdict = {}, .steps_behind = 0, .possession_proof_fits = true});
    return evidence.miners.back();
  }

  [[nodiscard]] RuleView view() const {
    return {.evidence = evidence, .scoreboard = scoreboard, .scoring = spec.scoring};
  }
  // Ascending by uid.
  [[nodiscard]] std::vector<RuleEffect> effects_of(Rule rule) const {
    std::vector<RuleEffect> effects = rule(view());
    std::ranges::sort(effects, {}, &RuleEffect::uid);
    return effects;
  }
  [[nodiscard]] std::vector<uint32_t> struck_by(Rule rule) const {
    std::vector<uint32_t> uids;
    for (const RuleEffect& effect : effects_of(rule)) uids.push_back(effect.uid);
    return uids;
  }

  RunSpec spec = scoring_run_spec();
  PenaltySpec& penalties = spec.scoring.penalties;
  Evidence evidence{};
  Scoreboard scoreboard{};
};

}  // namespace templar::testing
