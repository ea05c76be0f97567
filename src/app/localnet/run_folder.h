// The folder of a localnet: everything that a run is made of and leaves behind, so that a second call resumes
// where it was.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/world/node_world.h"
#include "app/world/watch.h"
#include "core/run/run_spec.h"

namespace templar {

struct LocalnetOptions {
  std::string spec = "tiny";         // preset or file
  std::vector<std::string> changes;  // "inner.steps=6", applied to the spec
  std::optional<uint64_t> seed;
  std::optional<Algorithm> algorithm;
  std::filesystem::path
      bootstrap;  // a checkpoint's folder, or a directory of Hugging Face, to begin from; empty: none
  std::vector<std::string> data;        // a data set (see DataOptions), or text to prepare one from
  std::vector<std::string> extensions;  // of text folders' files
  uint64_t data_cache_bytes = kDefaultDataCacheBytes;  // see DataOptions
  uint64_t max_bytes = 0;                              // of text; 0: all
  std::string tokenizer = "bytes";
  std::filesystem::path out = "localnet-out";
  // Each node's own, {node} in it being its name; without an address the folder "store" in out.
  OwnStoreOptions store;
  // On etcd, {node} in it being a node's name, "localnet" for what this program does itself; empty: a file.
  std::string ledger;
  std::filesystem::path dump_folder;  // for the miners' pseudo-gradients; empty: none
  int miners = 4;
  std::vector<std::string> adversaries;  // "copycat:2": so many of the miners attack, see parse_attack_group
  int validators = 1;
  int64_t windows = 160;
  int threads = 0;       // nodes that work at once; 0: as many as there are cores
  int node_threads = 1;  // of each node
  Precision precision = Precision::kF32;
  int64_t micro_batch = EngineOptions{}.micro_batch;
  bool recompute_layers = false;
  std::optional<int> card;  // that computes the models; none: the CPU
  bool processes = false;
  bool baseline = true;
  bool fresh = false;          // remove what an earlier run left in the folder
  bool resume_anyway = false;  // although it was made of something else
  int64_t heldout_samples = 128;
  std::filesystem::path tasks_folder;  // for the evaluator; empty: none
  WatchOptions watch;                  // of all its processes
  // Serve the dashboard while the run goes on; 0: on any free port; below 0: not.
  int dashboard_port = -1;
};

// Virtual time at which block 0 of a localnet is made: 2026-01-01 00:00 UTC.
inline constexpr TimestampMs kGenesisMs = 1767225600000;
// Of each validator: of equals the one with the lowest uid leads.
inline constexpr double kValidatorStake = 1000;

struct LocalNode {
  std::string name;  // "validator-0", "miner-1", ..., "evaluator"
  NodeRole role = NodeRole::kMiner;
  uint32_t uid = 0;  // of miners and validators
  NodeConfig config;
};

// An open run: folder, spec and nodes.
struct LocalRun {
  std::filesystem::path folder;
  RunSpec spec;
  std::string data;              // the data set's folder or address
  std::string ledger;            // its address, as this program itself asks it
  std::vector<LocalNode> nodes;  // validator 0, the miners (uid 1 ..), further validators, the evaluator
  int64_t windows = 0;
  bool resumed = false;
  std::shared_ptr<const FolderLock> lock;  // of the folder, and with it of all that is in it

  [[nodiscard]] std::filesystem::path path(std::string_view name) const { return folder / name; }
};

// Makes the folder or opens the one that is there: spec, data set, keys, ledger with its registrations. Fails
// (fatal) where the folder holds another run, one that was made of something else, or what no run made, or
// where something is missing, and says what to do; (retry) where another localnet works in it. A run that
// can't begin leaves nothing behind. progress gets lines for people.
[[nodiscard]] Result<LocalRun> open_local_run(const LocalnetOptions& options,
                                              const std::function<void(const std::string&)>& progress);

// DeMo's own settings where a spec was made for SparseLoCo: one gradient a window, DCT, top-32, slowly
// decaying momentum.
void use_demo_settings(RunSpec& spec);

}  // namespace templar
