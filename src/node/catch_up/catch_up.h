// Coming (back) into the run: from the newest checkpoint, or from the node's own model where that is right
// but some windows old, by the leader's records up to now. A model that turns out to be wrong is healed in
// the same way, and the first block that was wrong is named.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "node/catch_up/divergence.h"
#include "node/catch_up/window_prefetcher.h"
#include "node/window/gather.h"
#include "node/window/records.h"
#include "node/window/replica.h"
#include "node/window/window_clock.h"

namespace templar {

enum class CatchUpState {
  kNoCheckpoint,  // there is nothing to begin from yet
  kWorking,       // one step was made: more may follow at once
  kBlocked,       // a window can't be completed; it waits for the next checkpoint, or for what was missing
  kInSync,        // nothing is left to apply
};

struct CatchUpReport {
  std::optional<int64_t> checkpoint_window;  // nothing: it went on from the model that the node had
  int64_t replayed_windows = 0;              // by their records
  int64_t gathered_windows = 0;              // by own gather, their records being missing or unusable
  std::optional<int64_t> last_null_window;   // the last of them that was a null round

  [[nodiscard]] bool moved() const { return checkpoint_window || replayed_windows + gathered_windows > 0; }
};

class CatchUp {
 public:
  // All references must outlive it. key: the node's own, by which it knows whether it leads.
  CatchUp(const NodeEnvironment& environment, Replica& replica, NodeRole role, const PublicKey& key,
          const PrefetchLimits& limits = {})
      : environment_(environment),
        replica_(replica),
        key_(key),
        limits_(limits),
        clock_(environment.ledger, environment.spec.network),
        node_{name_of(role), 0} {}

  // Makes the next step: loads a checkpoint if the replica has no model, or applies one window, up to (not
  // including) until_window if that is given; a model that is being healed goes up to where it differed in
  // any case. Each record must name the replica's root before it is applied. A window without a usable
  // record, while there are later ones, is gathered by the rule of all nodes, and the next record shows
  // whether that was right. Records that are published meanwhile are applied too.
  //
  // Where a window can't be completed (contributions that nobody has any more; an own gather that led
  // elsewhere; records that contradict the checkpoint), says so once, and goes on from the first checkpoint
  // after it, or when what was missing is there; looks for both once a block. The leader has nobody to wait
  // for: there it fails (retry, or fatal for a contradiction).
  //
  // Fails (retry) where the store or the ledger was away: the replica stands at a window's start, and the
  // next call goes on there.
  [[nodiscard]] Result<CatchUpState> advance(std::optional<int64_t> until_window = std::nullopt);

  // Of the catch-up that is going on, or that came to its end last.
  [[nodiscard]] const CatchUpReport& report() const { return report_; }

  // The replica's root is not the one that the record of its window names: its model is given up, and the
  // next advance() heals it.
  void heal_from(const AggregateRecord& record);
  // The replica's window can't be closed, because these are missing: advance() waits for them, or for a later
  // checkpoint.
  void wait_for(const AggregateRecord& record, std::vector<MissingContribution> missing);

 private:
  // Why the replica can't go through a window.
  struct Obstacle {
    int64_t window = 0;  // a checkpoint after it helps
    std::string reason;
    std::optional<AggregateRecord> missing;   // a record that names what is missing alone: that helps as well
    std::optional<int64_t> tried_block;       // when it was last looked for both
    std::optional<int64_t> tried_checkpoint;  // the newest that there was when one was last loaded
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
  void contradicts(const AggregateRecord& record);
  void stop_at(Obstacle obstacle);
  void close_window(const std::vector<Contribution>& accepted);

  const NodeEnvironment& environment_;
  Replica& replica_;
  const PublicKey key_;
  const PrefetchLimits limits_;
  const WindowClock clock_;
  NodeName node_;
  CatchUpReport report_;
  bool finished_ = true;  // the report is of a catch-up that has come to its end
  std::unique_ptr<WindowPrefetcher> prefetcher_;
  bool applied_ = false;                  // a window since the prefetcher was made
  std::optional<int64_t> gathered_from_;  // the first window gathered since a record named our root
  std::optional<Divergence> diverged_;    // what is being healed
  std::optional<Obstacle> obstacle_;
  std::optional<std::pair<int64_t, int64_t>> nothing_usable_at_;  // newest block and checkpoint of then
  std::optional<int64_t> said_obstacle_at_;                       // its window is on the log already
};

}  // namespace templar
