// What a validator learnt of the miners in one window: values only, made by the node, judged by
// advance_scoreboard().
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/keys/keys.h"
#include "core/protocol/verdict.h"

namespace templar {

// Mean loss [nats a token] before and after the contribution was applied.
struct LossChange {
  double before = 0;
  double after = 0;

  // (before - after) / before; minus infinity where the loss after is not a finite number. nullopt where the
  // loss before is not a finite number above 0: then nothing can be measured.
  [[nodiscard]] std::optional<double> relative_improvement() const;
};

struct Evaluation {
  LossChange own;  // on the samples that the miner was assigned
  // On samples that the validator's draw takes from the whole shard, the same for all miners of the window; a
  // sample may also be assigned to one of them.
  LossChange unassigned;
};

struct MinerEvidence {
  uint32_t uid = 0;
  PublicKey key;
  Verdict verdict = {VerdictCode::kMissing, ""};  // of the gather
  std::optional<Evaluation> evaluation{};         // if can_be_rated() and it was measured
  // Outer steps between the contribution's state root and ours; none: root unknown, or no contribution.
  std::optional<int64_t> steps_behind{};
  bool possession_proof_fits = false;  // only asked of one that starts from our root
  // Whether the window's gather asked for its contribution; else it was drawn for evaluation alone.
  bool gathered = true;
  // When its contribution was stored, by its store's clock; none: not known, or nothing is there.
  std::optional<int64_t> stored_at_ms{};

  // Not gathered because its model is an older one of the run, but nothing else is wrong with it.
  [[nodiscard]] bool is_stale() const {
    return verdict.code == VerdictCode::kInvalid && steps_behind.value_or(0) > 0;
  }
  // Whether its contribution can be measured and rated.
  [[nodiscard]] bool can_be_rated() const { return verdict.accepted() || is_stale(); }
  // Whether something of it was there in time, of use or not.
  [[nodiscard]] bool is_present() const { return verdict.accepted() || counts_as_invalid(verdict.code); }
};

// Of a miner that nobody asked for its contribution: whether one was stored in time.
struct MinerActivity {
  uint32_t uid = 0;
  bool is_active = false;
  std::optional<PublicKey> key{};  // none: not on the ledger any more
};

// How far two contributions keep the same coefficients: 0 as much as chance makes any two, 1 all.
struct IndexOverlap {
  uint32_t one = 0;
  uint32_t other = 0;
  double share = 0;
};

// Every uid at most once in miners and activity together, every pair at most once; in any order.
struct Evidence {
  int64_t window = 0;
  int64_t outer_step = 0;  // outer steps that the run had made before the window
  std::vector<MinerEvidence> miners;
  std::vector<MinerActivity> activity{};
  std::vector<IndexOverlap> overlaps{};  // of contributions that can be rated

  // Whether the gather took any contribution. Where it took none the network is at fault, or nobody can
  // train: such a window blames nobody for being absent.
  [[nodiscard]] bool took_any() const;
};

}  // namespace templar
