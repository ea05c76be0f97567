// The fourth level of the test world: a leader without a validator around it, which goes through windows and
// publishes what a leader does. In a header alone, as test_world.h is.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "node/catch_up/catch_up.h"
#include "support/engine_values.h"
#include "support/test_world.h"

namespace templar::testing {

// The leader of that world, from the initial model at the start of window 0 on.
class TestLeader {
 public:
  explicit TestLeader(TestWorld& world)
      : world_(world), engine_(make_node_engine(world.spec())), replica_(world.environment, *engine_, 1) {
    CHECK(replica_.begin_initial(0).has_value());
  }

  // All miners publish in time unless they have already, the record accepts these of them, and the window's
  // end is reached.
  void lead_window(const std::vector<uint32_t>& accepted) {
    const int64_t window = replica_.window();
    TestPorts& ports = world_.ports;
    ports.enter_window(window);
    for (const uint32_t uid : ports.miner_uids()) {
      if (!ports.has(uid, contribution_key(window))) ports.publish_contribution(uid, window, parameters());
    }
    ports.close_window(window);
    roots_.push_back(replica_.state_root());
    AggregateRecord record = world_.record_of(replica_, accepted);
    record.amendments = replica_.in_force().amendments;
    ports.publish_record(record);
    world_.follow(record, replica_);
  }
  void lead_windows(int64_t count) {
    for (int64_t i = 0; i < count; ++i) lead_window(world_.ports.miner_uids());
  }
  void publish_checkpoint() {
    world_.publish_checkpoint(replica_.window(), replica_.outer_step(), parameters());
  }
  // Afterwards no node can load a checkpoint.
  void remove_checkpoints() { world_.ports.remove_all(kLeader, kCheckpointsPrefix); }

  [[nodiscard]] const Replica& replica() const { return replica_; }
  [[nodiscard]] ConstParameterSpans parameters() const { return parameters_of(*engine_); }
  // At the start of a window that it has led.
  [[nodiscard]] const Hash256& root_at(int64_t window) const {
    return roots_.at(static_cast<size_t>(window));
  }

 private:
  TestWorld& world_;
  std::unique_ptr<Engine> engine_;
  Replica replica_;
  std::vector<Hash256> roots_;
};

// Until nothing is left to apply, or it can't go on. Fails as CatchUp::advance() does.
[[nodiscard]] inline Result<CatchUpState> advance_to_the_end(
    CatchUp& catch_up, std::optional<int64_t> until_window = std::nullopt) {
  for (;;) {
    TRY_ASSIGN(const CatchUpState state, catch_up.advance(until_window));
    if (state != CatchUpState::kWorking) return state;
  }
}

}  // namespace templar::testing
