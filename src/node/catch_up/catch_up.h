// Coming (back) into the run. A node begins with the first model while no window is decided, else with the
// newest checkpoint that counts (where there is none at all, with the first model, as long as all
// contributions since are kept), or goes on from its own model if that is right but some windows old. Then it
// applies the decided windows up to now. A model that turns out to be wrong is healed in the same way: a
// right one takes its place, and the first block that was wrong is named.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "node/catch_up/divergence.h"
#include "node/catch_up/window_prefetcher.h"
#include "node/window/decide.h"

namespace templar {

enum class CatchUpState {
  kNoCheckpoint,  // there is nothing to begin from yet
  kWorking,       // one step was made: more may follow at once
  kBlocked,       // a window can't be completed: the next checkpoint is waited for, or what is missing in it
  kInSync,        // nothing is left to apply
};

struct CatchUpReport {
  std::optional<int64_t> checkpoint_window;  // nullopt: it did not begin from a checkpoint
  bool from_first_model = false;
  int64_t replayed_windows = 0;
  std::optional<int64_t> last_null_window;  // the last of all these that was a null round

  // Whether another model has taken the place of the one that the node had.
  [[nodiscard]] bool began_anew() const { return checkpoint_window || from_first_model; }
  [[nodiscard]] bool moved() const { return began_anew() || replayed_windows > 0; }
  // What a catch-up right after this one has done too.
  void add(const CatchUpReport& later);
};

class CatchUp {
 public:
  // All references must outlive it. key: the node's own, registered on the ledger.
  CatchUp(const NodeEnvironment& environment, Replica& replica, NodeRole role, const PublicKey& key,
          const PrefetchLimits& limits = {})
      : environment_(environment),
        replica_(replica),
        limits_(environment.reads_ahead ? limits : PrefetchLimits{.windows = 0}),
        leadership_(environment, role, key) {}

  // Makes the next step: finds a model if the replica has none, or else applies one window. Windows from
  // until_window on, if it is given, are not applied; a model that is being healed goes up to the window in
  // which it differed in any case. Each decision must name the replica's root before it is applied. Windows
  // that are decided meanwhile are applied too.
  //
  // A window can't be completed if what its decision names is gone from everywhere, or if decisions
  // contradict the checkpoint, or were made with other amendments in force than ours. Then this is logged
  // once, and the node waits for a checkpoint after the window, for what is missing to turn up, for the
  // ledger to have the same amendments for us, or for the owner to take back what contradicts; all are looked
  // for once a ledger block.
  //
  // Fails (retry) where the store or the ledger was away: the replica stands at a window's start, and the
  // next call goes on there; a store that stays away for many calls counts as having nothing. Fails (fatal)
  // where the key is not registered, the folder for checkpoints can't be written or the first model can't be
  // made.
  [[nodiscard]] Result<CatchUpState> advance(std::optional<int64_t> until_window = std::nullopt);

  // What the catch-up that is going on has done so far or, if none is, the last one did.
  [[nodiscard]] const CatchUpReport& report() const { return report_; }

  // As templar::decide, for a node that is in the run; a store that stays away for many calls counts as
  // having nothing. That nobody decides is an alarm, and so is a decision that is doubted, which is awaited:
  // it is looked at again with each block.
  [[nodiscard]] Result<WindowDecision> decide(const ChainView& view, DecideOptions options = {});
  // Takes over from a node that could not go through its window: a model that diverged is given up and will
  // be healed, what is missing will be waited for. True: advance() is to be called until it returns kInSync.
  // False for any other outcome, which changes nothing here.
  [[nodiscard]] bool take_over(const WindowDecision& outcome);

  [[nodiscard]] Leadership& leadership() { return leadership_; }
  // Called with each decided window before it is applied, for a node that keeps copies for others. A failure
  // is that of advance().
  std::function<Status(const DecidedWindow& decided)> keep = {};

 private:
  // What somebody says of the model at a window's start.
  struct Claim {
    int64_t window = 0;
    Hash256 root;
  };
  // Why the replica can't go through a window.
  struct Obstacle {
    int64_t window = 0;  // a checkpoint of a later window leads past it
    std::string reason;
    // Once this can be read, the window can be completed after all.
    std::optional<Missing> missing = {};
    // Once this is said no more, by a decision or a term, the way that led here may be right.
    std::optional<Claim> contradiction = {};
    // Once the ledger has these for us, or this decision is taken back, the window can be gone through.
    std::optional<Decision> doubted = {};
    // The newest ledger block when it and a checkpoint were last looked for.
    std::optional<int64_t> looked_at_block = {};
    // The newest checkpoint, if it could not be used although its window was decided: that does not change.
    std::optional<int64_t> unusable_checkpoint = {};
  };
  // The newest ledger block and checkpoint; -1: there is none.
  struct NewestSeen {
    int64_t block = -1;
    int64_t checkpoint = -1;
    bool operator==(const NewestSeen&) const = default;
  };
  // Calls in a row that have failed at one window with a store that was away.
  struct Unanswered {
    int64_t window = -1;
    int calls = 0;
  };

  [[nodiscard]] Result<CatchUpState> replay_next(const ChainView& view, std::optional<int64_t> until_window);
  [[nodiscard]] Status apply(FetchedWindow fetched);
  [[nodiscard]] CatchUpState finish();
  [[nodiscard]] Result<bool> begin(const ChainView& view);
  [[nodiscard]] Result<std::optional<Decision>> decision_of(const ChainView& view, int64_t window) const;
  [[nodiscard]] Result<bool> begin_from_first_model(const ChainView& view);
  [[nodiscard]] Result<bool> begin_from_checkpoint(const ChainView& view, int64_t after = -1);
  [[nodiscard]] Result<bool> pass_obstacle(const ChainView& view);
  [[nodiscard]] Result<bool> is_said(const ChainView& view, const Claim& claim) const;
  [[nodiscard]] Result<bool> has_settled(const ChainView& view, const Decision& doubted) const;
  [[nodiscard]] Result<bool> begin_after_obstacle(const ChainView& view);
  void compare_with_diverged();
  void heal_from(const Diverged& diverged);
  void give_up_contradicted_model(const Diverged& diverged);
  void stop_at(Obstacle obstacle);
  void count_unanswered(const Error& error);
  [[nodiscard]] Status watch_over_decisions(const ChainView& view);
  [[nodiscard]] bool waits_for_stores() const;

  const NodeEnvironment& environment_;
  Replica& replica_;
  const PrefetchLimits limits_;
  Leadership leadership_;
  CatchUpReport report_;
  bool finished_ = true;  // the report is of a catch-up that has come to its end
  std::unique_ptr<WindowPrefetcher> prefetcher_;
  bool applied_since_prefetching_ = false;
  Unanswered unanswered_;
  std::optional<Divergence> diverged_;  // what is being healed
  std::optional<Obstacle> obstacle_;
  std::optional<NewestSeen> searched_in_vain_;     // when no usable checkpoint was found
  std::optional<int64_t> logged_obstacle_window_;  // the obstacle in this window is on the log already
};

}  // namespace templar
