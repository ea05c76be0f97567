// Does to a simulated network what its plan has for the moment.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "sim/faults/network_rules.h"

namespace templar {

// The ledger's time, as whoever makes the blocks has it.
struct BlockTime {
  int64_t offset_ms = 0;
  TimestampMs stopped_until_ms = 0;
  std::optional<size_t> next_maker;  // a validator, who takes over when blocks are made again
};

class FaultInjector {
 public:
  // All must outlive it. damaged: gets the objects, "BUCKET/KEY", that are no more what was put.
  FaultInjector(const FaultPlan& plan, NodeHosts& hosts, EventQueue& events, ObjectStore& store,
                OffsetClock& stamps, SimulatedLedger& ledger, RunTruth& truth, BlockTime& block_time,
                std::set<std::string>& damaged, FaultLog& log)
      : plan_(plan),
        hosts_(hosts),
        events_(events),
        store_(store),
        stamps_(stamps),
        ledger_(ledger),
        truth_(truth),
        block_time_(block_time),
        damaged_(damaged),
        log_(log),
        leaders_to_spare_(plan.validators - 1) {}

  // Asks the queue for all of the plan, and for its end.
  void schedule(std::function<void()> on_end);

 private:
  void inject(const PlannedFault& fault);
  void kill(NodeHost& host, const PlannedFault& fault);
  void lose(NodeHost& host, const PlannedFault& fault);
  void cut_off(NodeHost& host, const PlannedFault& fault);
  void damage_object(NodeHost& host, const PlannedFault& fault);
  void lose_bucket(NodeHost& host);
  void fill_disk(NodeHost& host, const PlannedFault& fault);
  void end();
  void stop_time(const PlannedFault& fault);
  void end_term();
  void begin_wrong_term(const PlannedFault& fault);
  void begin_late_wrong_term(const PlannedFault& fault);
  // False where it could not.
  bool write_wrong_term(size_t validator, const PlannedFault& fault);
  void remove_node(NodeHost& host);
  void decide_wrongly(const PlannedFault& fault);
  void decide_again();
  // Whose stake is not what decides which model is the run's: the first such validator from that one on.
  [[nodiscard]] std::optional<size_t> minor_validator(size_t from) const;
  // Whether the run can go on without that node; if so, it has to.
  [[nodiscard]] bool spare(const NodeHost& host);

  const FaultPlan& plan_;
  NodeHosts& hosts_;
  EventQueue& events_;
  ObjectStore& store_;
  OffsetClock& stamps_;
  SimulatedLedger& ledger_;
  RunTruth& truth_;
  BlockTime& block_time_;
  std::set<std::string>& damaged_;
  FaultLog& log_;
  size_t leaders_to_spare_;   // faults that keep a validator from leading for good, and may still come
  std::set<size_t> removed_;  // nodes
};

}  // namespace templar
