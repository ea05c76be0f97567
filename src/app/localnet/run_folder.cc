#include "app/localnet/run_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "adapters/corpus/input_files.h"
#include "adapters/shards/data_folder.h"
#include "app/localnet/bootstrap.h"
#include "app/localnet/run_adversaries.h"
#include "app/localnet/run_origin.h"
#include "app/localnet/run_roster.h"
#include "app/localnet/run_store.h"
#include "app/run/run_files.h"
#include "app/terminal/prepare_progress.h"
#include "app/terminal/stop_signal.h"
#include "app/world/precision_option.h"
#include "base/clock.h"
#include "base/files/file.h"
#include "evaluation/task.h"
#include "formats/checkpoint/manifest.h"
#include "ports/roster.h"

namespace templar {
namespace {

constexpr const char* kLocalnetName = "localnet";  // for {node} in the address of what it asks itself
constexpr uint64_t kHeldOutSamples = 512;
constexpr double kLongestWaitSeconds = 10;
constexpr size_t kMaxOriginBytes = size_t{16} << 20;

// Whether there is anything at all that a run can begin with; what it is worth is seen when it is opened.
bool is_bootstrap_there(const LocalnetOptions& options) {
  if (options.bootstrap.empty()) return false;
  return is_there(options.bootstrap / kManifestName) || is_there(options.bootstrap / kConfigName);
}

using SayProgress = std::function<void(const std::string&)>;

Result<RunSpec> wanted_spec(const LocalnetOptions& options) {
  TRY_ASSIGN(RunSpec spec, load_run_spec(options.spec));
  if (options.algorithm == Algorithm::kDemo && spec.algorithm != Algorithm::kDemo) use_demo_settings(spec);
  if (options.seed) spec.seed = *options.seed;
  TRY(apply_changes(spec, options.changes));
  TRY(validate(spec));
  return spec;
}

// The spec names the beginning as it lies in the run's own store; a run that has one already needs its source
// no more.
Status name_beginning(const LocalnetOptions& options, const std::filesystem::path& spec_file, RunSpec& spec) {
  if (is_there(spec_file)) {
    TRY_ASSIGN(const RunSpec there, load_run_spec(spec_file.string()));
    if (is_in_own_store(there.bootstrap) && !is_bootstrap_there(options)) {
      spec.bootstrap = there.bootstrap;
      return {};
    }
  }
  return options.bootstrap.empty() ? Status() : name_bootstrap(options.bootstrap, spec);
}

Status prepare_text(const LocalnetOptions& options, const RunSpec& spec, const std::filesystem::path& folder,
                    const SayProgress& progress) {
  progress(fmt::format("preparing data from {}", fmt::join(options.data, ", ")));
  const auto prepared =
      prepare_with_progress({.inputs = options.data,
                             .out = folder,
                             .tokenizer = options.tokenizer,
                             .sequence_length = static_cast<uint64_t>(spec.inner.sequence_length),
                             .held_out_samples = kHeldOutSamples,
                             .max_bytes = options.max_bytes,
                             .extensions = options.extensions,
                             .seed = spec.seed});
  if (!prepared) return std::unexpected(prepared.error());
  if (const auto& left_out = prepared->left_out; !left_out.empty()) {
    progress(fmt::format("left out {} files and folders, such as {}: {}", left_out.size(),
                         left_out.front().path.string(), left_out.front().reason));
  }
  if (const auto warning = tokenizer_warning(*prepared)) progress("warning: " + *warning);
  return {};
}

bool is_data_folder(const std::string& input) {
  return is_there(std::filesystem::path(input) / kManifestName) ||
         is_there(std::filesystem::path(input) / kPreparingFolder);
}

// The prepared data set that --data names, a folder or an address; empty where it names text, or nothing.
std::string given_data(const LocalnetOptions& options) {
  const bool is_data =
      options.data.size() == 1 && (is_data_address(options.data[0]) || is_data_folder(options.data[0]));
  return is_data ? options.data[0] : "";
}

// What is fetched of a data set from elsewhere lies in the run's folder, for all its nodes.
DataOptions data_options(const LocalnetOptions& options, const std::string& data) {
  return {
      .data = data, .cache_folder = options.out / kDataCacheFolder, .cache_bytes = options.data_cache_bytes};
}

// The data set of a run that there is, so that it opens also while the bucket is away.
Result<std::optional<Hash256>> manifest_of_run(const std::filesystem::path& spec_file) {
  if (!is_there(spec_file)) return std::nullopt;
  TRY_ASSIGN(const RunSpec spec, load_run_spec(spec_file.string()));
  if (spec.data.manifest_hash.empty()) return std::nullopt;
  TRY_ASSIGN(const Hash256 hash, parse_hash256(spec.data.manifest_hash));
  return hash;
}

TextInputs text_of(const LocalnetOptions& options) {
  return {.inputs = options.data,
          .extensions = options.extensions,
          .max_bytes = options.max_bytes,
          .tokenizer = options.tokenizer,
          .excluded = options.out};
}

// The data set of the run: the one that was given, or the one that is prepared from text inside the run's
// folder.
Result<std::string> find_data(const LocalnetOptions& options, const RunSpec& spec,
                              const SayProgress& progress) {
  if (const std::string given = given_data(options); !given.empty()) return given;
  const std::filesystem::path own = options.out / "data";
  if (!is_there(own / kManifestName)) TRY(prepare_text(options, spec, own, progress));
  return own.string();
}

// Everything that can be judged before anything is made or removed.
Status check_inputs(const LocalnetOptions& options, bool resumes) {
  const bool has_own_data = resumes && is_there(options.out / "data" / kManifestName);
  if (options.data.empty() && !has_own_data) {
    return fatal_error(
        "--data is needed: a folder made by `templar data prepare`, the address where `templar data push` "
        "put it, or files and folders of text");
  }
  for (const std::string& input : options.data) {
    if (is_data_address(input) && options.data.size() > 1)
      return fatal_error("--data: " + input + ": the address of a data set stands alone");
    if (is_data_address(input)) continue;
    if (input != kStandardInput && !is_there(input))
      return annotate(file_error(input, ENOENT).error(), "--data");
  }
  if (const std::string given = given_data(options); !given.empty() && !is_data_address(given))
    TRY(open_data_folder(given, {}));
  if (!options.bootstrap.empty() && !resumes && !is_bootstrap_there(options)) {
    return fatal_error(fmt::format("--bootstrap: {}: neither {} of a checkpoint nor {} of Hugging Face",
                                   options.bootstrap.string(), kManifestName, kConfigName));
  }
  return {};
}

Status check_fresh(const LocalnetOptions& options) {
  std::vector<NamedPath> needed = {{"--bootstrap", options.bootstrap}, {"--tasks", options.tasks_folder}};
  for (const std::string& input : options.data) {
    if (!is_data_address(input)) needed.push_back({"--data", input});
  }
  if (is_there(options.spec)) needed.push_back({"--spec", options.spec});
  if (const size_t colon = options.tokenizer.find(':'); colon != std::string::npos)
    needed.push_back({"--tokenizer", options.tokenizer.substr(colon + 1)});
  return check_removal(options.out, needed);
}

Status remove_earlier_run(const std::filesystem::path& folder, const SayProgress& progress) {
  TRY_ASSIGN(const std::vector<std::filesystem::path> kept, remove_run(folder));
  for (const std::filesystem::path& path : kept) progress("kept, since no run made it: " + path.string());
  return {};
}

// How this call differs from what the run was made of, for people; empty if it does not.
Result<std::string> difference_to(const RunOrigin& origin, const LocalnetOptions& options) {
  std::string differences;
  const bool is_text = !options.data.empty() && given_data(options).empty();
  if (is_text && !origin.text) {
    differences = "text: a prepared data set then, " + options.data[0] + " now";
  } else if (is_text) {
    TRY_ASSIGN(differences, text_difference(*origin.text, text_of(options)));
  }
  if (origin.precision == options.precision) return differences;
  return differences + fmt::format("{}--precision: {} then, {} now", differences.empty() ? "" : "; ",
                                   name_of(origin.precision), name_of(options.precision));
}

// Of a run that is resumed: what it was made of must be what this call names. A run of before there was the
// file is taken as it is.
Status agree_on_origin(const LocalnetOptions& options, const SayProgress& progress) {
  const std::filesystem::path file = options.out / kRunOriginFile;
  if (!is_there(file)) return {};
  TRY_ASSIGN(const Bytes bytes, read_file(file, kMaxOriginBytes));
  const Result<RunOrigin> origin = parse_run_origin(as_text(bytes));
  if (!origin) {
    return fatal_error(fmt::format("{}: {}; put a good copy of it there, or begin anew with --fresh",
                                   file.string(), origin.error().message));
  }
  if (const std::string wanted = ledger_prefix(options.ledger); wanted != origin->ledger) {
    const auto told = [](const std::string& prefix) {
      return prefix.empty() ? std::string("in the run's own folder") : "on etcd, below the prefix " + prefix;
    };
    return fatal_error(fmt::format("--ledger: the run's ledger is {}, not {}: give what it was begun with",
                                   told(origin->ledger), told(wanted)));
  }
  if (options.adversaries != origin->adversaries) {
    return fatal_error(fmt::format("--adversary: the run's is '{}', not '{}': give what it was begun with",
                                   fmt::join(origin->adversaries, " "), fmt::join(options.adversaries, " ")));
  }
  TRY_ASSIGN(const std::string differences, difference_to(*origin, options));
  if (differences.empty()) return {};
  if (!options.resume_anyway) {
    return fatal_error(
        fmt::format("{} holds a run that was made of something else: {}. Give what it was made of (or no "
                    "--data) to resume "
                    "it, another --out for a new run, or --resume-anyway to go on with the data that it has",
                    options.out.string(), differences));
  }
  progress("resumed although this differs, with the data that the run has: " + differences);
  RunOrigin now = *origin;
  now.precision = options.precision;
  return write_file_atomically(file, write_run_origin(now));
}

// Of a run that begins: what it is made of. With everything of the data judged that can be, so that a call
// that will be refused removes nothing.
Result<RunOrigin> judge_beginning(const LocalnetOptions& options, RunSpec spec) {
  RunOrigin origin{.text = std::nullopt,
                   .precision = options.precision,
                   .ledger = ledger_prefix(options.ledger),
                   .adversaries = options.adversaries};
  if (!options.bootstrap.empty()) TRY(check_bootstrap(options.bootstrap, spec.model));
  if (!options.tasks_folder.empty()) TRY(load_tasks(options.tasks_folder, {}));
  const std::string given = given_data(options);
  if (given.empty()) {
    TRY_ASSIGN(origin.text, describe_text(text_of(options)));
    if (origin.text->files == 0) return fatal_error("no text found in " + origin.text->described);
    return origin;
  }
  TRY_ASSIGN(const OpenedData opened, open_any_data(data_options(options, given)));
  if (const auto hash = opened.shards->manifest_hash()) spec.data.manifest_hash = hash->hex();
  TRY(check_data(spec, *opened.shards, given));
  return origin;
}

// A shard that was damaged would be trained on without anybody noticing. What is fetched is checked as it
// comes.
Status verify_data(const std::string& data, const SayProgress& progress) {
  if (is_data_address(data)) return {};
  const std::filesystem::path folder = data;
  // Shards from elsewhere: there is nothing to compare with.
  if (!is_there(folder / kManifestName)) return {};
  const Stopwatch watch;
  return verify_data_folder(folder, [&](const std::string& file) {
    if (watch.seconds() > 2) progress("checking " + file);
  });
}

// The folder's spec, written at the run's first start. A later start must want the same.
Status agree_on_spec(const std::filesystem::path& file, const RunSpec& spec) {
  if (!is_there(file)) return write_file_atomically(file, pretty_json(spec));
  TRY_ASSIGN(const RunSpec there, load_run_spec(file.string()));
  if (run_id(there) == run_id(spec)) return {};
  return fatal_error(fmt::format(
      "{} holds another run (id {}, wanted {}): give the same options to resume it, another --out for a "
      "new one, or --fresh to begin anew there",
      file.parent_path().string(), run_id(there).brief(), run_id(spec).brief()));
}

LocalNode make_node(const LocalnetOptions& options, const LocalRun& run, NodeRole role, uint32_t uid,
                    std::string name) {
  NodeConfig config{.spec_file = run.path("run_spec.json"),
                    .data = run.data,
                    .data_cache = run.path(kDataCacheFolder),
                    .data_cache_bytes = options.data_cache_bytes,
                    .store = store_of_node(options.store, run.path("store"), role, name),
                    .ledger = ledger_of_node(options.ledger, run.path("ledger.db"), name),
                    .key_file = run.path("keys") / (name + ".key"),
                    .state_folder = run.path("state") / name,
                    .metrics_file = run.path("metrics") / (name + ".jsonl"),
                    .dump_folder = options.dump_folder,
                    .threads = options.node_threads,
                    .precision = options.precision,
                    .micro_batch = options.micro_batch,
                    .recompute_layers = options.recompute_layers,
                    .card = options.card,
                    .until_window = options.windows,
                    .heldout_samples = options.heldout_samples,
                    // In one process the same seed gives the same checkpoints.
                    .background_checkpoints = false,
                    .evaluation = {.tasks_folder = options.tasks_folder}};
  return {.name = std::move(name), .role = role, .uid = uid, .config = std::move(config)};
}

void list_nodes(const LocalnetOptions& options, LocalRun& run) {
  run.nodes.push_back(make_node(options, run, NodeRole::kValidator, 0, "validator-0"));
  for (int miner = 1; miner <= options.miners; ++miner) {
    run.nodes.push_back(make_node(options, run, NodeRole::kMiner, static_cast<uint32_t>(miner),
                                  fmt::format("miner-{}", miner)));
  }
  for (int more = 1; more < options.validators; ++more) {
    const auto uid = static_cast<uint32_t>(options.miners + more);
    run.nodes.push_back(make_node(options, run, NodeRole::kValidator, uid, fmt::format("validator-{}", uid)));
  }
  run.nodes.push_back(make_node(options, run, NodeRole::kEvaluator, 0, "evaluator"));
}

// Nodes whose localnet was killed end a moment after it: they are waited for.
Result<FolderLock> wait_for_folder(const std::filesystem::path& folder, const SayProgress& progress) {
  const Stopwatch watch;
  for (bool told = false;; told = true) {
    auto lock = FolderLock::take(folder, LockScope::kWithChildren);
    if (lock || lock.error().kind != ErrorKind::kRetry || watch.seconds() > kLongestWaitSeconds ||
        stop_requested())
      return lock;
    if (!told) progress(folder.string() + ": another localnet works in this folder; waiting for its end");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace

void use_demo_settings(RunSpec& spec) {
  const int64_t steps_before = spec.inner.steps;
  spec.algorithm = Algorithm::kDemo;
  spec.inner.steps = 1;
  spec.inner.batch_size *= std::min<int64_t>(steps_before, 4);
  spec.inner.learning_rate = 1e-3;
  spec.inner.warmup_steps = std::max<int64_t>(1, spec.inner.warmup_steps / steps_before);
  spec.inner.schedule_steps =
      std::max<int64_t>(spec.inner.warmup_steps, spec.inner.schedule_steps / steps_before);
  spec.codec.use_dct = true;
  spec.codec.topk = 32;
  spec.codec.error_feedback_decay = 0.999;
}

namespace {

// Runs of the same spec have the same keys on etcd, whatever folder they are in.
Status check_new(const OpenedLedger& ledger, const std::string& address) {
  // One that never came so far is begun again.
  TRY_ASSIGN(const std::optional<Block> latest, ledger.entries().latest_block());
  if (!latest) return {};
  return fatal_error(
      fmt::format("--ledger: a run of this spec is there already, below the prefix {}: give another prefix, "
                  "another --seed, "
                  "or the --out of that run to resume it",
                  ledger_prefix(address)));
}

// In a folder that is there and locked.
Result<LocalRun> open_in_folder(const LocalnetOptions& options, RunSpec spec,
                                std::shared_ptr<const FolderLock> lock, const SayProgress& progress) {
  LocalRun run{.folder = options.out,
               .spec = {},
               .data = {},
               .ledger = {},
               .nodes = {},
               .windows = options.windows,
               .resumed = is_there(options.out / "run_spec.json"),
               .lock = std::move(lock)};
  TRY_ASSIGN(run.data, find_data(options, spec, progress));
  TRY_ASSIGN(const auto manifest_hash, manifest_of_run(run.path("run_spec.json")));
  TRY_ASSIGN(const OpenedData opened, open_any_data(data_options(options, run.data), manifest_hash));
  if (const auto hash = opened.shards->manifest_hash()) spec.data.manifest_hash = hash->hex();
  TRY(check_data(spec, *opened.shards, run.data));
  TRY(verify_data(run.data, progress));
  if (!options.bootstrap.empty() && !run.resumed && opened.tokenizer)
    TRY(check_bootstrap_tokenizer(options.bootstrap, *opened.tokenizer));
  TRY(name_beginning(options, run.path("run_spec.json"), spec));
  TRY(name_owner(spec));
  TRY(agree_on_spec(run.path("run_spec.json"), spec));
  run.spec = spec;
  for (const char* name : {"keys", "store", "state", "metrics", "logs"}) TRY(make_folder(run.path(name)));
  run.ledger = ledger_of_node(options.ledger, run.path("ledger.db"), kLocalnetName);
  list_nodes(options, run);
  TRY_ASSIGN(const std::vector<AttackGroup> attacks, attack_groups(options));
  place_adversaries(attacks, run);
  TRY_ASSIGN(const auto ledger,
             open_ledger(run.ledger, run.spec, {.may_create = true, .is_cancelled = stop_requested}));
  if (!run.resumed) TRY(check_new(*ledger, options.ledger));
  if (!options.bootstrap.empty()) {
    TRY_ASSIGN(const auto store,
               NetworkStore::open(run.nodes.front().config.store, run.spec, ledger->entries()));
    TRY(copy_bootstrap(options.bootstrap, run.spec, *store->own()));
  }
  TRY(register_nodes(run, *ledger));
  return run;
}

}  // namespace

Result<LocalRun> open_local_run(const LocalnetOptions& options, const SayProgress& progress) {
  if (options.miners < 1) return fatal_error("--miners must be at least 1");
  if (options.validators < 1) return fatal_error("--validators must be at least 1");
  if (options.windows < 1) return fatal_error("--windows must be at least 1");
  TRY_ASSIGN(const RunSpec spec, wanted_spec(options));
  TRY_ASSIGN(bool resumes, holds_run(options.out));
  if (options.fresh) TRY(check_fresh(options));
  TRY(check_inputs(options, resumes && !options.fresh));
  TRY(check_store_option(options.store, options.processes, spec));
  TRY(check_ledger_option(options.ledger, options.processes));
  TRY(attack_groups(options));
  std::optional<RunOrigin> origin;
  if (!resumes || options.fresh) {
    TRY_ASSIGN(origin, judge_beginning(options, spec));
  }
  const bool made_folder = !is_there(options.out);
  TRY(make_folder(options.out));
  TRY_ASSIGN(FolderLock taken, wait_for_folder(options.out, progress));
  const auto lock = std::make_shared<const FolderLock>(std::move(taken));
  TRY_ASSIGN(resumes, holds_run(options.out));  // another localnet may have begun one meanwhile
  if (options.fresh && resumes) {
    TRY(remove_earlier_run(options.out, progress));
    resumes = false;
  }
  if (resumes) {
    TRY(agree_on_origin(options, progress));
    return open_in_folder(options, spec, lock, progress);
  }
  if (!origin) return fatal_error(options.out.string() + ": its run was removed meanwhile; try again");
  const Status written = write_file_atomically(options.out / kRunOriginFile, write_run_origin(*origin));
  Result<LocalRun> run =
      written ? open_in_folder(options, spec, lock, progress) : std::unexpected(written.error());
  if (run) return run;
  // What a call that is refused has made must not look like a run to the next one. The lock is still held.
  TRY(remove_earlier_run(options.out, progress));
  std::error_code ignored;  // where more lies in the folder, it stays
  std::filesystem::remove(options.out / FolderLock::kFileName, ignored);
  if (made_folder) std::filesystem::remove(options.out, ignored);
  return run;
}

}  // namespace templar
