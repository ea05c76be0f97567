// The machine that a simulated node runs on: it starts the node's own code, kills it, lets it wait, and keeps
// what outlives it: its disk, its clock, its ways to the outside.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "node/window/environment.h"
#include "node/window/replica.h"
#include "sim/faults/actor.h"
#include "sim/faults/event_queue.h"
#include "sim/faults/fault_log.h"
#include "sim/faults/fault_plan.h"
#include "sim/faults/node_store.h"
#include "sim/faults/simulated_ledger.h"

namespace templar {

class NodeHost;
class NodeLife;

// What all hosts of a network share. All must outlive them.
struct HostSurroundings {
  const FaultPlan& plan;
  EventQueue& events;
  FaultLog& log;
  ObjectStore& store;
  OffsetClock& stamps;
  SimulatedLedger& ledger;
  const ShardSource& shards;
  MetricsSink& metrics;
  std::filesystem::path folder;  // for what the nodes keep on their disks
  bool real_engine = false;
  std::function<TimestampMs()> next_block_ms;  // when the next block is due
  // After each step of a node, on its thread.
  std::function<void(const NodeHost&)> on_step;
  // Before a node's put is done, on its thread.
  std::function<void(const NodeHost&, std::string_view key, ByteView content)> on_put;
  // A node ended since a person has to act. It is started again, as a person would.
  std::function<void(const NodeHost&, const Error&)> on_fatal;
  // It threw an exception, which no node's code may.
  std::function<void(const NodeHost&, std::string_view)> on_thrown;
};

class NodeHost {
 public:
  NodeHost(HostSurroundings& surroundings, NodeIdentity identity);
  ~NodeHost();
  NodeHost(const NodeHost&) = delete;
  NodeHost& operator=(const NodeHost&) = delete;

  // The node begins its first life, or the next one; nothing where it lives, or is lost.
  void start();
  // It ends where it waits, or before its next call, and starts again after that time; never, where there is
  // none.
  void kill(bool with_power_cut, std::optional<int64_t> back_after_ms);
  // It stands still, and so do its calls.
  void pause(int64_t for_ms);
  // From its next life on the state that it saves can't be written.
  void set_disk_full(bool full) { disk_full_ = full; }
  // What it has kept is gone. It must not live.
  void lose_disk();
  // Of the store that its bucket lies on.
  void set_store_clock_offset(int64_t offset_ms) { store_.set_clock_offset(offset_ms); }
  void set_own_clock_offset(int64_t offset_ms) { own_clock_.set_offset(offset_ms); }

  [[nodiscard]] const NodeIdentity& identity() const { return identity_; }
  [[nodiscard]] NodeCalls& calls() { return calls_; }
  [[nodiscard]] bool is_lost() const { return is_lost_; }
  [[nodiscard]] bool lives() const { return life_ != nullptr; }
  [[nodiscard]] int64_t lives_begun() const { return lives_begun_; }
  // The model of a node that lives; nullptr where it has not begun.
  [[nodiscard]] const Replica* replica() const;
  // The folder that outlives its lives.
  [[nodiscard]] std::filesystem::path disk() const;
  [[nodiscard]] std::filesystem::path state_file() const;

 private:
  void live();
  void doze(int64_t for_ms);
  void wake(int64_t life);
  void end_life(bool with_power_cut);
  void start_after(int64_t delay_ms);
  [[nodiscard]] int64_t pause_after(const Result<Progress>& outcome);

  HostSurroundings& surroundings_;
  const NodeIdentity identity_;
  Random random_;
  NodeCalls calls_;
  OffsetClock own_clock_;
  NodeStore store_;
  std::unique_ptr<Actor> actor_;
  const NodeLife* life_ = nullptr;  // while there is one
  int64_t lives_begun_ = 0;
  int64_t busy_steps_ = 0;  // in a row
  int64_t vain_steps_ = 0;  // likewise, in which it waited for an object
  TimestampMs paused_until_ms_ = 0;
  bool disk_full_ = false;
  bool is_lost_ = false;
};

}  // namespace templar
