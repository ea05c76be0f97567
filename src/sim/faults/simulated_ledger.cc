#include "sim/faults/simulated_ledger.h"

#include <utility>

#include "base/check.h"

namespace templar {
namespace {

NodeCall board_call(std::string_view verb, std::string_view key) {
  return {verb, kLedgerPlace, key};
}

}  // namespace

std::vector<NodeIdentity> identities_of(const FaultPlan& plan) {
  std::vector<NodeIdentity> nodes;
  for (size_t i = 0; i < plan.nodes(); ++i) {
    const NodeRole role = plan.is_validator(i) ? NodeRole::kValidator
                          : plan.is_miner(i)   ? NodeRole::kMiner
                                               : NodeRole::kEvaluator;
    nodes.push_back({.index = i,
                     .uid = static_cast<uint32_t>(i),
                     .role = role,
                     .key = simulated_key(plan.seed, i),
                     .bucket = fmt::format("node-{}", i),
                     .name = fmt::format("{} {}", name_of(role), i)});
  }
  return nodes;
}

Result<std::optional<Notice>> NodeBoard::read(std::string_view key) const {
  return calls_.make<Result<std::optional<Notice>>>(board_call("read", key),
                                                    [&] { return board_.read(key); });
}

Result<std::vector<Notice>> NodeBoard::list(std::string_view prefix) const {
  return calls_.make<Result<std::vector<Notice>>>(board_call("list", prefix),
                                                  [&] { return board_.list(prefix); });
}

Result<std::optional<Notice>> NodeBoard::last(std::string_view prefix) const {
  return calls_.make<Result<std::optional<Notice>>>(board_call("last", prefix),
                                                    [&] { return board_.last(prefix); });
}

Result<int64_t> NodeBoard::revision() const {
  return calls_.make<Result<int64_t>>(board_call("revision", ""), [&] { return board_.revision(); });
}

bool NodeBoard::wait_for_change(int64_t since, std::chrono::milliseconds) const {
  return board_.wait_for_change(since, std::chrono::milliseconds(0));
}

// Done twice, the second one finds its conditions broken by the first: it is the first that is answered.
Result<bool> NodeBoard::write(std::string_view key, ByteView content,
                              std::span<const NoticeCondition> conditions) {
  NodeCall call = board_call("write", key);
  call.writes = true;
  bool written = false;
  return calls_.make<Result<bool>>(call, [&]() -> Result<bool> {
    TRY_ASSIGN(const bool now, board_.write(key, content, conditions));
    written = written || now;
    return written;
  });
}

NodeLedger::NodeLedger(NoticeBoard& whole, NodeCalls& calls, const RunSpec& spec, const KeyPair& key)
    : board(whole, calls),
      ledger(board, run_id(spec), parse_public_key(spec.network.owner).value()),
      writer(board, ledger, key) {}

SimulatedLedger::SimulatedLedger(const FaultPlan& plan, const std::vector<NodeIdentity>& nodes)
    : owner_(simulated_owner(plan.seed)),
      run_id_(run_id(plan.spec)),
      ledger_(board_, run_id_, owner_.public_key()),
      timekeeper_(std::make_unique<Timekeeper>(board_, ledger_, owner_)) {
  for (const NodeIdentity& node : nodes) {
    if (node.role == NodeRole::kEvaluator) continue;
    const auto uid =
        writer(node).register_node({.role = node.role, .key = {}, .bucket = node.bucket, .store = ""});
    CHECK(uid.has_value() && *uid == node.uid);
    if (node.role != NodeRole::kValidator) continue;
    const Status counts =
        owner().set_standing(node.key.public_key(), {.stake = plan.stakes[node.index], .is_founder = true});
    CHECK(counts.has_value());
  }
}

Status SimulatedLedger::take_over_time(const NodeIdentity& validator, TimestampMs time_ms) {
  if (std::exchange(maker_, validator.key.public_key()) == validator.key.public_key()) {
    TRY(timekeeper_->make_block(time_ms));
    return {};
  }
  auto next = std::make_unique<Timekeeper>(board_, ledger_, validator.key);
  TRY_ASSIGN(const bool taken, next->take_over());
  if (!taken) return fatal_error("nobody else takes over the time, and yet somebody did");
  std::swap(timekeeper_, next);
  TRY(timekeeper_->make_block(time_ms));
  const auto late = next->make_block(time_ms);
  if (!late && late.error().kind == ErrorKind::kSkip) return {};
  return fatal_error("who made the blocks before another took over still makes them");
}

}  // namespace templar
