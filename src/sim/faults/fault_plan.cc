#include "sim/faults/fault_plan.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/random.h"

namespace templar {
namespace {

KeyPair key_from(Random random) {
  std::array<uint8_t, 32> bytes;
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.below(256));
  return KeyPair::from_seed(bytes);
}

// A run as small as one can be that has all a large one has.
RunSpec simulated_run(uint64_t seed) {
  Random random(seed, "run");
  const auto between = [&](int64_t lowest, int64_t highest) {
    return lowest + static_cast<int64_t>(random.below(static_cast<uint64_t>(highest - lowest + 1)));
  };
  auto preset = preset_run_spec("tiny");
  CHECK(preset.has_value());
  RunSpec spec = *std::move(preset);
  spec.name = "simulated";
  spec.seed = seed;
  spec.model.vocab_size = 8;
  spec.model.hidden_size = 2;
  spec.model.num_hidden_layers = 1;
  spec.model.num_attention_heads = 1;
  spec.model.num_key_value_heads = 1;
  spec.model.intermediate_size = 2;
  spec.model.tie_word_embeddings = true;
  spec.inner.sequence_length = 6;
  spec.inner.batch_size = 2;
  spec.inner.steps = 2;
  spec.inner.warmup_steps = 2;
  spec.codec.chunk = 4;
  spec.codec.topk = 2;
  spec.network.blocks_per_window = between(3, 5);
  spec.network.block_seconds = 12;
  spec.network.put_window_seconds = between(4, 20);
  spec.network.gather_peer_count = between(2, 6);
  spec.network.reserve_peer_count = between(0, 2);
  spec.network.peer_replacement_frequency = between(1, 4);
  spec.network.peer_list_window_margin =
      between(1, std::min<int64_t>(2, spec.network.peer_replacement_frequency));
  spec.network.checkpoint_interval = between(2, 5);
  spec.network.contribution_retention_windows = between(6, 12);
  spec.network.leader_loss_windows = between(1, 3);
  spec.network.owner = simulated_owner(seed).public_key().hex();
  spec.scoring.uids_per_window = 4;
  spec.scoring.evaluation_samples = 2;
  spec.scoring.windows_per_weights = between(1, 3);
  // Most runs have sealed uploads, and some have open ones.
  spec.network.sealed_uploads = between(0, 3) != 0;
  CHECK(validate(spec).has_value());
  return spec;
}

// What a seed has of a kind: nothing in half of all seeds, else something between a little and the most.
double draw_chance(Random& random, double most) {
  if (random.below(2) == 0) return 0;
  constexpr std::array<double, 4> kShares = {0.02, 0.1, 0.3, 1};
  return most * kShares[random.below(kShares.size())];
}

CallChances draw_chances(uint64_t seed) {
  Random random(seed, "chances");
  CallChances chances;
  chances.killed = draw_chance(random, 0.005);
  chances.slow = draw_chance(random, 0.1);
  chances.refused = draw_chance(random, 0.05);
  chances.forgotten = draw_chance(random, 0.03);
  chances.twice = draw_chance(random, 0.05);
  chances.stale_list = draw_chance(random, 0.1);
  chances.torn_read = draw_chance(random, 0.02);
  chances.rotten_read = draw_chance(random, 0.02);
  chances.longest_ms = 1000 + static_cast<int64_t>(random.below(30'000));
  return chances;
}

// The kinds that a plan has by moments, and how often in 24 windows at the most.
struct PlannedKind {
  FaultKind kind;
  int64_t most;
};
constexpr std::array kPlannedKinds = {PlannedKind{FaultKind::kKilled, 12},
                                      PlannedKind{FaultKind::kPowerCut, 4},
                                      PlannedKind{FaultKind::kPaused, 8},
                                      PlannedKind{FaultKind::kDiskFull, 3},
                                      PlannedKind{FaultKind::kCutOff, 8},
                                      PlannedKind{FaultKind::kLedgerAway, 6},
                                      PlannedKind{FaultKind::kRottenObject, 8},
                                      PlannedKind{FaultKind::kObjectDeleted, 8},
                                      PlannedKind{FaultKind::kClockOff, 6},
                                      PlannedKind{FaultKind::kTimeJumped, 3},
                                      PlannedKind{FaultKind::kTimekeeperStopped, 3},
                                      PlannedKind{FaultKind::kDiskLost, 8},
                                      PlannedKind{FaultKind::kDecidedAgain, 3},
                                      PlannedKind{FaultKind::kNodeClockOff, 6}};
// These once at the most: they are for good.
constexpr std::array kOnce = {FaultKind::kLost,      FaultKind::kBucketLost,  FaultKind::kTermEnded,
                              FaultKind::kWrongTerm, FaultKind::kNodeRemoved, FaultKind::kWrongDecision};

class PlanMaker {
 public:
  explicit PlanMaker(FaultPlan& plan) : plan_(plan), random_(plan.seed, "timeline") {}

  void add_all() {
    for (const PlannedKind& kind : kPlannedKinds) add_some(kind);
    for (const FaultKind kind : kOnce) {
      if (random_.below(4) == 0) add(kind);
    }
    if (random_.below(2) == 0) add_late_wrong_term();
    std::ranges::sort(plan_.timeline, {},
                      [](const PlannedFault& fault) { return std::pair(fault.at_ms, fault.lot); });
  }

 private:
  void add_some(const PlannedKind& planned) {
    if (random_.below(2) == 0) return;
    const int64_t count = 1 + static_cast<int64_t>(random_.below(static_cast<uint64_t>(planned.most)));
    for (int64_t i = 0; i < std::max<int64_t>(1, count * plan_.faulty_windows / 24); ++i) add(planned.kind);
  }
  void add_late_wrong_term() {
    const TimestampMs from_ms = plan_.calm_from_ms() + (plan_.windows_to_recover() + 1) * plan_.window_ms();
    plan_.late_wrong_term = PlannedFault{.at_ms = from_ms + draw(plan_.window_ms()),
                                         .kind = FaultKind::kWrongTerm,
                                         .node = random_.below(plan_.validators),
                                         .lot = random_.next()};
  }
  void add(FaultKind kind) {
    // The first window is spared: a run that never began teaches nothing.
    const TimestampMs from_ms = plan_.window_ms();
    const TimestampMs end_ms = plan_.calm_from_ms();
    PlannedFault fault;
    fault.kind = kind;
    fault.at_ms = from_ms + draw(end_ms - from_ms);
    // Some last a moment, some for windows.
    const int64_t longest = random_.below(3) == 0 ? 5 * plan_.window_ms() : plan_.window_ms();
    fault.for_ms = std::min(1 + draw(longest), end_ms - fault.at_ms);
    fault.node = random_.below(kind == FaultKind::kDiskFull ? plan_.miners : plan_.nodes());
    if (kind == FaultKind::kDiskFull) fault.node += plan_.validators;
    // Leaders are where it hurts.
    if (kind != FaultKind::kDiskFull && random_.below(3) == 0) fault.node = 0;
    // Validators keep nothing on their disks.
    if (kind == FaultKind::kDiskLost && plan_.is_validator(fault.node)) fault.node += plan_.validators;
    fault.lot = random_.next();
    plan_.timeline.push_back(fault);
  }
  [[nodiscard]] int64_t draw(int64_t bound) {
    return static_cast<int64_t>(random_.below(static_cast<uint64_t>(std::max<int64_t>(bound, 1))));
  }

  FaultPlan& plan_;
  Random random_;
};

}  // namespace

KeyPair simulated_key(uint64_t seed, size_t node) {
  return key_from(Random(seed, "key", node));
}

KeyPair simulated_owner(uint64_t seed) {
  return key_from(Random(seed, "owner"));
}

FaultPlan plan_faults(uint64_t seed, const FaultPlanOptions& options) {
  Random random(seed, "network");
  FaultPlan plan;
  plan.seed = seed;
  plan.spec = simulated_run(seed);
  plan.validators = 2 + random.below(2);
  plan.miners = 4 + random.below(5);
  plan.evaluators = 1;
  for (size_t i = 0; i < plan.validators; ++i)
    plan.stakes.push_back(static_cast<double>(10 + random.below(30)));
  plan.faulty_windows = options.faulty_windows;
  plan.calm_windows = plan.windows_to_recover() + 4;
  if (options.without_faults) return plan;
  plan.chances = draw_chances(seed);
  PlanMaker(plan).add_all();
  return plan;
}

}  // namespace templar
