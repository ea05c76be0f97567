// What is a miner's alone, and what it must not lose: its trainer with the feedback, the optimiser's moments,
// and which window they have come to. In memory, and in a file from which a restart goes on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/files/file_writer.h"
#include "node/catch_up/catch_up.h"
#include "node/miner/training.h"
#include "node/window/replica.h"
#include "node/window/window_timeline.h"
#include "ports/object_store.h"

namespace templar {

// A contribution that was made for a window, as long as the store has not taken it: the bytes to be stored.
struct Unpublished {
  int64_t window = 0;
  Bytes bytes;
};

class OwnState {
 public:
  // References must outlive it. file: where the state stays, "FILE.latest" beside it; empty: in memory only.
  OwnState(const NodeEnvironment& environment, Replica& replica, WindowTimeline& timeline,
           std::filesystem::path file)
      : environment_(environment),
        replica_(replica),
        timeline_(timeline),
        file_(std::move(file)),
        trainer_(environment) {}

  [[nodiscard]] Trainer& trainer() { return trainer_; }

  // The miner leaves the run: everything before that window has been trained into the feedback or given up.
  void leave_run(int64_t ended_before) { ended_before_ = ended_before; }

  // What is left to do in the window that a catch-up has led to.
  struct Standing {
    bool has_contributed = false;            // the window is in the feedback already
    std::optional<Unpublished> unpublished;  // and this is what the store does not have yet
  };
  // After a catch-up: reads the file if that has not been done, and forgets the feedback unless it fits the
  // model that the replica has come to. The moments stay, whatever has happened. Fails as store.head() does;
  // nothing is lost then.
  [[nodiscard]] Result<Standing> settle(const CatchUpReport& report, const Registration& self,
                                        const ObjectStore& store);

  // Writes the file: every window before ended_before is in the feedback or given up. unpublished may be
  // null. Does nothing without a file. Fails (fatal) where it can't be written.
  [[nodiscard]] Status save(int64_t ended_before, const Unpublished* unpublished, Durability durability);
  // The same in the course of a window: a file that can't be written is logged, and the run goes on without.
  void save_where_it_stands(int64_t ended_before, const Unpublished* unpublished, uint32_t uid);

 private:
  [[nodiscard]] Status load(uint32_t uid);
  [[nodiscard]] std::filesystem::path latest_file() const;

  const NodeEnvironment& environment_;
  Replica& replica_;
  WindowTimeline& timeline_;
  const std::filesystem::path file_;
  Trainer trainer_;
  // The first window after those in the feedback, when the miner left the run, in this process or in the one
  // that wrote the file. nullopt: the feedback belongs to another model and does not count.
  std::optional<int64_t> ended_before_;
  std::optional<Unpublished> loaded_;  // as the file had it
  enum class Stage { kNotLoaded, kLoaded, kSettled };
  Stage stage_ = Stage::kNotLoaded;
};

}  // namespace templar
