// A miner: trains on the samples that the window assigns to it, publishes what it learnt, and applies what
// was decided, the same outer step as everybody. docs/architecture.md, "The walk of a window".
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <variant>

#include "base/keys/keys.h"
#include "core/protocol/sealed_upload.h"
#include "node/catch_up/catch_up.h"
#include "node/miner/own_state.h"

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
  // The miner's key must be registered on the ledger as a miner's. Its own bucket is written through store.
  // All references must outlive it.
  Miner(const NodeEnvironment& environment, ObjectStore& store, Engine& engine, const KeyPair& key,
        const MinerOptions& options);

  // Does the next thing there is to do: come into the run or catch up, train, publish, or apply what was
  // decided. Fails (retry) where the store or the ledger was away: the call may be repeated, and what it has
  // trained already is only published then. Fails (fatal) if a person has to act.
  [[nodiscard]] Result<Progress> advance();

  // Saves the miner's own state where it stands, before a clean end; saves nothing while the miner has not
  // come into the run.
  [[nodiscard]] Status save();

  [[nodiscard]] const Replica& replica() const { return replica_; }

 private:
  // What the training of a window was like.
  struct Trained {
    InnerReport inner;
    double seconds = 0;
    int64_t contribution_bytes = 0;
  };
  // Its model is not the run's yet, or no more.
  struct Joining {
    CatchUpReport report;  // of what has been caught up since, and is not settled yet
  };
  // Its model is a window's start, in which it has not trained.
  struct Untrained {};
  // It has trained in the window, and the store has not taken the contribution yet.
  struct Sealed {
    Unpublished contribution;
    std::optional<Trained> trained;  // nullopt: before a restart
  };
  // There is nothing more to do in the window before it is decided, but to publish the upload's key.
  struct Contributed {
    std::optional<Trained> trained = {};  // nullopt: before a restart, or the window was given up
    bool awaits_key = false;              // its upload is sealed, and the key not published
  };

  [[nodiscard]] Result<Progress> come_into_run(Joining& joining);
  [[nodiscard]] Result<Progress> train();
  // Trains and seals what comes of it; nullopt if the window can't be trained in. A failure changes nothing.
  [[nodiscard]] Result<std::optional<Sealed>> make_contribution(const WindowPlan& plan);
  [[nodiscard]] Result<Progress> publish(Sealed& sealed);
  [[nodiscard]] Contributed contributed(std::optional<Trained> trained = std::nullopt) const;
  [[nodiscard]] Result<UploadHeader> own_upload_header(ByteView upload);
  [[nodiscard]] Result<Progress> publish_key(Contributed& contributed);
  [[nodiscard]] Result<Progress> apply(const DecidedWindow& decided);
  void report(const DecidedWindow& decided, const std::optional<Trained>& trained);
  [[nodiscard]] Result<bool> fell_behind(const ChainView& view) const;
  Result<Progress> leave_run();
  // The first window, from the replica's on, that has neither been trained into the feedback nor given up.
  [[nodiscard]] int64_t first_untrained_window() const;
  [[nodiscard]] const Unpublished* unpublished() const;
  void save_where_it_stands();
  [[nodiscard]] Status drop_contribution(int64_t window);
  void drop_contributions_before(int64_t window);
  void drop_expired_contributions(int64_t retention_before);
  void dump_what_is_compressed();
  [[nodiscard]] const Registration& self() { return catch_up_.leadership().self(); }

  const NodeEnvironment& environment_;
  ObjectStore& store_;
  const KeyPair key_;
  const MinerOptions options_;
  WindowTimeline timeline_;
  Replica replica_;
  CatchUp catch_up_;
  OwnState own_;
  std::variant<Joining, Untrained, Sealed, Contributed> stage_;
};

}  // namespace templar
