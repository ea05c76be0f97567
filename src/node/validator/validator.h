// A validator: follows the run, measures what each contribution did to the loss, rates the miners, sets their
// weights, keeps copies of what was decided and publishes its state and checkpoints. The one whose term is in
// force leads: it also decides, window by window, once the put window has closed. If it is lost, the next one
// takes over. docs/architecture.md, "The walk of a window".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/keys/keys.h"
#include "node/catch_up/catch_up.h"
#include "node/validator/checkpoint_schedule.h"
#include "node/validator/judge.h"
#include "node/validator/office.h"
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
  std::string software;  // its version, for its heartbeats
};

class Validator {
 public:
  // The key must be registered on the ledger as a validator's, and be the ledger writer's. All references
  // must outlive it.
  Validator(const NodeEnvironment& environment, ObjectStore& store, LedgerWriter& ledger, Engine& engine,
            const KeyPair& key, const ValidatorOptions& options);

  // Does the next thing there is to do: come into the run or catch up, decide a closed window if it leads,
  // take over if it is its turn, follow what was decided, or judge it (measure, score, outer step, begin a
  // checkpoint, which is then published in the background). Fails (retry) where the store or the ledger was
  // away: the call may be repeated. Fails (fatal) if a person has to act.
  [[nodiscard]] Result<Progress> advance();

  // Waits for a checkpoint that is being published, before a clean end. A failure that may pass is logged;
  // fails (fatal) if a person has to act.
  [[nodiscard]] Status finish() { return checkpoints_.finish(self()); }

  [[nodiscard]] const Replica& replica() const { return replica_; }
  [[nodiscard]] const Scoreboard& scoreboard() const { return judge_.scoreboard(); }

 private:
  // Its model is not the run's yet, or no more.
  struct Joining {};
  // Its model is the start of a window that is not decided, as far as it knows.
  struct Undecided {
    bool could_train = false;  // see Office::Lead
    std::optional<Office::MadeRecord> made = {};
    // Sealed uploads of the window; null: not asked for yet.
    std::shared_ptr<const DownloadedUploads> uploads = {};
  };
  // The window is decided, and it has copies of all. It is to be judged, and its outer step to be made.
  struct Decided {
    DecidedWindow window;
    bool next_could_train = false;  // the next window was not over when this one was decided
  };

  [[nodiscard]] Result<Progress> come_into_run();
  [[nodiscard]] Result<bool> begin_run();
  [[nodiscard]] Status check_that_nothing_fell(const ChainView& view);
  [[nodiscard]] Result<WindowDecision> ask_for_decision(const ChainView& view, Undecided& undecided);
  [[nodiscard]] Result<Progress> download_early(const ChainView& view, Undecided& undecided);
  [[nodiscard]] Result<Progress> lead_or_wait(const ChainView& view, Undecided& undecided);
  [[nodiscard]] Result<Progress> follow(DecidedWindow decided);
  [[nodiscard]] Result<Progress> finish_window(Decided& decided);
  void drop_old_copies();
  [[nodiscard]] const Registration& self() { return catch_up_.leadership().self(); }

  const NodeEnvironment& environment_;
  const ValidatorOptions options_;
  WindowTimeline timeline_;
  StartCopy start_copy_;
  Replica replica_;
  CatchUp catch_up_;
  Office office_;
  Judge judge_;
  CheckpointSchedule checkpoints_;
  std::variant<Joining, Undecided, Decided> stage_;
};

}  // namespace templar
