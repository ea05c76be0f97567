// A miner: trains on the samples that the window assigns to it, publishes what it learnt, gathers what the
// others learnt, and applies the same outer step as everybody.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <thread>

#include "base/keys.h"
#include "node/catch_up/catch_up.h"
#include "node/miner/training.h"
#include "node/window/environment.h"
#include "node/window/gather.h"
#include "node/window/replica.h"
#include "node/window/window_clock.h"
#include "node/window/window_timeline.h"

namespace templar {

struct MinerOptions {
  int threads = 1;                      // for codec, outer step and hashing; the engine has its own
  std::optional<int64_t> until_window;  // finished once the model is the start of this window
  std::filesystem::path state_file;     // the miner's own part of its state; empty: kept in memory only
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
  // apply. Fails (retry) where the store or the ledger was away: nothing was changed and the call may be
  // repeated. Fails (fatal) where a person has to act.
  [[nodiscard]] Result<Progress> advance();

  // Saves the miner's own state where it stands, before a clean end; nothing while it has not come into the
  // run.
  [[nodiscard]] Status save();

  [[nodiscard]] const Replica& replica() const { return replica_; }

 private:
  [[nodiscard]] Result<Progress> start();
  [[nodiscard]] Result<Progress> train_window();
  [[nodiscard]] Result<Progress> close_window();
  // Trains and seals what comes of it; nothing where the window can't be trained in. A failure changes
  // nothing.
  [[nodiscard]] Result<std::optional<Bytes>> make_contribution(const WindowPlan& plan);
  // What the window's outer step takes: our own gather, or what the record names where there is one (else
  // nullptr). Nothing where that is not to be had: catching up goes on.
  [[nodiscard]] Result<std::optional<Gathered>> gather_window(const PeerSelection& peers,
                                                              std::span<const Registration> roster,
                                                              const AggregateRecord* record);
  void apply(const Gathered& gathered);
  // The peers of a window of which the leader has no record.
  [[nodiscard]] Result<PeerSelection> peers_without_record(const Registration& leader) const;
  // Whatever stands between the model and the run, catching up settles it.
  void start_again();
  void dump_what_is_compressed();
  void housekeeping();
  void drop_old_contributions();
  [[nodiscard]] Status save_state();
  // Writes it on a thread of its own: what it consists of does not change between a contribution and the next
  // window's training. Whoever changes it nevertheless calls finish_saving() before.
  void begin_saving();
  void finish_saving();
  // The first window that what we hold back knows nothing of.
  [[nodiscard]] int64_t untrained_window() const {
    return std::max(replica_.window(), contributed_window_ + 1);
  }
  void load_state();
  void settle_own_state(const CatchUpReport& report);
  // Puts what was made for the window into the bucket.
  [[nodiscard]] Status publish(int64_t window);
  void report(int64_t window, const Gathered& gathered, bool confirmed);

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
  bool started_ = false;
  bool state_loaded_ = false;  // from the file, where there is one
  // untrained_window() when the catch-up began; nothing: what we hold back does not count.
  std::optional<int64_t> untrained_;
  int64_t no_record_of_ = -1;        // catching up from this window has found no record of it
  int64_t contributed_window_ = -1;  // the newest window that we have published in, or tried to
  struct {
    int64_t window = -1;
    InnerReport inner;
    double seconds = 0;
    int64_t contribution_bytes = 0;
  } trained_;
  Bytes unpublished_;   // trained_.window's contribution, as long as the store has not taken it
  Status saved_;        // of the last background saving, written by its thread
  std::jthread saver_;  // last: joined before what it reads goes away
};

}  // namespace templar
