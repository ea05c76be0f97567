#include "node/miner/miner.h"

#include <algorithm>

#include "base/log.h"
#include "core/consensus/possession.h"
#include "core/protocol/object_keys.h"
#include "node/miner/miner_state.h"
#include "node/miner/pseudo_gradient_dump.h"
#include "node/window/gather_report.h"
#include "node/window/node_measurement.h"
#include "node/window/roster.h"

namespace templar {

Miner::Miner(const NodeEnvironment& environment, ObjectStore& store, Engine& engine, const KeyPair& key,
             const MinerOptions& options)
    : environment_(environment),
      store_(store),
      key_(key),
      options_(options),
      clock_(environment.ledger, environment.spec.network),
      replica_(environment, engine, options.threads),
      catch_up_(environment, replica_, NodeRole::kMiner, key.public_key()),
      trainer_(environment) {
  if (!options.dump_folder.empty()) dump_what_is_compressed();
}

// A dump that fails is reported and costs the window nothing.
void Miner::dump_what_is_compressed() {
  trainer_.observe = [this](int64_t window, ConstParameterSpans pseudo_gradient,
                            ConstParameterSpans feedback) {
    const Status dumped = dump_pseudo_gradient(options_.dump_folder, window, self_.uid, environment_.layout,
                                               pseudo_gradient, feedback);
    if (dumped) return;
    log(LogLevel::kWarning, "miner", "pseudo-gradient not dumped",
        {{"uid", self_.uid}, {"window", window}, {"reason", dumped.error().message}});
  };
}

Result<Progress> Miner::advance() {
  if (!started_) return start();
  if (options_.until_window && replica_.window() >= *options_.until_window) return Progress::kFinished;
  TRY_ASSIGN(const std::optional<int64_t> current, clock_.current_window());
  if (current == replica_.window() && contributed_window_ < replica_.window()) return train_window();
  TRY_ASSIGN(const bool closed, clock_.is_closed(replica_.window()));
  if (!closed) return Progress::kWaiting;
  TRY_ASSIGN(const bool fell_behind, clock_.is_closed(replica_.window() + 1));
  if (!fell_behind || no_record_of_ == replica_.window()) return close_window();
  start_again();
  return Progress::kWorked;
}

void Miner::start_again() {
  started_ = false;
  untrained_ = untrained_window();
}

Result<Progress> Miner::start() {
  TRY_ASSIGN(const std::vector<Registration> roster, environment_.ledger.registrations());
  const auto uid = uid_of(roster, key_.public_key());
  if (!uid) return fatal_error("miner: key " + key_.public_key().hex() + " is not registered on the ledger");
  self_ = *find_uid(roster, *uid);
  const Stopwatch watch;
  TRY_ASSIGN(const CatchUpState state, catch_up_.advance(options_.until_window));
  if (state == CatchUpState::kWorking) timeline_.add("catch_up", watch);
  if (state == CatchUpState::kWorking) return Progress::kWorked;
  if (state != CatchUpState::kInSync) return Progress::kWaiting;
  const CatchUpReport& report = catch_up_.report();
  settle_own_state(report);
  drop_old_contributions();
  no_record_of_ = report.moved() ? -1 : replica_.window();
  started_ = true;
  log(LogLevel::kInfo, "miner", "in sync",
      {{"uid", self_.uid},
       {"window", replica_.window()},
       {"checkpoint_window", report.checkpoint_window.value_or(-1)},
       {"replayed_windows", report.replayed_windows},
       {"gathered_windows", report.gathered_windows},
       {"state_root", replica_.state_root().brief()}});
  return Progress::kWorked;
}

Result<Progress> Miner::train_window() {
  const WindowPlan plan = replica_.plan();
  // Training twice for one window would enter it twice into the feedback: where the store was away, only the
  // put is repeated.
  if (trained_.window != plan.window) {
    // A contribution is written once: after a restart another one would no longer be what the leader's record
    // may already name.
    TRY_ASSIGN(const auto published, store_.head(self_.bucket, contribution_key(plan.window)));
    if (published) {
      finish_saving();
      trainer_.forget_feedback();  // saved before that contribution was made from it
      contributed_window_ = plan.window;
      return Progress::kWorked;
    }
    TRY_ASSIGN(std::optional<Bytes> contribution, make_contribution(plan));
    if (!contribution) {
      contributed_window_ = plan.window;
      return Progress::kWorked;
    }
    unpublished_ = *std::move(contribution);
  }
  TRY(publish(plan.window));
  if ((plan.window + 1) % environment_.spec.network.checkpoint_interval == 0) begin_saving();
  return Progress::kWorked;
}

Status Miner::publish(int64_t window) {
  const auto phase = timeline_.phase("publish");
  TRY(store_.put(self_.bucket, contribution_key(window), unpublished_));
  unpublished_ = {};
  contributed_window_ = window;
  return {};
}

Result<std::optional<Bytes>> Miner::make_contribution(const WindowPlan& plan) {
  const auto phase = timeline_.phase("train");
  const Stopwatch watch;
  TRY_ASSIGN(const Hash256 block_hash, clock_.block_hash(plan.window));
  TRY_ASSIGN(const Shard shard, open_active_shard(environment_, plan));
  const SampleAssignment assignment = assigned_samples(environment_, plan, shard, self_.uid);
  finish_saving();
  auto trained = trainer_.train(replica_, assignment, shard);
  if (!trained && trained.error().kind == ErrorKind::kSkip) {
    log(LogLevel::kWarning, "miner", "window skipped",
        {{"uid", self_.uid}, {"window", plan.window}, {"reason", trained.error().message}});
    return std::nullopt;
  }
  if (!trained) return std::unexpected(trained.error());
  const ContributionHeader header{
      .run_id = environment_.run_id,
      .window = plan.window,
      .uid = self_.uid,
      .public_key = key_.public_key(),
      .state_root = replica_.state_root(),
      .possession_proof =
          prove_possession(std::as_const(replica_.engine()).parameters(), block_hash, self_.uid, plan.window),
      .samples = receipt_of(assignment, shard),
      .inner_steps = static_cast<uint32_t>(trained->inner.losses.size())};
  Bytes sealed =
      seal_contribution(header, trained->blocks, environment_.layout, environment_.spec.codec, key_);
  trained_ = {.window = plan.window,
              .inner = std::move(trained->inner),
              .seconds = watch.seconds(),
              .contribution_bytes = static_cast<int64_t>(sealed.size())};
  return sealed;
}

Result<Progress> Miner::close_window() {
  const int64_t window = replica_.window();
  TRY_ASSIGN(const std::vector<Registration> roster, environment_.ledger.registrations());
  const std::optional<Registration> leader = leader_of(roster);
  if (!leader) return fatal_error("miner: the ledger has no validator, so nobody leads the run");
  const auto record = read_record(environment_, *leader, window);
  if (!record && record.error().kind != ErrorKind::kSkip) return std::unexpected(record.error());
  const bool confirmed = record && record->has_value();
  PeerSelection peers;
  if (!confirmed) {
    TRY_ASSIGN(const bool waited, clock_.is_closed(window, environment_.spec.network.record_wait_seconds));
    if (!waited) return Progress::kWaiting;
    log(LogLevel::kWarning, "miner", "no record of the leader: own gather stands",
        {{"uid", self_.uid},
         {"window", window},
         {"reason", record ? "not published" : record.error().message}});
    TRY_ASSIGN(peers, peers_without_record(*leader));
  } else if ((*record)->state_root != replica_.state_root()) {
    start_again();
    catch_up_.heal_from(**record);
    return Progress::kWorked;
  } else {
    peers = selection_of(**record);
  }

  TRY_ASSIGN(const std::optional<Gathered> gathered,
             gather_window(peers, roster, confirmed ? &**record : nullptr));
  if (!gathered) return Progress::kWorked;
  apply(*gathered);
  report(window, *gathered, confirmed);
  housekeeping();
  return Progress::kWorked;
}

Result<std::optional<Gathered>> Miner::gather_window(const PeerSelection& peers,
                                                     std::span<const Registration> roster,
                                                     const AggregateRecord* record) {
  const auto phase = timeline_.phase("gather");
  const int64_t window = replica_.window();
  TRY_ASSIGN(const std::optional<PutWindow> times, clock_.put_window_of(window));
  TRY_ASSIGN(const Hash256 block_hash, clock_.block_hash(window));
  TRY_ASSIGN(Gathered gathered,
             gather(environment_, {.plan = replica_.plan(),
                                   .peers = peers,
                                   .roster = {roster.begin(), roster.end()},
                                   .times = *times,
                                   .block_hash = block_hash,
                                   .state_root = replica_.state_root(),
                                   .parameters = std::as_const(replica_.engine()).parameters()}));
  if (record == nullptr) return gathered;
  log_differences(gathered, *record, "miner", self_.uid);
  TRY_ASSIGN(auto named, fetch_named(environment_, *record, roster, std::move(gathered.accepted)));
  if (!named.missing.empty()) {
    start_again();
    catch_up_.wait_for(*record, std::move(named.missing));
    return std::nullopt;
  }
  gathered.accepted = std::move(named.found);
  return gathered;
}

void Miner::apply(const Gathered& gathered) {
  const auto phase = timeline_.phase("apply");
  replica_.close_window(as_list(gathered.accepted));
  if (!gathered.accepted.empty()) return;
  finish_saving();
  trainer_.forget_feedback();
  if (replica_.window() % environment_.spec.network.checkpoint_interval == 0) begin_saving();
}

Result<PeerSelection> Miner::peers_without_record(const Registration& leader) const {
  TRY_ASSIGN(std::optional<PeerSelection> peers, peers_in_force(environment_, leader, replica_.window()));
  return std::move(peers).value_or(PeerSelection{});
}

// What fails here leaves an old object behind: the window itself is done.
void Miner::housekeeping() {
  const int64_t keep_from = replica_.window() - environment_.spec.network.contribution_retention_windows;
  const Status dropped =
      keep_from > 0 ? store_.remove(self_.bucket, contribution_key(keep_from - 1)) : Status{};
  if (dropped) return;
  log(LogLevel::kWarning, "miner", "old contribution not removed",
      {{"uid", self_.uid}, {"window", replica_.window()}, {"reason", dropped.error().message}});
}

// Those of windows that a catch-up has passed over, without the housekeeping after each.
void Miner::drop_old_contributions() {
  const int64_t keep_from = replica_.window() - environment_.spec.network.contribution_retention_windows;
  const auto dropped = [&]() -> Status {
    TRY_ASSIGN(const std::vector<ObjectInfo> contributions, store_.list(self_.bucket, kContributionPrefix));
    for (const ObjectInfo& contribution : contributions) {
      const auto window = window_in_key(kContributionPrefix, contribution.key);
      if (window && *window < keep_from) TRY(store_.remove(self_.bucket, contribution.key));
    }
    return {};
  }();
  if (dropped) return;
  log(LogLevel::kWarning, "miner", "old contributions stay",
      {{"uid", self_.uid}, {"reason", dropped.error().message}});
}

Status Miner::save() {
  if (!started_) return {};
  finish_saving();
  return save_state();
}

void Miner::begin_saving() {
  finish_saving();
  if (options_.state_file.empty()) return;
  saver_ = std::jthread([this, state = MinerState{untrained_window(), trainer_.iterations}] {
    saved_ = save_miner_state(options_.state_file, environment_.run_id, state, trainer_.feedback(),
                              replica_.engine().optimiser_state());
  });
}

void Miner::finish_saving() {
  if (!saver_.joinable()) return;
  saver_.join();
  if (saved_) return;
  log(LogLevel::kWarning, "miner", "own state not saved",
      {{"uid", self_.uid}, {"window", replica_.window()}, {"reason", saved_.error().message}});
}

Status Miner::save_state() {
  if (options_.state_file.empty()) return {};
  return save_miner_state(options_.state_file, environment_.run_id, {untrained_window(), trainer_.iterations},
                          trainer_.feedback(), replica_.engine().optimiser_state());
}

void Miner::load_state() {
  state_loaded_ = true;
  if (options_.state_file.empty()) return;
  const auto state = load_miner_state(options_.state_file, environment_.run_id, trainer_.feedback(),
                                      replica_.engine().optimiser_state());
  if (!state) {
    log(LogLevel::kWarning, "miner", "own state is unusable: starting with fresh moments",
        {{"uid", self_.uid}, {"reason", state.error().message}});
  } else if (*state) {
    untrained_ = (*state)->window;
    trainer_.iterations = (*state)->iterations;
  }
}

// After a catch-up the optimiser's moments stay. What was held back counts only where it goes up to the
// window that the model has come to, and no null round since has ended it: else it has been sent since, or
// belongs to windows that nobody has any more.
void Miner::settle_own_state(const CatchUpReport& report) {
  finish_saving();
  if (!state_loaded_) {
    load_state();
  } else if (report.checkpoint_window) {
    untrained_.reset();  // trained from a model that was wrong, or is far behind
  }
  const int64_t window = replica_.window();
  const bool fits = untrained_ && (*untrained_ == window || *untrained_ == window + 1);
  const bool ended = untrained_ && report.last_null_window && *report.last_null_window >= *untrained_ - 1;
  if (fits) contributed_window_ = std::max(contributed_window_, *untrained_ - 1);
  if (!fits || ended) trainer_.forget_feedback();
  if (report.moved()) trained_.window = -1;  // of the model before
}

void Miner::report(int64_t window, const Gathered& gathered, bool confirmed) {
  const NodeName self{name_of(NodeRole::kMiner), self_.uid};
  Measurement measurement = node_measurement("training_step_v2", self, environment_,
                                             {{"window", window},
                                              {"global_step", replica_.outer_step()},
                                              {"record_confirmed", static_cast<int64_t>(confirmed)},
                                              {"state_root", replica_.state_root().hex()}});
  add_gathered(measurement, gathered);
  if (trained_.window == window) {
    const InnerReport& inner = trained_.inner;
    add_fields(measurement,
               {{"loss", mean_of(inner.losses)},
                {"inner_steps", static_cast<int64_t>(inner.losses.size())},
                {"learning_rate", inner.learning_rate_last},
                {"gradient_norm", inner.gradient_norm_mean},
                {"tokens", inner.tokens},
                {"train_seconds", trained_.seconds},
                {"tokens_per_sec", static_cast<double>(inner.tokens) / std::max(trained_.seconds, 1e-9)},
                {"contribution_bytes", trained_.contribution_bytes}});
  }
  environment_.metrics.write(std::move(measurement));
  timeline_.report(self, window, environment_);
}

}  // namespace templar
