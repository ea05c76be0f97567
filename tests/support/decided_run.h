// A run of the fault simulator whose terms and decisions a test writes by hand (needs the room sim).
#pragma once

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/consensus/state_root.h"
#include "core/protocol/object_keys.h"
#include "sim/faults/event_queue.h"
#include "sim/faults/node_store.h"
#include "sim/faults/run_truth.h"

namespace templar::testing {

// Of a seed without faults: a ledger with one block on which all nodes are registered, an empty store.
struct DecidedRun {
  explicit DecidedRun(uint64_t seed) : plan(plan_faults(seed, {.without_faults = true})) {
    ParameterBuffers model(layout);
    initialise_parameters(layout, plan.spec.model, plan.spec.seed, model.spans());
    ThreadTeam team(1);
    first_root = compute_state_root(layout, std::as_const(model).spans(), team);
    EXPECT_TRUE(ledger.make_block(0));
  }

  void begin_term(size_t leader, const Term& term) {
    const auto begun = ledger.writer(nodes[leader]).begin_term(term);
    ASSERT_TRUE(begun && *begun);
  }
  // By the first validator.
  void begin() { begin_term(0, {.state_root = first_root}); }

  [[nodiscard]] AggregateRecord null_round(int64_t window) const {
    return {.run_id = run_id(plan.spec), .window = window, .state_root = first_root};
  }
  // Blocks up to the end of that window's put window.
  void close_window(int64_t window) {
    const NetworkSpec& network = plan.spec.network;
    const int64_t last =
        (window + 1) * network.blocks_per_window + network.put_window_seconds / network.block_seconds + 1;
    for (; blocks <= last; ++blocks) ASSERT_TRUE(ledger.make_block(blocks * network.block_seconds * 1000));
  }
  // Decides the record's window, which is closed.
  void decide(size_t leader, const AggregateRecord& record, int64_t term = 0) {
    close_window(record.window);
    const auto decided = ledger.writer(nodes[leader]).decide({.term = term, .record = record});
    ASSERT_TRUE(decided && *decided);
  }

  const FaultPlan plan;
  const std::vector<NodeIdentity> nodes = identities_of(plan);
  const ParameterLayout layout = parameter_layout(plan.spec.model);
  EventQueue events;
  OffsetClock stamps{events};
  SimulatedLedger ledger{plan, nodes};
  MemoryObjectStore store{stamps};
  std::set<std::string> damaged;
  RunTruth truth{plan, nodes, ledger, store, damaged};
  Hash256 first_root;
  int64_t blocks = 1;  // that were made
};

}  // namespace templar::testing
