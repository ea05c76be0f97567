// What every node is given, whatever its role: read-only views of the run and of the world, and a name to
// speak under.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/hash.h"
#include "core/run/parameter_layout.h"
#include "core/run/run_spec.h"
#include "node/window/amended_specs.h"
#include "node/window/contribution_pool.h"
#include "node/window/standing_alarms.h"
#include "ports/ledger.h"
#include "ports/metric_fields.h"
#include "ports/metrics_sink.h"
#include "ports/object_store.h"
#include "ports/shard_source.h"

namespace templar {

// References must outlive the node. Nobody can write to a store or a ledger through it.
struct NodeEnvironment {
  NodeEnvironment(const RunSpec& run_spec, const ObjectReader& object_reader,
                  const LedgerReader& ledger_reader, const ShardSource& shard_source,
                  MetricsSink& metrics_sink, std::filesystem::path checkpoints = {},
                  std::shared_ptr<ContributionPool> pool = std::make_shared<ContributionPool>(),
                  bool reads_windows_ahead = true,
                  std::shared_ptr<StandingAlarms> alarms_of_node = std::make_shared<StandingAlarms>(),
                  const Clock* machine_clock = nullptr)
      : spec(run_spec),
        layout(parameter_layout(run_spec.model)),
        run_id(templar::run_id(run_spec)),
        store(object_reader),
        ledger(ledger_reader),
        shards(shard_source),
        metrics(metrics_sink),
        checkpoint_folder(std::move(checkpoints)),
        contributions(std::move(pool)),
        reads_ahead(reads_windows_ahead),
        alarms(std::move(alarms_of_node)),
        clock(machine_clock),
        specs(std::make_shared<AmendedSpecs>(run_spec, ledger_reader)) {}

  // The run's own. What the owner may amend holds as specs->at(window) has it; a Replica has its window's.
  const RunSpec spec;
  const ParameterLayout layout;
  const Hash256 run_id;
  const ObjectReader& store;
  const LedgerReader& ledger;
  const ShardSource& shards;
  MetricsSink& metrics;
  // A node that comes into the run copies the checkpoint into this folder before it loads it, and keeps the
  // copy that it loaded last. Empty: it reads from the store, which suits a store on the same machine.
  const std::filesystem::path checkpoint_folder;
  // That nodes of one process share; of a node alone its own.
  const std::shared_ptr<ContributionPool> contributions;
  // While a node catches up, a thread of its own reads windows before they are needed. false: the node's own
  // thread reads each when it is needed, so that all calls of store and ledger come in one order.
  const bool reads_ahead;
  const std::shared_ptr<StandingAlarms> alarms;  // the node's, or those of a test's world together
  // The machine's, to be compared with the ledger's time and the store's; nullptr where the ledger's time is
  // not that of clocks, as in a localnet.
  const Clock* const clock;
  const std::shared_ptr<AmendedSpecs> specs;
};

// How a node is named on the log and in measurements. The "baseline" of a localnet, one machine that trains
// alone, is named like one.
struct NodeName {
  std::string_view role;  // name_of its NodeRole, or "baseline"; must live as long as this
  uint32_t uid = 0;
};

// A measurement with those fields and the standard tags: the node's role and uid, and the run. Its time is
// that of its writing.
[[nodiscard]] Measurement node_measurement(MeasurementName name, const NodeName& node,
                                           const NodeEnvironment& environment,
                                           std::initializer_list<MetricField> fields);

// What a node's advance() did.
enum class Progress {
  kWorked,        // it did something: there may be more to do at once
  kAwaitsBlock,   // nothing can be done until the ledger has another block
  kAwaitsEntry,   // nothing can be done until the ledger has another entry of any kind
  kAwaitsObject,  // nothing can be done until another node has published something, or the ledger's time has
                  // gone on
  kFinished,      // the window that it was to run up to is reached
};

}  // namespace templar
