#include "core/scoring/openskill.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace templar {
namespace {

constexpr double kKappa = 0.0001;  // the smallest share of its variance that a match leaves to a player

// What one match needs of all players before any is updated; index = player.
struct Match {
  std::vector<double> variance;         // after tau was added
  std::vector<double> strength;         // e^(mu / c)
  std::vector<double> rivals_strength;  // of all who did not score higher than the player, itself included
  std::vector<double> tied;             // how many have the player's score, itself included
  double c = 0;                         // square root of the summed variances of all performances
};

Match prepare_match(std::span<const Rating> players, std::span<const double> scores,
                    const RatingModel& model) {
  const size_t count = players.size();
  Match match{.variance = {},
              .strength = {},
              .rivals_strength = std::vector<double>(count),
              .tied = std::vector<double>(count)};
  double total = 0;
  for (const Rating& player : players) {
    match.variance.push_back(player.sigma * player.sigma + model.tau * model.tau);
    total += match.variance.back() + model.beta * model.beta;
  }
  match.c = std::sqrt(total);
  for (const Rating& player : players) match.strength.push_back(std::exp(player.mu / match.c));
  for (size_t q = 0; q < count; ++q) {
    for (size_t i = 0; i < count; ++i) {
      if (scores[i] <= scores[q]) match.rivals_strength[q] += match.strength[i];
      if (scores[i] == scores[q]) match.tied[q] += 1;
    }
  }
  return match;
}

Rating rate_player(const Match& match, std::span<const double> scores, size_t player, double mu) {
  double omega = 0;
  double delta = 0;
  for (size_t q = 0; q < scores.size(); ++q) {
    if (scores[q] < scores[player])
      continue;  // a place is contested by those who did not score higher than its holder
    const double chance = match.strength[player] / match.rivals_strength[q];
    omega += ((q == player ? 1.0 : 0.0) - chance) / match.tied[q];
    delta += chance * (1 - chance) / match.tied[q];
  }
  const double variance = match.variance[player];
  const double sigma = std::sqrt(variance);
  const double gamma = sigma / match.c;
  omega *= variance / match.c;
  delta *= gamma * variance / (match.c * match.c);
  return {.mu = mu + omega, .sigma = sigma * std::sqrt(std::max(1 - delta, kKappa))};
}

}  // namespace

std::vector<Rating> rate_match(std::span<const Rating> players, std::span<const double> scores,
                               const RatingModel& model) {
  CHECK(players.size() == scores.size());
  if (players.size() < 2) return {players.begin(), players.end()};
  const Match match = prepare_match(players, scores, model);
  std::vector<Rating> rated;
  for (size_t i = 0; i < players.size(); ++i) rated.push_back(rate_player(match, scores, i, players[i].mu));
  return rated;
}

}  // namespace templar
