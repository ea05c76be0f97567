// A miner: trains on the samples that the window assigns to it, publishes what it learnt, gathers what the
// others learnt, and applies the same outer step as everybody.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/keys/keys.h"
#include "node/catch_up/catch_up.h"
#include "node/miner/miner_state.h"
#include "node/miner/training.h"
#include "node/window/decide_window.h"
#include "node/window/window_clock.h"

namespace templar {

struct MinerOptions {
  int threads = 1;                      // for codec, outer step and hashing; the engine has its own
  std::optional<int64_t> until_window;  // finished once the model is the start of this window
  std::filesystem::path state_file;     // the miner's own part of its state, "STATE_FILE.latest" beside it;
                                        // empty: kept in memory only
  // For pseudo-gradients as they are before compression; empty: none are written.
  std::filesystem::path dump_folder;
};

class Miner {
 public:
  // The miner's key must be registered on the ledger as a miner's. bucket is its own, written through store.
  // All references must outlive it.
  Miner(const NodeEnvironment& environment, ObjectStore& store, Engine& engine, const KeyPair& key,
        const MinerOptions& options);

  // Does the next thing there is to do: come into the run or catch up, train and publish, or gather and
  // apply. Fails (retry) where the store or the ledger was away: the call may be repeated, and what it has
  // trained already is only published then. Fails (fatal) if a person has to act.
  [[nodiscard]] Result<Progress> advance();

  // Saves the miner's own state where it stands, before a clean end; saves nothing while the miner has not
  // come into the run.
  [[nodiscard]] Status save();

  [[nodiscard]] const Replica& replica() const { return replica_; }

 private:
  [[nodiscard]] Result<Progress> come_into_run();
  [[nodiscard]] Result<Progress> train_window();
  // Trains and seals what comes of it; nullopt if the window can't be trained in. A failure changes nothing.
  [[nodiscard]] Result<std::optional<Bytes>> make_contribution(const WindowPlan& plan);
  // Puts what was made for the window into the bucket.
  [[nodiscard]] Status publish();
  [[nodiscard]] Result<Progress> close_window();
  // The peers of a window of which the leader has no usable record; problem: why it has none.
  [[nodiscard]] Result<PeerSelection> peers_without_record(const Registration& leader,
                                                           const std::string& problem) const;
  [[nodiscard]] Status apply(const std::vector<Contribution>& accepted);
  void report(int64_t window, const DecidedWindow& decided);
  void drop_expired_contribution();
  void drop_contributions_passed_over();
  // Leaves the run: from here on advance() catches up until the model is the run's again.
  void leave_run();

  // The first window, from the replica's on, that has neither been trained into the feedback nor given up.
  [[nodiscard]] int64_t first_untrained_window() const;
  [[nodiscard]] Status load_own_state();
  [[nodiscard]] Status settle_own_state(const CatchUpReport& report);
  [[nodiscard]] Result<bool> is_unpublished_due(bool feedback_fits) const;
  [[nodiscard]] std::filesystem::path latest_state_file() const;
  [[nodiscard]] Status write_own_state(Durability durability);
  // A state that can't be written is logged: the run goes on without.
  void save_where_it_stands();
  void dump_what_is_compressed();

  const NodeEnvironment& environment_;
  ObjectStore& store_;
  const KeyPair key_;
  const MinerOptions options_;
  WindowClock clock_;
  Replica replica_;
  CatchUp catch_up_;
  Trainer trainer_;
  WindowTimeline timeline_;
  Registration self_;
  bool in_run_ = false;
  bool own_state_loaded_ = false;   // from the file, if there is one
  bool own_state_settled_ = false;  // has been compared with the model that a catch-up led to, once
  // The first window after those in the feedback: first_untrained_window() when the miner left the
  // run, in this process or in the one that wrote the file. nullopt: the feedback belongs to another model
  // and does not count.
  std::optional<int64_t> feedback_ended_before_;
  // The window that the last catch-up ended at without having moved: the leader has no usable record of it.
  std::optional<int64_t> unrecorded_window_;
  int64_t contributed_window_ = -1;  // the newest window that a contribution was published in, or given up
  struct {
    int64_t window = -1;  // the window that was trained in last, from the model that the replica still has
    InnerReport inner;
    double seconds = 0;
    int64_t contribution_bytes = 0;
  } trained_;
  struct Unpublished {
    int64_t window = -1;
    Bytes bytes;
  };
  std::optional<Unpublished> unpublished_;  // a contribution as long as the store has not taken it
};

}  // namespace templar
