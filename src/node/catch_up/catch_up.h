// Coming (back) into the run. A node begins with the newest checkpoint, or goes on from its own model if that
// is right but some windows old, and applies the leader's records up to now. A model that turns out to be
// wrong is healed in the same way: a right one takes its place, and the first block that was wrong is named.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "node/catch_up/divergence.h"
#include "node/catch_up/window_prefetcher.h"
#include "node/window/decide_window.h"

namespace templar {

enum class CatchUpState {
  kNoCheckpoint,  // there is no usable checkpoint to begin from yet
  kWorking,       // one step was made: more may follow at once
  kBlocked,       // a window can't be completed: the next checkpoint is waited for, or what is missing in it
  kInSync,        // nothing is left to apply
};

struct CatchUpReport {
  std::optional<int64_t> checkpoint_window;  // nullopt: it went on from the model that the node had
  int64_t replayed_windows = 0;              // by their records
  int64_t gathered_windows = 0;              // by own gather: their records were missing or unusable
  std::optional<int64_t> last_null_window;   // the last of all these that was a null round

  [[nodiscard]] bool moved() const { return checkpoint_window || replayed_windows + gathered_windows > 0; }
};

class CatchUp {
 public:
  // All references must outlive it. key: the node's own, which tells it whether it is the leader.
  CatchUp(const NodeEnvironment& environment, Replica& replica, NodeRole role, const PublicKey& key,
          const PrefetchLimits& limits = {})
      : environment_(environment), replica_(replica), key_(key), limits_(limits), node_{name_of(role), 0} {}

  // Makes the next step: loads a checkpoint if the replica has no model, or else applies one window. Windows
  // from until_window on, if it is given, are not applied; a model that is being healed goes up to the window
  // in which it differed in any case. Each record must name the replica's root before it is applied. A window
  // that has no usable record although a later one has is gathered by the rule of all nodes; the next record
  // shows whether that was right. Records that are published meanwhile are applied too.
  //
  // A window can't be completed if contributions of it are gone from all buckets, if an own gather led to
  // another root than the next record names, or if records contradict the checkpoint. Then this is logged
  // once, and the node waits for a checkpoint after the window, or for the missing contributions to turn up;
  // both are looked for once a ledger block. The leader has nobody to wait for and fails instead: (retry) for
  // missing contributions, (fatal) for a contradiction.
  //
  // Fails (retry) where the store or the ledger was away: the replica stands at a window's start, and the
  // next call goes on there. Fails (fatal) where a shard is missing or corrupt that a window has to be
  // gathered with, or the folder for checkpoints can't be written.
  [[nodiscard]] Result<CatchUpState> advance(std::optional<int64_t> until_window = std::nullopt);

  // What the catch-up that is going on has done so far or, if none is, the last one did.
  [[nodiscard]] const CatchUpReport& report() const { return report_; }

  // Takes over from a node that could not decide its window: a model that diverged is given up and will be
  // healed, contributions that are missing will be waited for. True: advance() is to be called until it
  // returns kInSync. False for any other decision, which changes nothing here.
  [[nodiscard]] bool take_over(const WindowDecision& decision);

 private:
  // Why the replica can't go through a window.
  struct Obstacle {
    int64_t window = 0;  // a checkpoint of a later window leads past it
    std::string reason;
    // The window's record, reduced to the contributions that are missing: once all of these can be read, the
    // window can be completed after all. nullopt: only a checkpoint helps.
    std::optional<AggregateRecord> missing;
    // The newest ledger block when contributions and checkpoint were last looked for.
    std::optional<int64_t> looked_at_block;
    // The leader's newest checkpoint when one was last loaded: to load it again would lead to the same
    // obstacle.
    std::optional<int64_t> tried_checkpoint;
  };
  // The newest ledger block and the leader's newest checkpoint; -1: there is none.
  struct NewestSeen {
    int64_t block = -1;
    int64_t checkpoint = -1;
    bool operator==(const NewestSeen&) const = default;
  };

  [[nodiscard]] Result<CatchUpState> replay_next(const Registration& leader,
                                                 std::optional<int64_t> until_window);
  [[nodiscard]] Result<CatchUpState> apply(FetchedWindow fetched, const Registration& leader);
  [[nodiscard]] Result<CatchUpState> gather_window(const FetchedWindow& fetched, const Registration& leader);
  [[nodiscard]] Result<CatchUpState> finish();
  [[nodiscard]] Result<bool> begin(const Registration& leader);
  [[nodiscard]] Result<bool> begin_from_checkpoint();
  [[nodiscard]] Result<bool> pass_obstacle(const Registration& leader);
  [[nodiscard]] Result<bool> begin_after_obstacle(const Registration& leader);
  void compare_with_diverged();
  void heal_from(const AggregateRecord& record);
  void give_up_contradicted_model(const AggregateRecord& record);
  void wait_for(const AggregateRecord& record, const std::vector<MissingContribution>& missing);
  void stop_at(Obstacle obstacle);
  [[nodiscard]] Status close_window(const std::vector<Contribution>& accepted);

  const NodeEnvironment& environment_;
  Replica& replica_;
  const PublicKey key_;
  const PrefetchLimits limits_;
  NodeName node_;
  CatchUpReport report_;
  bool finished_ = true;  // the report is of a catch-up that has come to its end
  std::unique_ptr<WindowPrefetcher> prefetcher_;
  bool applied_since_prefetching_ = false;
  int unanswered_gathers_ = 0;            // of one window, in a row, with a store that was away
  std::optional<int64_t> gathered_from_;  // the first window gathered since a record named our root
  std::optional<Divergence> diverged_;    // what is being healed
  std::optional<Obstacle> obstacle_;
  std::optional<NewestSeen> searched_in_vain_;     // when no usable checkpoint was found
  std::optional<int64_t> logged_obstacle_window_;  // the obstacle in this window is on the log already
};

}  // namespace templar
