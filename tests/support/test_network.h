// The highest level of the test world: validators, miners and an evaluator that run together on a virtual
// clock, over a store that can fail. It stands on test_world.h; for tests that may use sim/, in a header
// alone.
#pragma once

#include <deque>
#include <optional>

#include "node/evaluator/evaluator.h"
#include "sim/faulty_store.h"
#include "sim/virtual_network.h"
#include "support/test_world.h"

namespace templar::testing {

struct TestNetworkOptions {
  TestPortsOptions ports;
  int64_t until_window = 0;
  bool evaluates = false;  // there is an evaluator as well
};

// Every node of the ports, each with an engine of its own, not begun yet. As far as the nodes know, `store`
// is the only store.
class TestNetwork {
 public:
  explicit TestNetwork(const TestNetworkOptions& options) : ports(options.ports) {
    const int64_t until_window = options.until_window;
    for (const uint32_t uid : ports.validator_uids()) {
      validators.emplace_back(ports, environment, store, uid, ValidatorOptions{.until_window = until_window});
    }
    for (const uint32_t uid : ports.miner_uids()) {
      miners.emplace_back(ports, environment, store, uid, MinerOptions{.until_window = until_window});
    }
    if (!options.evaluates) return;
    evaluator_engine_ = make_node_engine(ports.spec());
    evaluator_.emplace(environment, *evaluator_engine_, EvaluatorOptions{.until_window = until_window});
  }

  TestPorts ports;
  FaultyStore store{ports.store};
  const NodeEnvironment environment = environment_of(ports, {.store = &store});
  std::deque<ValidatorNode> validators;  // in the order of their uids, the leader first
  std::deque<MinerNode> miners;          // in the order of their uids

  void set_contribution_fault(uint32_t uid, int64_t window, const StoreFault& fault) {
    store.set_fault(test_bucket(uid), contribution_key(window), fault);
  }
  void set_copy_fault(uint32_t uid, int64_t window, const StoreFault& fault) {
    store.set_fault(test_bucket(kLeader), accepted_contribution_key(window, uid), fault);
  }

  // Returns when every node has come to its end. Fails as VirtualNetwork::run() does.
  [[nodiscard]] Status run(VirtualNetworkOptions options = {}) {
    options.block_seconds = ports.spec().network.block_seconds;
    VirtualNetwork network(ports.timekeeper, ports.ledger, std::move(options));
    for (ValidatorNode& node : validators) network.add({"validator", [&node] { return node.advance(); }});
    for (MinerNode& node : miners) network.add({"miner", [&node] { return node.advance(); }});
    if (evaluator_) network.add({"evaluator", [this] { return evaluator_->advance(); }});
    return network.run();
  }

  [[nodiscard]] const ValidatorNode& leader() const { return validators.front(); }

 private:
  std::unique_ptr<Engine> evaluator_engine_;
  std::optional<Evaluator> evaluator_;
};

}  // namespace templar::testing
