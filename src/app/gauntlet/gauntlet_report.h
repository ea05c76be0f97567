// What the gauntlet's results say together: for programs, for a terminal, and as a page.
#pragma once

#include <span>
#include <string>

#include "app/gauntlet/trial.h"

namespace templar {

struct Detection {
  int64_t attackers = 0;
  int64_t caught = 0;  // of them: earned less than a tenth of an honest miner's weight at the end
  int64_t honest = 0;
  int64_t wrongly_caught = 0;

  // The harmonic mean of precision and recall; 0 where nobody was caught.
  [[nodiscard]] double f1() const;
};

struct GauntletReport {
  std::vector<TrialResult> attacked;  // in the order in which they were run
  std::vector<TrialResult> clean;
  Detection detection;

  // Of the run without those who attacked: its loss, and by how much the attacked run's is above it, as a
  // share; nullopt where there was no such run.
  [[nodiscard]] std::optional<double> loss_change(const TrialResult& result) const;
};
[[nodiscard]] GauntletReport report_of(std::span<const TrialResult> results);

// An object: attacks, a list of {attack, attackers, miners, share_of_miners, weight_share,
// heldout_loss_change, windows_until_excluded, honest_loss}; clean, a list of {miners, seed, heldout_loss,
// honest_loss, honest_spread}; detection {f1, attackers, caught, honest, wrongly_caught}.
[[nodiscard]] std::string gauntlet_json(const GauntletReport& report);
// "+1.2 %"; never a negative zero.
[[nodiscard]] std::string change_text(double share);
// Lines of a table.
[[nodiscard]] std::string gauntlet_table(const GauntletReport& report);
// One file of HTML that asks for nothing else.
[[nodiscard]] std::string gauntlet_page(const GauntletReport& report);

}  // namespace templar
