// When a validator publishes checkpoints: which windows' starts are due, and whether the run waits for one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "node/validator/checkpoint_publisher.h"
#include "node/validator/start_copy.h"
#include "node/window/replica.h"
#include "node/window/window_timeline.h"
#include "ports/ledger.h"

namespace templar {

struct CheckpointScheduleOptions {
  std::optional<int64_t> until_window;  // the node ends at this window's start: its checkpoint is waited for
  // false: a window waits for its checkpoint, so that the run does not depend on the disk's speed.
  bool in_background = true;
  PublisherOptions publisher;
};

// A checkpoint of a window holds the model at the window's start. It is due at every multiple of
// network.checkpoint_interval (in force in that window), at until_window, and whenever the one before could
// not be published. One at a time is published. Another that is due meanwhile waits, and is then made of the
// window that the replica has come to. Not thread-safe.
class CheckpointSchedule {
 public:
  // All references must outlive it. The time that publishing took is the timeline's phase "checkpoint".
  CheckpointSchedule(const RunSpec& spec, ObjectStore& store, const KeyPair& key, Replica& replica,
                     StartCopy& start_copy, WindowTimeline& timeline,
                     const CheckpointScheduleOptions& options);

  // The replica has come to the start of a window.
  void enter_window();
  // The replica has a new run's first model: its checkpoint is due, and nothing goes on before it is there.
  void enter_new_run();
  // The replica's model came from the checkpoint of that window.
  void came_from(int64_t window) { newest_window_ = window; }

  // Takes the outcome of what was published in the background, then does what is due: begins to publish into
  // the validator's bucket, or publishes and waits for it; true if it has waited. Fails (retry) if the store
  // was away while it waited: the checkpoint is then still due. Fails (fatal) if a person has to act. A
  // failure in the background that may pass is logged, and the next window's model is published instead.
  // self: the validator.
  [[nodiscard]] Result<bool> advance(const Registration& self);

  // Waits for a checkpoint that is being published, before a clean end. Fails (fatal) as advance() does.
  [[nodiscard]] Status finish(const Registration& self);

  // Whether the replica's window is due and not begun.
  [[nodiscard]] bool due() const { return due_ != Due::kNothing; }
  // The newest checkpoint known to be usable: published here, or the one that the model came from.
  [[nodiscard]] std::optional<int64_t> newest_window() const { return newest_window_; }

 private:
  enum class Due {
    kNothing,
    kInBackground,
    kBeforeTheNextWindow,  // there is no checkpoint to come into the run from, or the node is about to end
  };

  [[nodiscard]] Status begin(const std::string& bucket);
  [[nodiscard]] Status publish_and_wait(const Registration& self);
  [[nodiscard]] Status take_outcome(const Status& outcome, uint32_t uid);

  Replica& replica_;
  StartCopy& start_copy_;
  WindowTimeline& timeline_;
  const std::optional<int64_t> until_window_;
  const bool in_background_;
  Due due_ = Due::kNothing;
  bool failed_before_ = false;  // the last one could not be published
  std::optional<int64_t> newest_window_;
  CheckpointPublisher publisher_;
};

}  // namespace templar
