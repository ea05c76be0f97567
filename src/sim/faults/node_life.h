// One life of a simulated node: the node's own code with an engine, from its start until it is killed.
#pragma once

#include <filesystem>
#include <memory>
#include <variant>

#include "node/evaluator/evaluator.h"
#include "node/miner/miner.h"
#include "node/validator/validator.h"
#include "sim/faults/fault_plan.h"
#include "sim/faults/simulated_ledger.h"

namespace templar {

struct NodeLifeOptions {
  const FaultPlan& plan;
  const NodeIdentity& identity;
  ObjectStore& store;
  NoticeBoard& board;  // without faults of its own
  NodeCalls& calls;
  const Clock& clock;  // its machine's
  const ShardSource& shards;
  MetricsSink& metrics;
  std::filesystem::path state_file;
  bool real_engine = false;
};

class NodeLife {
 public:
  // What the options refer to must outlive it.
  explicit NodeLife(const NodeLifeOptions& options);
  NodeLife(const NodeLife&) = delete;
  NodeLife& operator=(const NodeLife&) = delete;

  [[nodiscard]] Result<Progress> advance();
  // nullptr where it is no model of the run now, and of an evaluator.
  [[nodiscard]] const Replica* replica() const;

 private:
  [[nodiscard]] Status register_once();

  const NodeIdentity& identity_;
  bool is_registered_ = false;
  NodeLedger ledger_;
  const NodeEnvironment environment_;
  const std::unique_ptr<Engine> engine_;
  std::variant<std::monostate, Miner, Validator, Evaluator> node_;
};

}  // namespace templar
