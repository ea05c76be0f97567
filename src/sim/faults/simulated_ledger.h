// The ledger of a simulated network: the whole of it, and as one node sees it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ports/signed_ledger.h"
#include "sim/faults/fault_plan.h"
#include "sim/faults/node_calls.h"

namespace templar {

// Who a node is.
struct NodeIdentity {
  size_t index = 0;  // among the network's nodes
  uint32_t uid = 0;  // an evaluator's means nothing
  NodeRole role = NodeRole::kMiner;
  KeyPair key;
  std::string bucket;
  std::string name;  // "miner 3"
};
// Of all nodes of the plan, in its order; uids count from 0.
[[nodiscard]] std::vector<NodeIdentity> identities_of(const FaultPlan& plan);

// The board behind the calls of one node. Board and calls must outlive it.
class NodeBoard final : public NoticeBoard {
 public:
  NodeBoard(NoticeBoard& board, NodeCalls& calls) : board_(board), calls_(calls) {}

  [[nodiscard]] Result<std::optional<Notice>> read(std::string_view key) const override;
  [[nodiscard]] Result<std::vector<Notice>> list(std::string_view prefix) const override;
  [[nodiscard]] Result<std::optional<Notice>> last(std::string_view prefix) const override;
  [[nodiscard]] Result<int64_t> revision() const override;
  // Nobody waits for the board in a time of the network's own.
  [[nodiscard]] bool wait_for_change(int64_t since, std::chrono::milliseconds at_most) const override;
  [[nodiscard]] Result<bool> write(std::string_view key, ByteView content,
                                   std::span<const NoticeCondition> conditions) override;

 private:
  NoticeBoard& board_;
  NodeCalls& calls_;
};

// What a node knows of the ledger in one life, and what it says there.
struct NodeLedger {
  NodeLedger(NoticeBoard& whole, NodeCalls& calls, const RunSpec& spec, const KeyPair& key);
  NodeBoard board;
  SignedLedger ledger;
  LedgerWriter writer;
};

// Not thread-safe.
class SimulatedLedger {
 public:
  // All nodes are registered, validators have their stake and may all begin the run; no block is made yet.
  SimulatedLedger(const FaultPlan& plan, const std::vector<NodeIdentity>& nodes);
  SimulatedLedger(const SimulatedLedger&) = delete;
  SimulatedLedger& operator=(const SimulatedLedger&) = delete;

  // By the owner, or by who has taken over last.
  [[nodiscard]] Result<Block> make_block(TimestampMs time_ms) { return timekeeper_->make_block(time_ms); }
  // From now on that validator makes the blocks; fails (fatal) where who made them before still can.
  [[nodiscard]] Status take_over_time(const NodeIdentity& validator, TimestampMs time_ms);
  // Without faults.
  [[nodiscard]] MemoryNoticeBoard& board() { return board_; }
  [[nodiscard]] const SignedLedger& reader() const { return ledger_; }
  // Of one that has read nothing yet. The ledger must outlive it.
  [[nodiscard]] SignedLedger newcomer() const { return {board_, run_id_, owner_.public_key()}; }
  [[nodiscard]] OwnerWriter owner() { return {board_, ledger_, owner_}; }
  [[nodiscard]] LedgerWriter writer(const NodeIdentity& node) { return {board_, ledger_, node.key}; }

 private:
  const KeyPair owner_;
  const Hash256 run_id_;
  MemoryNoticeBoard board_;
  SignedLedger ledger_;
  std::unique_ptr<Timekeeper> timekeeper_;
  PublicKey maker_;  // of the blocks, once a validator has taken over
};

}  // namespace templar
