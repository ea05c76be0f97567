// Wiring: what a node needs of the outside world, made from files and folders, and the three kinds of node
// upon it. A localnet in one process and the separate verbs use the same.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/alerts/alerts.h"
#include "app/world/network_store.h"
#include "app/world/open_data.h"
#include "app/world/open_ledger.h"
#include "app/world/watch.h"
#include "base/files/folder_lock.h"
#include "base/keys/keys.h"
#include "engine/engine.h"
#include "formats/checkpoint/retention.h"
#include "formats/safetensors/model_shards.h"
#include "node/validator/validator.h"
#include "node/window/environment.h"
#include "sim/adversaries/adversary.h"

namespace templar {

// What an evaluator does beyond measuring each checkpoint's held-out loss once.
struct EvaluationConfig {
  std::filesystem::path tasks_folder;    // see load_tasks; empty: no tasks
  int64_t task_limit = 0;                // see TaskOptions
  std::vector<std::string> num_fewshot;  // see parse_example_counts
  int64_t mmlu_every = 1;
  bool force = false;
  std::string backfill;  // see parse_window_range; empty: none
};

// What the nodes of one process have together: each for itself they would need more descriptors than a
// process may have, and do the same work again and again.
struct SharedWorld {
  // states: what the nodes' state folders lie in. Fails (retry) while another process works in one of them.
  [[nodiscard]] static Result<std::shared_ptr<const SharedWorld>> open(std::shared_ptr<OpenedLedger> ledger,
                                                                       const std::filesystem::path& states);

  const std::shared_ptr<OpenedLedger> ledger;
  const FolderLock states_lock;
  const std::shared_ptr<ContributionPool> contributions;
};

struct NodeConfig {
  std::filesystem::path spec_file;
  std::string data;                  // a data set's folder or address, see DataOptions
  std::filesystem::path data_cache;  // empty: in the state folder
  uint64_t data_cache_bytes = kDefaultDataCacheBytes;
  OwnStoreOptions store;
  std::string ledger;                  // its address, see open_ledger; store.is_cancelled counts there, too
  std::filesystem::path key_file;      // of miners and validators
  std::optional<int64_t> uid;          // that a new key is registered under; none: the lowest that is free
  std::filesystem::path state_folder;  // the node's own; made if missing
  std::filesystem::path metrics_file;
  std::filesystem::path dump_folder;  // of miners: for pseudo-gradients; empty: none
  int threads = 1;
  Precision precision = Precision::kF32;
  int64_t micro_batch = EngineOptions{}.micro_batch;  // see EngineOptions; at most inner.batch_size
  bool recompute_layers = false;                      // the same, of miners
  std::optional<int> card;                            // that computes the model; none: the CPU
  std::optional<int64_t> until_window;
  int64_t heldout_samples = 128;
  bool copy_checkpoints = false;       // into the state folder, before they are loaded
  bool background_checkpoints = true;  // of validators, see ValidatorOptions
  CheckpointRetention retention;       // of a validator's own
  uint64_t checkpoint_shard_bytes = kDefaultShardBytes;
  EvaluationConfig evaluation;                // of evaluators
  std::optional<AdversaryOptions> adversary;  // of a miner that attacks the others; nullopt: an honest one
  std::shared_ptr<Watch> watch = std::make_shared<Watch>();  // of the process
  AlertOptions alerts;                                       // of a node alone in its process
  std::shared_ptr<const SharedWorld> shared;                 // nullptr: a node alone in its process
  bool reports_machine = true;                               // see Watch::open_sink
};

// Owns everything that a node's environment refers to.
class NodeWorld {
 public:
  // Says under which name the node works; asked last of all, when everything but the metrics is open, so that
  // it may register the node. Where it fails, open does.
  // own_store: the address to register it with.
  using Join = std::function<Result<NodeName>(const RunSpec& spec, const OpenedLedger& ledger,
                                              const std::string& own_store)>;

  // Opens all of it and checks that the data fits the run. Fails (fatal) and says what to do; fails (retry)
  // while another process works in the state folder.
  [[nodiscard]] static Result<std::unique_ptr<NodeWorld>> open(const NodeConfig& config, const Join& join);
  // Of a node that no ledger knows.
  [[nodiscard]] static Result<std::unique_ptr<NodeWorld>> open(const NodeConfig& config,
                                                               const NodeName& name);

  const NodeConfig config;
  const NodeName name;
  const RunSpec spec;
  const std::shared_ptr<OpenedLedger> ledger;
  const std::unique_ptr<NetworkStore> store;
  const OpenedData data;
  const std::unique_ptr<MetricsSink> metrics;
  const SystemClock machine_clock;
  const NodeEnvironment environment;

  // Whether the ledger's time is that of the validators' clocks. Nodes that share a process have a time of
  // their own.
  [[nodiscard]] bool goes_by_clocks() const { return !spec.network.owner_keeps_time && !config.shared; }

 private:
  NodeWorld(const NodeConfig& node_config, const NodeName& node_name, std::vector<FolderLock> locks,
            RunSpec run_spec, std::shared_ptr<OpenedLedger> opened_ledger,
            std::unique_ptr<NetworkStore> opened_store, OpenedData opened_data,
            std::unique_ptr<MetricsSink> opened_metrics);

  // Of the state folder, unless config.shared holds it: two nodes with one key would contradict each other.
  const std::vector<FolderLock> locks_;
};

// A node that somebody drives: advance() as the nodes' own; stop() once, before a clean end.
class RunningNode {
 public:
  virtual ~RunningNode() = default;
  [[nodiscard]] virtual Result<Progress> advance() = 0;
  // After advance(), with what it returned: returns when there may be news for the node, or should_stop says
  // so.
  virtual void wait_for_news(Progress progress, const std::function<bool()>& should_stop) = 0;
  [[nodiscard]] virtual Status stop() = 0;
  // The node's alarms that stand.
  [[nodiscard]] virtual std::vector<StandingAlarm> alarms() const { return {}; }
};

// Each opens its world and makes its engine. A miner and a validator also load their key, and register it on
// the ledger where that has not been done.
[[nodiscard]] Result<std::unique_ptr<RunningNode>> open_miner(const NodeConfig& config);
[[nodiscard]] Result<std::unique_ptr<RunningNode>> open_validator(const NodeConfig& config);
[[nodiscard]] Result<std::unique_ptr<RunningNode>> open_evaluator(const NodeConfig& config);

[[nodiscard]] EngineOptions engine_options(const RunSpec& spec, const NodeConfig& config, EngineUse use);

// A node's engine, by its configuration. Fails as make_cpu_engine or make_cuda_engine does.
[[nodiscard]] Result<std::unique_ptr<Engine>> make_engine(const RunSpec& spec, const NodeConfig& config,
                                                          EngineUse use);

// Checks that shards are what the run trains on: sequence length, vocabulary, manifest. Fails (fatal).
[[nodiscard]] Status check_data(const RunSpec& spec, const ShardSource& shards, const std::string& data);

// Reads and validates a run spec: a preset's name or a JSON file.
[[nodiscard]] Result<RunSpec> load_run_spec(const std::string& preset_or_file);
// What "FIELD=VALUE" texts say. Fails (fatal) on one that has no '='.
[[nodiscard]] Result<std::vector<FieldChange>> parse_changes(const std::vector<std::string>& changes);
// Applies "FIELD=VALUE" texts in their order.
[[nodiscard]] Status apply_changes(RunSpec& spec, const std::vector<std::string>& changes);

}  // namespace templar
