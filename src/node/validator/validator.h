// A validator: gathers as everybody does, measures what each contribution did to the loss, rates the miners
// and sets their weights. The leader, the validator with the most stake, also decides: it publishes the
// window's record as soon as the put window has closed, then peer lists and checkpoints.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/keys.h"
#include "node/catch_up/catch_up.h"
#include "node/validator/checkpoint_publisher.h"
#include "node/validator/loss_meter.h"
#include "node/validator/validator_state.h"
#include "node/window/environment.h"
#include "node/window/gather.h"
#include "node/window/replica.h"
#include "node/window/window_clock.h"
#include "node/window/window_timeline.h"
#include "ports/tokenizer.h"

namespace templar {

struct ValidatorOptions {
  int threads = 1;
  std::optional<int64_t> until_window;   // finished once the model is the start of this window
  std::vector<TokenizerFile> tokenizer;  // goes beside the checkpoints
  uint64_t checkpoint_shard_bytes = kDefaultShardBytes;
  CheckpointRetention retention;
  // false: a window waits for its checkpoint, so that the run does not depend on the disk's speed.
  bool background_checkpoints = true;
};

class Validator {
 public:
  // The key must be registered on the ledger as a validator's. All references must outlive it.
  Validator(const NodeEnvironment& environment, ObjectStore& store, LedgerWriter& ledger, Engine& engine,
            const KeyPair& key, const ValidatorOptions& options);

  // Does the next thing there is to do: come into the run or catch up, decide a closed window (gather, and
  // the record if it leads), or judge it (measure, score, outer step, begin a checkpoint, which is then
  // published in the background). Fails (retry) where the store or the ledger was away: the call may be
  // repeated.
  [[nodiscard]] Result<Progress> advance();

  // Waits for a checkpoint that is under way, before a clean end. Fails as its publication did.
  [[nodiscard]] Status finish();

  [[nodiscard]] const Replica& replica() const { return replica_; }
  [[nodiscard]] const Scoreboard& scoreboard() const { return state_.scoreboard; }

 private:
  // A window whose accepted set is decided and which waits to be judged.
  struct Decision {
    GatherRequest request;
    Gathered gathered;  // by the leader's record, where there is one
  };

  [[nodiscard]] Result<Progress> start();
  [[nodiscard]] Status load_state();
  [[nodiscard]] Result<bool> begin_run(std::span<const Registration> roster);
  [[nodiscard]] Result<Progress> decide_window();
  // What the record settles replaces what was gathered; false where its contributions are not to be had and
  // catching up goes on.
  [[nodiscard]] Result<bool> take_record(const AggregateRecord& record, Decision& decision);
  [[nodiscard]] Status publish_record(const Decision& decision);
  void drop_old_copies();
  [[nodiscard]] Result<Progress> judge_window();
  [[nodiscard]] Result<Evidence> measure_contributions();
  void finish_window();
  [[nodiscard]] Status settle(const AdvanceResult& result, int64_t window);
  [[nodiscard]] Status store_state(const ValidatorState& state);
  [[nodiscard]] Status observe_publisher();
  [[nodiscard]] Status take_outcome(const Status& outcome);
  void note_checkpoint();
  void begin_checkpoint();
  [[nodiscard]] Status publish_checkpoint_now();
  [[nodiscard]] bool leads(std::span<const Registration> roster) const;

  const NodeEnvironment& environment_;
  ObjectStore& store_;
  LedgerWriter& ledger_;
  const KeyPair key_;
  const ValidatorOptions options_;
  WindowClock clock_;
  Replica replica_;
  CatchUp catch_up_;
  LossMeter meter_;
  CheckpointPublisher publisher_;
  WindowTimeline timeline_;
  Registration self_;
  Bytes sampling_key_;  // known to this validator alone, the same after a restart
  ValidatorState state_;
  std::optional<Decision> decision_;
  bool checkpoint_due_ = false;  // of the replica's window
  struct UnderWay {
    int64_t window = 0;
    Stopwatch since;
  };
  std::optional<UnderWay> under_way_;         // the checkpoint that is being published
  std::optional<int64_t> newest_checkpoint_;  // that we know to be published, or to have come from
  bool retry_checkpoint_ = false;             // the one before could not be published
  bool others_wait_for_it_ = false;           // there is none before it, or the node ends with it
  bool started_ = false;
  bool state_loaded_ = false;  // the bucket has been asked for it
  bool has_state_ = false;     // it had one, or has by now
};

}  // namespace templar
