#include "app/world/node_world.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "app/world/news_wait.h"
#include "app/world/node_guard.h"
#include "app/world/node_start.h"
#include "app/world/timekeeping.h"
#include "base/files/file.h"
#include "base/files/file_writer.h"
#include "base/log/log.h"
#include "base/log/log_context.h"
#include "engine/cpu_engine.h"
#include "engine/cuda_engine.h"
#include "node/evaluator/evaluator.h"
#include "node/miner/miner.h"
#include "node/validator/validator.h"
#include "ports/roster.h"
#include "sim/adversaries/turned_shards.h"

namespace templar {
namespace {

constexpr size_t kMaxSpecBytes = size_t{1} << 20;
// A window's contributions stay until all nodes have closed it, and a few before it for those that come back.
constexpr int64_t kKeptWindows = 6;

// Its uid. A key that the ledger knows keeps its registration, but for a store that has moved; a new one is
// registered.
Result<uint32_t> register_if_new(const NodeConfig& config, const OpenedLedger& ledger, NodeRole role,
                                 const KeyPair& key, const std::string& own_store) {
  LedgerWriter writer(ledger.board(), ledger.entries(), key);
  TRY_ASSIGN(const std::vector<Registration> roster, ledger.entries().registrations());
  const auto uid = uid_of(roster, key.public_key());
  if (uid && find_uid(roster, *uid)->role != role) {
    return fatal_error(fmt::format("key file {}: its key is registered in another role, as uid {}",
                                   config.key_file.string(), *uid));
  }
  if (uid) {
    Registration known = *find_uid(roster, *uid);
    if (known.store == own_store) return *uid;
    log(LogLevel::kInfo, "node", "its store has moved: registered anew", {{"uid", *uid}});
    known.store = own_store;
    return writer.register_node(known);
  }
  return writer.register_node(
      {.role = role, .key = key.public_key(), .bucket = bucket_of(key.public_key()), .store = own_store},
      static_cast<uint32_t>(config.uid.value_or(0)));
}

// Owns a node with all that it refers to, destroyed in the reverse order.
template <typename Node>
struct OwnedNode final : RunningNode {
  std::unique_ptr<NodeWorld> world;
  std::unique_ptr<Alerts> alerts;  // tells also of what the node says at its end
  std::unique_ptr<Engine> engine;
  std::optional<LedgerWriter> writer;      // of validators
  std::optional<Timekeeping> timekeeping;  // of validators, where they keep the time
  std::unique_ptr<Node> node;
  std::vector<LogField> who;             // role, and uid of those who have one
  std::unique_ptr<Adversary> adversary;  // of a miner that attacks
  std::optional<KeyPair> unsaid_start;   // the key of a node that has yet to say that it begins to work
  std::optional<NewsWait> news;
  std::optional<GuardThread> guard;  // of a node alone in its process

  Result<Progress> advance() override {
    const LogContext scope(context());
    if (!news) {
      news.emplace(world->ledger->entries(), world->spec.network,
                   world->store->is_remote() || world->ledger->is_remote());
    }
    news->begin_step();
    // Where the ledger is away or its disk full, the next step says it: nothing else waits for that.
    if (unsaid_start && say_start(*world->ledger, *unsaid_start)) unsaid_start.reset();
    if (adversary) TRY(adversary->act());
    return node->advance();
  }
  void wait_for_news(Progress progress, const std::function<bool()>& should_stop) override {
    if (news) news->wait_after(progress, should_stop);
  }
  Status stop() override {
    const LogContext scope(context());
    world->metrics->flush();
    if constexpr (std::is_same_v<Node, Miner>) return node->save();
    if constexpr (std::is_same_v<Node, Validator>) return node->finish();
    return {};
  }

  std::vector<StandingAlarm> alarms() const override { return world->environment.alarms->all(); }

  // To be called once, when all the rest is made.
  Status watch_over() {
    const NodeConfig& config = world->config;
    if (config.shared) return {};
    const LogContext scope(who);
    TRY_ASSIGN(alerts, Alerts::open(config.alerts, config.state_folder, world->environment, world->name));
    guard.emplace(world->environment, world->name,
                  GuardOptions{.wall_time = !world->spec.network.owner_keeps_time,
                               .folders = {config.state_folder, config.metrics_file.parent_path()},
                               .least_free_bytes = least_free_bytes(world->environment)});
    return {};
  }

