// One run of the gauntlet: a small network in which some miners attack, or none, and what came of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json/json_fields.h"
#include "base/result.h"
#include "ports/metrics_sink.h"
#include "sim/adversaries/attack.h"

namespace templar {

struct Trial {
  std::optional<Attack> attack;  // nullopt: a clean run
  int64_t attackers = 0;
  int64_t miners = 0;  // attackers included
  int64_t windows = 0;
  uint64_t seed = 0;
  bool operator==(const Trial&) const = default;

  // "copycat-1-of-5", "clean-5-seed-3": of its folder and its result.
  [[nodiscard]] std::string name() const;
};

struct MinerOutcome {
  uint32_t uid = 0;
  bool attacks = false;
  // What it earned in the last quarter of the windows, as a share of what an honest miner earned there (of
  // the others, for an honest one).
  double weight_share = 0;
};

struct TrialResult {
  Trial trial;
  double heldout_loss = 0;  // of the last checkpoint [nats a token]
  bool roots_agree = false;
  std::vector<MinerOutcome> miners;
  // Of the attackers' mean weight in each window against the honest ones'; empty for a clean run.
  std::vector<double> share_by_window;
  // The windows after which no attacker ever again had a tenth of what an honest miner had; nullopt if that
  // never came, and for a clean run.
  std::optional<int64_t> windows_until_excluded;
  // Which part of the honest miners' scores penalties took, over all windows.
  double honest_loss = 0;
  // Of the mean weight of a miner over the last half: the largest divided by the smallest, of honest miners.
  double honest_spread = 0;

  // Of the attackers together; 0 for a clean run.
  [[nodiscard]] double weight_share() const;
};

// What a miner below this share of an honest one's weight is: found out.
inline constexpr double kCaughtShare = 0.1;

// From what the leader has measured. uids of miners are 1 to trial.miners, the attackers the last ones.
[[nodiscard]] TrialResult judge_trial(const Trial& trial, std::span<const Measurement> measurements);

[[nodiscard]] Json json_of(const TrialResult& result);
// Fails (fatal) on anything but such an object.
[[nodiscard]] Result<TrialResult> read_trial_result(JsonFields fields);

}  // namespace templar
