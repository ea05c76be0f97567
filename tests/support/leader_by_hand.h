// A leader without a validator around it: goes through windows and publishes what a leader does, records and
// checkpoints. In a header alone, as node_world.h is.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"
#include "formats/checkpoint/checkpoint.h"
#include "node/catch_up/catch_up.h"
#include "support/node_world.h"

namespace templar::testing {

// Validator 0 of that world, from the initial model at the start of window 0 on.
class LeaderByHand {
 public:
  explicit LeaderByHand(NodeWorld& world)
      : world_(world), engine_(make_node_engine(world.spec())), replica_(world.environment, *engine_, 1) {
    replica_.begin_initial(0);
  }

  // All miners publish in time, the record accepts these of them, and the window's end is reached.
  void lead_window(const std::vector<uint32_t>& accepted) {
    const int64_t window = replica_.window();
    world_.communications.enter_window(window);
    for (const uint32_t uid : world_.communications.miner_uids()) {
      if (!has_published(uid)) world_.communications.publish_contribution(uid, window, parameters());
    }
    world_.communications.close_window(window);
    roots_.push_back(replica_.state_root());
    const AggregateRecord record =
        world_.record_of(window, replica_.outer_step(), replica_.state_root(), accepted);
    world_.publish_record(record);
    const auto named = fetch_named(world_.environment, record, world_.roster(), {});
    CHECK(named.has_value() && named->missing.empty());
    replica_.close_window(as_list(named->found));
  }
  void lead_windows(int64_t count) {
    for (int64_t i = 0; i < count; ++i) lead_window(world_.communications.miner_uids());
  }
  void publish_checkpoint() {
    const CheckpointInfo info{.window = replica_.window(),
                              .outer_step = replica_.outer_step(),
                              .state_root = replica_.state_root()};
    world_.publish_checkpoint(info, parameters());
  }
  // After it nobody can load one.
  void remove_checkpoints() {
    const auto objects = world_.store().list(world_.bucket(0), kCheckpointsPrefix);
    CHECK(objects.has_value());
    for (const ObjectInfo& object : *objects)
      CHECK(world_.store().remove(world_.bucket(0), object.key).has_value());
  }

  [[nodiscard]] const Replica& replica() const { return replica_; }
  [[nodiscard]] ConstParameterSpans parameters() const { return std::as_const(*engine_).parameters(); }
  // At the start of a window that it has led.
  [[nodiscard]] const Hash256& root_at(int64_t window) const {
    return roots_.at(static_cast<size_t>(window));
  }

 private:
  [[nodiscard]] bool has_published(uint32_t uid) const {
    const auto head = world_.store().head(world_.bucket(uid), contribution_key(replica_.window()));
    CHECK(head.has_value());
    return head->has_value();
  }

  NodeWorld& world_;
  std::unique_ptr<Engine> engine_;
  Replica replica_;
  std::vector<Hash256> roots_;
};

// Until nothing is left to apply, or it can't go on.
[[nodiscard]] inline Result<CatchUpState> advance_to_the_end(
    CatchUp& catch_up, std::optional<int64_t> until_window = std::nullopt) {
  for (;;) {
    TRY_ASSIGN(const CatchUpState state, catch_up.advance(until_window));
    if (state != CatchUpState::kWorking) return state;
  }
}

}  // namespace templar::testing