  // What all events of the node have; the window is the one that its model stands at.
  [[nodiscard]] std::vector<LogField> context() const {
    std::vector<LogField> fields = who;
    if constexpr (!std::is_same_v<Node, Evaluator>) {
      if (node->replica().begun()) fields.emplace_back("window", node->replica().window());
    }
    return fields;
  }
};

// The engine comes before the registration: what can't work must not be counted on by others.
template <typename Node>
Result<std::unique_ptr<OwnedNode<Node>>> open_registered(const NodeConfig& config, NodeRole role,
                                                         const KeyPair& key) {
  auto owned = std::make_unique<OwnedNode<Node>>();
  const EngineUse use = role == NodeRole::kMiner ? EngineUse::kTraining : EngineUse::kEvaluating;
  const auto join = [&](const RunSpec& spec, const OpenedLedger& ledger,
                        const std::string& own_store) -> Result<NodeName> {
    TRY_ASSIGN(owned->engine, make_engine(spec, config, use));
    TRY_ASSIGN(const uint32_t uid, register_if_new(config, ledger, role, key, own_store));
    return NodeName{name_of(role), uid};
  };
  TRY_ASSIGN(owned->world, NodeWorld::open(config, join));
  owned->who = {{"role", owned->world->name.role}, {"uid", owned->world->name.uid}};
  if (!config.shared) owned->unsaid_start = key;
  return owned;
}

// Own first, then the parts': who takes all parts looks at the nodes' own afterwards, so one of two sees the
// other.
Result<std::vector<FolderLock>> lock_state(const NodeConfig& config) {
  std::vector<FolderLock> locks;
  TRY_ASSIGN(FolderLock own, FolderLock::take(config.state_folder, LockScope::kProcess));
  if (config.shared) return locks;  // nobody else can take it from now on
  locks.push_back(std::move(own));
  // The folder's own place, where it was reached by a link.
  std::error_code error;
  const std::filesystem::path place = std::filesystem::canonical(config.state_folder, error);
  if (error) return file_error(config.state_folder, error.value());
  TRY_ASSIGN(FolderLock part, FolderLock::share_parts(place.parent_path()));
  locks.push_back(std::move(part));
  return locks;
}

DataOptions data_options(const NodeConfig& config) {
  return {.data = config.data,
          .cache_folder = config.data_cache.empty() ? config.state_folder / "data-cache" : config.data_cache,
          .cache_bytes = config.data_cache_bytes};
}

std::map<std::string, std::string> sink_tags(const RunSpec& spec, const NodeName& name) {
  std::map<std::string, std::string> tags = run_tags(spec);
  tags.insert(
      {{"run", run_id(spec).brief()}, {"role", std::string(name.role)}, {"uid", std::to_string(name.uid)}});
  return tags;
}

}  // namespace

Result<std::shared_ptr<const SharedWorld>> SharedWorld::open(std::shared_ptr<OpenedLedger> ledger,
                                                             const std::filesystem::path& states) {
  TRY_ASSIGN(FolderLock lock, FolderLock::take_parts(states));
  return std::shared_ptr<const SharedWorld>(new SharedWorld{
      .ledger = std::move(ledger),
      .states_lock = std::move(lock),
      .contributions =
          std::make_shared<ContributionPool>(ContributionPoolOptions{.kept_windows = kKeptWindows})});
}

NodeWorld::NodeWorld(const NodeConfig& node_config, const NodeName& node_name, std::vector<FolderLock> locks,
                     RunSpec run_spec, std::shared_ptr<OpenedLedger> opened_ledger,
                     std::unique_ptr<NetworkStore> opened_store, OpenedData opened_data,
                     std::unique_ptr<MetricsSink> opened_metrics)
    : config(node_config),
      name(node_name),
      spec(std::move(run_spec)),
      ledger(std::move(opened_ledger)),
      store(std::move(opened_store)),
      data(std::move(opened_data)),
      metrics(std::move(opened_metrics)),
      environment(spec, store->all(), ledger->entries(), *data.shards, *metrics,
                  config.copy_checkpoints ? config.state_folder / "checkpoints" : std::filesystem::path(),
                  config.shared ? config.shared->contributions
                                : std::make_shared<ContributionPool>(
                                      ContributionPoolOptions{.checking_threads = config.threads}),
                  true, StandingAlarms::open(config.state_folder / "alarms.json"),
                  goes_by_clocks() ? &machine_clock : nullptr),
      locks_(std::move(locks)) {}

Result<std::unique_ptr<NodeWorld>> NodeWorld::open(const NodeConfig& config, const Join& join) {
  TRY_ASSIGN(RunSpec spec, load_run_spec(config.spec_file.string()));
  std::shared_ptr<OpenedLedger> ledger = config.shared ? config.shared->ledger : nullptr;
  if (!ledger) {
    TRY_ASSIGN(ledger, open_ledger(config.ledger, spec, {.is_cancelled = config.store.is_cancelled}));
  }
  if (!config.shared) TRY(check_common_protocol(ledger->entries()));
  TRY_ASSIGN(OpenedData data, open_run_data(data_options(config), spec));
  TRY(check_data(spec, *data.shards, config.data));
  if (config.adversary) data.shards = samples_of(config.adversary->attack, std::move(data.shards));
  TRY(make_folder(config.state_folder));
  TRY_ASSIGN(std::vector<FolderLock> locks, lock_state(config));
  remove_unfinished_files(config.state_folder);
  TRY_ASSIGN(auto store, NetworkStore::open(config.store, spec, ledger->entries()));
  TRY_ASSIGN(const NodeName name, join(spec, *ledger, store->registered_address()));
  TRY_ASSIGN(auto metrics,
             config.watch->open_sink(config.metrics_file, sink_tags(spec, name), config.reports_machine));
  return std::unique_ptr<NodeWorld>(new NodeWorld(config, name, std::move(locks), std::move(spec),
                                                  std::move(ledger), std::move(store), std::move(data),
                                                  std::move(metrics)));
}

Result<std::unique_ptr<NodeWorld>> NodeWorld::open(const NodeConfig& config, const NodeName& name) {
  return open(config, [&name](const RunSpec&, const OpenedLedger&, const std::string&) { return name; });
}

Result<std::unique_ptr<RunningNode>> open_miner(const NodeConfig& config) {
  TRY_ASSIGN(const KeyPair key, KeyPair::load(config.key_file));
  // Now, and not with a warning in every window.
  if (!config.dump_folder.empty()) TRY(make_folder(config.dump_folder));
  TRY_ASSIGN(auto owned, open_registered<Miner>(config, NodeRole::kMiner, key));
  NodeWorld& world = *owned->world;
  ObjectStore* store = world.store->own();
  if (config.adversary) {
    owned->adversary = std::make_unique<Adversary>(world.environment, *store, key, *config.adversary);
    store = owned->adversary.get();
  }
  owned->node = std::make_unique<Miner>(world.environment, *store, *owned->engine, key,
                                        MinerOptions{.threads = config.threads,
                                                     .until_window = config.until_window,
                                                     .state_file = config.state_folder / "miner.state",
                                                     .dump_folder = config.dump_folder});
  TRY(owned->watch_over());
  return owned;
}

Result<std::unique_ptr<RunningNode>> open_validator(const NodeConfig& config) {
  TRY_ASSIGN(const KeyPair key, KeyPair::load(config.key_file));
  TRY_ASSIGN(auto owned, open_registered<Validator>(config, NodeRole::kValidator, key));
  NodeWorld& world = *owned->world;
  owned->writer.emplace(world.ledger->board(), world.ledger->entries(), key);
  if (world.goes_by_clocks()) {
    owned->timekeeping.emplace(*world.ledger, world.spec.network, key,
                               [&store = *world.store->own(), bucket = bucket_of(key.public_key())] {
                                 return time_of_store(store, bucket);
                               });
  }
  owned->node =
      std::make_unique<Validator>(world.environment, *world.store->own(), *owned->writer, *owned->engine, key,
                                  ValidatorOptions{.threads = config.threads,
                                                   .until_window = config.until_window,
                                                   .tokenizer = world.data.tokenizer->files(),
                                                   .checkpoint_shard_bytes = config.checkpoint_shard_bytes,
                                                   .retention = config.retention,
                                                   .background_checkpoints = config.background_checkpoints,
                                                   .software = std::string(own_software())});
  TRY(owned->watch_over());
  return owned;
}

// Says before the first evaluation, which may be hours away, what it will not score.
Status check_questions(std::vector<Task>& tasks, const Tokenizer& tokenizer, int64_t max_tokens) {
  for (Task& task : tasks) {
    TRY_ASSIGN(const std::optional<std::string> reason, leave_out_unscorable(task, tokenizer, max_tokens));
    if (!reason) continue;
    log(LogLevel::kWarning, "evaluator", "questions that can't be scored are left out",
        {{"task", task_form(task.kind).name}, {"left_out", task.left_out}, {"first", *reason}});
  }
  return {};
}

Result<std::unique_ptr<RunningNode>> open_evaluator(const NodeConfig& config) {
  EvaluatorOptions options{.threads = config.threads,
                           .heldout_samples = config.heldout_samples,
                           .until_window = config.until_window,
                           .state_file = config.state_folder / "evaluated.txt",
                           .force = config.evaluation.force,
                           .mmlu_every = config.evaluation.mmlu_every};
  if (!config.evaluation.backfill.empty()) {
    TRY_ASSIGN(options.backfill, parse_window_range(config.evaluation.backfill));
  }
  if (!config.evaluation.tasks_folder.empty()) {
    TRY_ASSIGN(const ExampleCounts examples, parse_example_counts(config.evaluation.num_fewshot));
    TRY_ASSIGN(options.tasks,
               load_tasks(config.evaluation.tasks_folder, {config.evaluation.task_limit, examples}));
  }
  auto owned = std::make_unique<OwnedNode<Evaluator>>();
  TRY_ASSIGN(owned->world, NodeWorld::open(config, NodeName{name_of(NodeRole::kEvaluator), 0}));
  TRY_ASSIGN(owned->engine, make_engine(owned->world->spec, config, EngineUse::kEvaluating));
  owned->who = {{"role", owned->world->name.role}};
  options.tokenizer = owned->world->data.tokenizer.get();
  TRY(check_questions(options.tasks, *options.tokenizer, owned->world->spec.inner.sequence_length));
  owned->node = std::make_unique<Evaluator>(owned->world->environment, *owned->engine, std::move(options));
  TRY(owned->watch_over());
  return owned;
}

EngineOptions engine_options(const RunSpec& spec, const NodeConfig& config, EngineUse use) {
  return {.threads = config.threads,
          .precision = config.precision,
          .micro_batch = std::min(config.micro_batch, spec.inner.batch_size),
          .use = use,
          .recompute_layers = config.recompute_layers};
}

Result<std::unique_ptr<Engine>> make_engine(const RunSpec& spec, const NodeConfig& config, EngineUse use) {
  const EngineOptions chosen = engine_options(spec, config, use);
  if (config.card) {
    CudaEngineOptions options;
    static_cast<EngineOptions&>(options) = chosen;
    options.device = *config.card;
    return make_cuda_engine(spec.model, spec.inner, options);
  }
  return make_cpu_engine(spec.model, spec.inner, chosen);
}

Status check_data(const RunSpec& spec, const ShardSource& shards, const std::string& data) {
  const std::string what = "data set " + data;
  if (shards.sequence_length() != static_cast<uint64_t>(spec.inner.sequence_length)) {
    return fatal_error(fmt::format(
        "{0}: its samples have {1} tokens, the run's inner.sequence_length is {2}: prepare data with "
        "--sequence-length {2}, or change the run with --set inner.sequence_length={1}",
        what, shards.sequence_length(), spec.inner.sequence_length));
  }
  if (shards.vocab_size() > static_cast<uint64_t>(spec.model.vocab_size)) {
    return fatal_error(fmt::format(
        "{0}: its tokenizer has {1} tokens, the run's model.vocab_size is {2}: prepare data with another "
        "--tokenizer, or change the run with --set model.vocab_size={1}",
        what, shards.vocab_size(), spec.model.vocab_size));
  }
  if (spec.data.manifest_hash.empty()) return {};
  const auto hash = shards.manifest_hash();
  if (hash && hash->hex() == spec.data.manifest_hash) return {};
  return fatal_error(
      fmt::format("{}: its manifest hash is {}, the run trains on {} (data.manifest_hash): name the data set "
                  "that the run "
                  "was started with",
                  what, hash ? hash->hex() : "missing", spec.data.manifest_hash));
}

Result<RunSpec> load_run_spec(const std::string& preset_or_file) {
  const std::vector<std::string> presets = preset_names();
  if (std::ranges::find(presets, preset_or_file) != presets.end()) return preset_run_spec(preset_or_file);
  const auto text = read_file(preset_or_file, kMaxSpecBytes);
  if (!text) {
    return fatal_error(fmt::format("run spec '{}': neither a preset ({}) nor a readable file: {}",
                                   preset_or_file, fmt::join(presets, ", "), text.error().message));
  }
  auto spec = parse_run_spec(as_text(*text));
  if (!spec) return annotate(spec.error(), preset_or_file);
  return spec;
}

Result<std::vector<FieldChange>> parse_changes(const std::vector<std::string>& changes) {
  std::vector<FieldChange> fields;
  for (const std::string& change : changes) {
    const size_t equals = change.find('=');
    if (equals == std::string::npos) return fatal_error(fmt::format("--set {}: must be FIELD=VALUE", change));
    fields.push_back({change.substr(0, equals), change.substr(equals + 1)});
  }
  return fields;
}

Status apply_changes(RunSpec& spec, const std::vector<std::string>& changes) {
  TRY_ASSIGN(const std::vector<FieldChange> fields, parse_changes(changes));
  return fields.empty() ? Status() : set_fields(spec, fields);
}

}  // namespace templar
