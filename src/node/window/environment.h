// What every node is given, whatever its role: read-only views of the run and of the world.
#pragma once

#include <filesystem>

#include "base/clock.h"
#include "base/hash.h"
#include "core/run/parameter_layout.h"
#include "core/run/run_spec.h"
#include "ports/ledger.h"
#include "ports/metrics_sink.h"
#include "ports/object_store.h"
#include "ports/shard_source.h"

namespace templar {

// References must outlive the node. Nobody can write to a store or a ledger through it.
struct NodeEnvironment {
  NodeEnvironment(const RunSpec& run_spec, const ObjectReader& object_reader,
                  const LedgerReader& ledger_reader, const ShardSource& shard_source,
                  MetricsSink& metrics_sink, std::filesystem::path checkpoints = {})
      : spec(run_spec),
        layout(parameter_layout(run_spec.model)),
        run_id(templar::run_id(run_spec)),
        store(object_reader),
        ledger(ledger_reader),
        shards(shard_source),
        metrics(metrics_sink),
        checkpoint_folder(std::move(checkpoints)) {}

  const RunSpec spec;
  const ParameterLayout layout;
  const Hash256 run_id;
  const ObjectReader& store;
  const LedgerReader& ledger;
  const ShardSource& shards;
  MetricsSink& metrics;
  // Where checkpoints that are fetched are kept; empty: they are read from where they lie, as it suits a
  // store on the same machine.
  const std::filesystem::path checkpoint_folder;
};

// What a node's advance() did.
enum class Progress {
  kWorked,    // something: there may be more to do at once
  kWaiting,   // nothing can be done until a block is made or another node publishes
  kFinished,  // the window that it was to run up to is reached
};

}  // namespace templar
