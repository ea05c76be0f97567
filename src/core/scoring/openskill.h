// Ratings from matches of many players at once: the Plackett-Luce model of Weng and Lin, "A Bayesian
// Approximation Method for Online Ranking" (JMLR 12, 2011), algorithm 4, with the additive dynamics tau and
// the gamma of the openskill library, version 6, one player a team. Pure functions.
#pragma once

#include <span>
#include <vector>

namespace templar {

inline constexpr double kInitialMu = 25.0;
inline constexpr double kInitialSigma = 25.0 / 3.0;

// What is believed of a player's skill: normal with this mean and standard deviation.
struct Rating {
  double mu = kInitialMu;
  double sigma = kInitialSigma;

  // A skill that the player has almost surely: three standard deviations below the mean. 0 for a player
  // without a match.
  [[nodiscard]] double ordinal() const { return mu - 3.0 * sigma; }
  bool operator==(const Rating&) const = default;
};

struct RatingModel {
  double beta = 0;  // spread of a player's performance about its skill
  double tau = 0;   // what every match adds to the uncertainty
};

// The ratings after one match, in the order of the players given. Only the order of the scores counts, the
// highest wins; equal scores are a tie. Both spans must have the same size and the scores must not be NaN.
// Fewer than two players make no match: the ratings come back as they were.
[[nodiscard]] std::vector<Rating> rate_match(std::span<const Rating> players, std::span<const double> scores,
                                             const RatingModel& model);

}  // namespace templar
