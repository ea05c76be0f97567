// The rules that every simulated network must keep, whatever fails in it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ports/object_store.h"
#include "sim/faults/fault_log.h"
#include "sim/faults/node_host.h"
#include "sim/faults/run_truth.h"

namespace templar {

using NodeHosts = std::vector<std::unique_ptr<NodeHost>>;

// One thread at a time.
class NetworkRules {
 public:
  // All must outlive it. store: without faults of its own. damaged: as of RunTruth.
  NetworkRules(const FaultPlan& plan, const NodeHosts& hosts, RunTruth& truth, const ObjectStore& store,
               const std::set<std::string>& damaged, FaultLog& log)
      : plan_(plan), hosts_(hosts), truth_(truth), store_(store), damaged_(damaged), log_(log) {}

  // After a step of a node: its model is that of the window that it stands at, and it has passed none that is
  // not decided.
  void check_step(const NodeHost& node);
  // Before a put into the node's own bucket: what others may have seen, and what was decided, is never
  // replaced by something else.
  void check_put(const NodeHost& node, std::string_view key, ByteView content);
  // After a block of that window.
  void check_block(int64_t window);
  // From now on nothing fails any more.
  void begin_calm(int64_t window) { calm_from_ = window; }
  // A node ended since a person has to act, or threw an exception.
  void note_fatal_end(const NodeHost& node, const Error& error);
  void note_failure(std::string what) { fail(std::move(what)); }

  [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }
  // Whether faults took the last copy of something without which nobody goes on.
  [[nodiscard]] bool is_lost() const { return is_lost_; }
  [[nodiscard]] int64_t fatal_ends() const { return fatal_ends_; }

 private:
  void fail(std::string what);
  void check_key_is_due(const NodeIdentity& self, int64_t window);
  [[nodiscard]] bool has_lost_run();
  void check_progress(int64_t window);
  void check_contributors(int64_t window);
  void check_leader();
  void check_sizes();
  void check_evaluator();
  void check_status(const Status& kept);

  const FaultPlan& plan_;
  const NodeHosts& hosts_;
  RunTruth& truth_;
  const ObjectStore& store_;
  const std::set<std::string>& damaged_;
  FaultLog& log_;
  std::vector<std::string> failures_;
  std::optional<int64_t> calm_from_;
  int64_t window_ = 0;  // the ledger's
  int64_t fatal_ends_ = 0;
  bool is_lost_ = false;
};

}  // namespace templar
