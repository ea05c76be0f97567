// What a simulated run has decided, followed by a model of its own: what every node must come to.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/threads/thread_team.h"
#include "core/protocol/aggregate_record.h"
#include "core/protocol/contribution.h"
#include "core/run/parameter_layout.h"
#include "ports/object_store.h"
#include "sim/faults/fault_plan.h"
#include "sim/faults/simulated_ledger.h"

namespace templar {

// A window that is decided, as it was seen first.
struct SettledWindow {
  Decision decision;
  size_t leader = 0;                        // its node
  std::vector<Hash256> contributions = {};  // the hashes of their bytes; empty if some had been damaged
};

// One thread at a time. Does not look through a node's eyes: it reads the whole board, and the store without
// faults.
class RunTruth {
 public:
  // All must outlive it. damaged: objects, "BUCKET/KEY", that are not what was put.
  RunTruth(const FaultPlan& plan, const std::vector<NodeIdentity>& nodes, const SimulatedLedger& ledger,
           const ObjectStore& store, const std::set<std::string>& damaged);

  // Follows what has been decided since the last call. Fails (fatal) where it breaks a rule: another model
  // than the decisions before lead to, a contribution that is nowhere, or twice, or of which the leader has
  // no copy, a window that was decided before its put window was over.
  [[nodiscard]] Status follow();
  // Fails (fatal) where what was settled is not what the ledger says now, also to who has never read it, or
  // what must be kept is gone.
  [[nodiscard]] Status check_kept() const;

  // The decision of that window is of a leader that does not run our code: nobody may follow it, and it need
  // keep no rule. The owner takes it back.
  void disown(int64_t window, int64_t term) { disowned_.emplace(window, term); }

  // The first window that is not decided; nullopt before the run has begun.
  [[nodiscard]] std::optional<int64_t> next_window() const { return next_window_; }
  // Outer steps that were made before that window.
  [[nodiscard]] std::optional<int64_t> next_outer_step() const;
  // Of the model at that window's start; nullptr if nobody can know it.
  [[nodiscard]] const Hash256* root_of(int64_t window) const;
  [[nodiscard]] const std::map<int64_t, SettledWindow>& settled() const { return settled_; }
  // The terms that count now.
  [[nodiscard]] Result<std::vector<Term>> chain() const;

  // The last decided window that nobody who has not passed it can pass: contributions are in no bucket any
  // more, since faults took them, and there is no whole checkpoint of a later window. nullopt if there is
  // none.
  [[nodiscard]] std::optional<int64_t> impassable_window() const;

  // Whether nobody can store a contribution to that window any more. Fails as the ledger does.
  [[nodiscard]] Result<bool> uploads_have_ended(int64_t window) const;

  // Where the truth has been lost with the last copy of a contribution: goes on from a node's
  // model, if it stands at the undecided window.
  void take_model(int64_t window, const Hash256& root, ConstParameterSpans parameters);

 private:
  [[nodiscard]] Result<bool> follow_next();
  [[nodiscard]] Status begin();
  [[nodiscard]] Result<std::optional<Contribution>> find_contribution(int64_t window,
                                                                      const AcceptedContribution& accepted,
                                                                      size_t leader) const;
  [[nodiscard]] Status apply(SettledWindow& settled);
  // What is at the places where a contribution is kept that this record names, the leader's copy first.
  [[nodiscard]] std::vector<std::pair<size_t, std::string>> places_of(
      int64_t window, const AcceptedContribution& accepted) const;
  [[nodiscard]] Result<Bytes> read_contribution(int64_t window, size_t node, const std::string& key) const;
  [[nodiscard]] Status check_contributions_kept(int64_t window, const SettledWindow& settled) const;
  [[nodiscard]] std::optional<size_t> node_of(const PublicKey& key) const;
  [[nodiscard]] bool can_be_passed(const SettledWindow& settled) const;
  [[nodiscard]] int64_t newest_whole_checkpoint() const;
  // Whether an object could be damaged in that bucket.
  [[nodiscard]] bool is_damaged(size_t node, const std::string& key) const;

  const FaultPlan& plan_;
  const std::vector<NodeIdentity>& nodes_;
  const SimulatedLedger& ledger_;
  const ObjectStore& store_;
  const std::set<std::string>& damaged_;
  const ParameterLayout layout_;
  ThreadTeam team_{1};
  ParameterBuffers model_;
  bool knows_model_ = false;  // model_ is that of the start of next_window_
  std::optional<int64_t> next_window_;
  std::map<int64_t, Hash256> roots_;
  std::map<int64_t, SettledWindow> settled_;
  std::set<std::pair<int64_t, int64_t>> disowned_;  // window and term
  std::map<Hash256, int64_t> counted_;              // contributions by content hash, and their window
};

}  // namespace templar
