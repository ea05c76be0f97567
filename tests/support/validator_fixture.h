// A validator at work upon a metagraph of many miners, of whom none, some or all are active. In a header
// alone, so that only tests of rooms that may use node/ need to link it.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "base/check.h"
#include "core/protocol/object_keys.h"
#include "engine/engine.h"
#include "formats/checkpoint/checkpoint.h"
#include "formats/checkpoint/checkpoint_contents.h"
#include "node/validator/validator.h"
#include "node/validator/validator_state.h"
#include "node/window/environment.h"
#include "support/communications.h"
#include "support/metagraph.h"

namespace templar::testing {

struct ValidatorFixtureOptions {
  uint32_t miners = 250;
  uint32_t with_incentive = 100;
  size_t active = 250;  // of the miners, chosen by lot
  RunSpec spec = small_run_spec();
};

// The validator has uid 0 and leads; the miners have the uids after it. When it is made the run is at window
// kStartWindow: the validator's scoreboard knows the active miners, and its peers are chosen among them by
// incentive.
class ValidatorFixture {
 public:
  static constexpr int64_t kStartWindow = 3;

  explicit ValidatorFixture(const ValidatorFixtureOptions& options = {})
      : communications({.spec = options.spec, .miners = options.miners, .validators = 1}),
        metagraph(make_metagraph(
            {.miners = options.miners, .with_incentive = options.with_incentive, .first_uid = 1})),
        active(choose_active(metagraph, options.active)),
        peers(select_peers(metagraph.candidates(active), options.spec.network)),
        engine_(make_engine(options.spec)),
        environment_(options.spec, communications.store, communications.ledger, *communications.shards,
                     communications.metrics) {
    CHECK(communications.ledger.set_weights(0, metagraph.weights()).has_value());
    communications.enter_window(kStartWindow);
    store_state(options.spec);
    store_checkpoint();
    validator_ = std::make_unique<Validator>(environment_, communications.store, communications.ledger,
                                             *engine_, communications.key(0), ValidatorOptions{});
  }

  Communications communications;
  const Metagraph metagraph;
  const std::vector<uint32_t> active;  // ascending uids
  const PeerSelection peers;           // at the start

  [[nodiscard]] Validator& validator() { return *validator_; }
  [[nodiscard]] Engine& engine() { return *engine_; }
  [[nodiscard]] const NodeEnvironment& environment() const { return environment_; }

  // The validator works until it has to wait for time or others. Fails as its advance() does.
  [[nodiscard]] Status work_until_waiting() {
    for (;;) {
      TRY_ASSIGN(const Progress progress, validator_->advance());
      if (progress != Progress::kWorked) return {};
    }
  }
  // One window from its beginning to the validator's judgement: every active miner publishes a contribution
  // in time.
  [[nodiscard]] Status judge_next_window() {
    TRY(work_until_waiting());
    const int64_t window = validator_->replica().window();
    communications.enter_window(window);
    for (const uint32_t uid : active) {
      communications.publish_contribution(uid, window, std::as_const(*engine_).parameters());
    }
    communications.close_window(window);
    return work_until_waiting();
  }

 private:
  static std::unique_ptr<Engine> make_engine(const RunSpec& spec) {
    auto engine = make_cpu_engine(spec.model, spec.inner, {.threads = 1});
    CHECK(engine.has_value());
    return *std::move(engine);
  }

  void store_state(const RunSpec& spec) {
    const ValidatorState state = {.next_window = kStartWindow,
                                  .scoreboard = make_scoreboard(metagraph, active, kStartWindow - 1, spec),
                                  .peers = peers,
                                  .next_peers = peers,
                                  .next_peers_from = kStartWindow};
    const std::string text = encode_validator_state(state);
    const std::string bucket = communications.registration(0).bucket;
    CHECK(communications.store.put(bucket, kValidatorStateKey, as_bytes(text)).has_value());
  }

  // A run that has begun has a checkpoint: here the initial model, as if all windows so far had been null
  // rounds.
  void store_checkpoint() {
    Replica replica(environment_, *engine_, 1);
    replica.begin_initial(kStartWindow);
    const CheckpointInfo info{kStartWindow, 0, replica.state_root()};
    ThreadTeam team(1);
    CHECK(publish_checkpoint(communications.store, communications.registration(0).bucket,
                             {.spec = environment_.spec,
                              .info = info,
                              .parameters = std::as_const(*engine_).parameters(),
                              .tokenizer = {}},
                             communications.key(0), team)
              .has_value());
  }

  std::unique_ptr<Engine> engine_;
  NodeEnvironment environment_;
  std::unique_ptr<Validator> validator_;
};

}  // namespace templar::testing
