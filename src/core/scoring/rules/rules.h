// What lowers a miner's score beyond the formula. Each rule is a pure function in a file of its own: in come
// the window's evidence and the scoreboard, out come effects, which advance_scoreboard() carries out. The
// numbers are PenaltySpec's in the run spec; docs/decisions/0031-penalties.md says why they are
// as they are.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/scoring/scoreboard.h"

namespace templar {

struct RuleView {
  const Evidence& evidence;  // the whole window's
  // With this window's gathers and measurements, and the effects of the rules before; it has all miners of
  // the evidence.
  const Scoreboard& scoreboard;
  const ScoringSpec& scoring;

  [[nodiscard]] const MinerScore& score(uint32_t uid) const { return scoreboard.miners.at(uid); }
};

// What the factor multiplies. A final score is made anew in each window in which there is evidence of the
// miner, so what shall stay with it longer has to lower its binary average. Neither is changed where it is
// not above 0.
enum class Multiplies { kFinalScore, kFinalScoreAndAverage };

struct RuleEffect {
  uint32_t uid = 0;  // of a miner on the scoreboard
  ScoreReason reason = ScoreReason::kMissing;
  std::string detail{};  // for people
  double factor = 1;     // 0 .. 1
  Multiplies multiplies = Multiplies::kFinalScore;
  // Rating, averages, scores, and what it did in earlier windows, become those of a new miner. Exclusions
  // stay.
  bool resets = false;
  int64_t exclude_windows = 0;      // after this one
  bool exclude_until_gain = false;  // until a gradient score of its own that is not below 0
};

// At most one effect a miner; in any order.
using Rule = std::vector<RuleEffect> (*)(const RuleView& view);

// All of them, in the order in which they are applied: each sees what those before it did.
[[nodiscard]] std::span<const Rule> scoring_rules();

// A miner whose contribution the gather asked for and did not get in time. The first time in a row leaves
// missing_factor of final score and binary average, the second second_missing_factor, any further one
// later_missing_factor. Missing in missing_share_limit of its last 8 gathers, or in more, it is reset and
// excluded for exclusion_windows. Before there are 8, only the factors count. A window of which the gather
// took nothing blames nobody: an outage of the whole network would else exclude all, and stop the run for
// longer.
[[nodiscard]] std::vector<RuleEffect> penalise_missing(const RuleView& view);

// A miner whose contributions counted in less than gather_success_limit of its last 8 gathers: x0, on the
// binary average too. It answers for all that keeps it from being of use, where penalise_missing() speaks of
// absence alone.
[[nodiscard]] std::vector<RuleEffect> penalise_low_gather_success(const RuleView& view);

// Something that can't count (malformed, of another run, forged, from another model, ...): x invalid_factor.
// Whoever sends it could have checked it before. A stale contribution too has no part in its window's model,
// and is not paid for.
[[nodiscard]] std::vector<RuleEffect> penalise_invalid(const RuleView& view);

// A contribution that can be rated, but starts from a model more than scoring.sync_max_steps_behind outer
// steps old: x out_of_sync_factor, on the binary average too.
[[nodiscard]] std::vector<RuleEffect> penalise_out_of_sync(const RuleView& view);

// A miner measured in this window that had more than negative_share_limit of its last 8 gradient scores below
// 0: x negative_factor, on the binary average too. Waived in a window that was bad for all
// (negative_scores.h).
[[nodiscard]] std::vector<RuleEffect> penalise_negative_share(const RuleView& view);

// A miner measured in this window whose last negatives_in_a_row gradient scores, this one included, were all
// below 0: excluded until one that is not. Waived in a window that was bad for all
// (negative_scores.h).
[[nodiscard]] std::vector<RuleEffect> exclude_negatives_in_a_row(const RuleView& view);

// A miner that the gather did not ask for and that had nothing in time all the same: x inactivity_factor of
// its final score in each such window; reset after more than inactivity_reset_windows windows in a row
// without anything of it. Waived where the gather took nothing.
[[nodiscard]] std::vector<RuleEffect> penalise_inactivity(const RuleView& view);

// Contributions that keep the same coefficients are copies. Of two whose overlap is overlap_limit or more the
// later one is punished: x overlap_factor, on the binary average too; from overlap_reset_limit on it is
// reset; from overlap_exclusion_limit on also excluded for exclusion_windows. Of two stored
// at the same time the one is the later that helped less on its own samples beyond others', in this window
// and by its binary average; where these disagree, or a time is not known, neither is. Of several such pairs
// a miner answers for the worst. Not before overlap_first_outer_step.
[[nodiscard]] std::vector<RuleEffect> penalise_index_overlap(const RuleView& view);

// Whoever is excluded, by a rule before this one or since an earlier window, has no final score. Its rating
// and average go on, so that it is not behind when it returns.
[[nodiscard]] std::vector<RuleEffect> withhold_from_excluded(const RuleView& view);

// A final score below least_final_score is 0.
[[nodiscard]] std::vector<RuleEffect> drop_small_scores(const RuleView& view);

}  // namespace templar
