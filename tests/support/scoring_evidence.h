// Evidence of miners for tests of the scoreboard, made up.
#pragma once

#include <utility>
#include <vector>

#include "core/scoring/scoreboard.h"

namespace templar::testing {

inline PublicKey key_of(uint8_t number) {
  PublicKey key;
  key.bytes.fill(number);
  return key;
}

inline MinerEvidence accepted(uint32_t uid) {
  return {.uid = uid,
          .key = key_of(static_cast<uint8_t>(uid)),
          .verdict = {},
          .steps_behind = 0,
          .possession_proof_fits = true};
}

// Losses 4 before, and after it what gives these relative improvements.
inline MinerEvidence evaluated(uint32_t uid, double own, double unassigned) {
  MinerEvidence miner = accepted(uid);
  miner.evaluation = Evaluation{.own = {4.0, 4.0 * (1 - own)}, .unassigned = {4.0, 4.0 * (1 - unassigned)}};
  return miner;
}

inline MinerEvidence unusable(uint32_t uid, VerdictCode verdict) {
  return {.uid = uid, .key = key_of(static_cast<uint8_t>(uid)), .verdict = {verdict, "because"}};
}

inline Evidence window_of(int64_t window, std::vector<MinerEvidence> miners) {
  return {.window = window, .outer_step = window, .miners = std::move(miners)};
}

inline const MinerScore& score_of(const AdvanceResult& result, uint32_t uid) {
  return result.scoreboard.miners.at(uid);
}

}  // namespace templar::testing
