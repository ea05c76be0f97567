// A validator: gathers as everybody does, measures what each contribution did to the loss, rates the miners,
// sets their weights and publishes its state and checkpoints. The leader, the validator with the most stake,
// also decides: it publishes the window's record, which names the peers, once the put window has closed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/keys/keys.h"
#include "node/catch_up/catch_up.h"
#include "node/validator/checkpoint_schedule.h"
#include "node/validator/evidence_collector.h"
#include "node/validator/validator_state.h"
#include "node/window/decide_window.h"
#include "node/window/window_clock.h"
#include "ports/tokenizer.h"

namespace templar {

inline constexpr int64_t kDefaultKeptRecords = 1000;

struct ValidatorOptions {
  int threads = 1;
  std::optional<int64_t> until_window;   // finished once the model is the start of this window
  std::vector<TokenizerFile> tokenizer;  // goes beside the checkpoints
  uint64_t checkpoint_shard_bytes = kDefaultShardBytes;
  CheckpointRetention retention;
  // Of how many windows the leader's records stay, at least as long as somebody may need one to catch up; 0:
  // of all.
  int64_t keep_records = kDefaultKeptRecords;
  // false: a window waits for its checkpoint, so that the run does not depend on the disk's speed.
  bool background_checkpoints = true;
};

class Validator {
 public:
  // The key must be registered on the ledger as a validator's. All references must outlive it.
  Validator(const NodeEnvironment& environment, ObjectStore& store, LedgerWriter& ledger, Engine& engine,
            const KeyPair& key, const ValidatorOptions& options);

  // Does the next thing there is to do: come into the run or catch up, decide a closed window (gather, and
  // publish the record if it leads), or judge it (measure, score, outer step, begin a checkpoint, which is
  // then published in the background). Fails (retry) where the store or the ledger was away: the call may be
  // repeated. Fails (fatal) if a person has to act.
  [[nodiscard]] Result<Progress> advance();

  // Waits for a checkpoint that is being published, before a clean end. A failure that may pass is logged;
  // fails (fatal) if a person has to act.
  [[nodiscard]] Status finish() { return checkpoints_.finish(self_); }

  [[nodiscard]] const Replica& replica() const { return replica_; }
  [[nodiscard]] const Scoreboard& scoreboard() const { return state_.scoreboard; }

 private:
  [[nodiscard]] Result<Progress> come_into_run();
  [[nodiscard]] Status load_state();
  [[nodiscard]] Result<bool> begin_run(std::span<const Registration> roster);
  [[nodiscard]] Result<Progress> decide_closed_window();
  [[nodiscard]] Status publish_record(const DecidedWindow& decided);
  [[nodiscard]] Result<Progress> judge_window();
  [[nodiscard]] Result<Evidence> measure_contributions();
  [[nodiscard]] Status finish_window();
  void drop_old_copies();
  [[nodiscard]] Status settle(const AdvanceResult& result, int64_t window);
  [[nodiscard]] Status store_state(const ValidatorState& state);

  const NodeEnvironment& environment_;
  ObjectStore& store_;
  LedgerWriter& ledger_;
  const KeyPair key_;
  const ValidatorOptions options_;
  WindowClock clock_;
  Replica replica_;
  CatchUp catch_up_;
  StartCopy start_copy_;
  LossMeter meter_;
  WindowTimeline timeline_;
  CheckpointSchedule checkpoints_;
  Registration self_;
  Bytes sampling_key_;  // known to this validator alone, the same after a restart
  ValidatorState state_;
  std::optional<DecidedWindow> decided_;  // the replica's window, until it is judged
  bool in_run_ = false;
  bool asked_for_state_ = false;  // the bucket, for the state that an earlier start left
  bool has_state_ = false;        // the bucket has a state: of an earlier start, or stored by this one
};

}  // namespace templar
