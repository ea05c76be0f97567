#include "node/miner/miner.h"

#include <algorithm>

#include "base/files/file.h"
#include "base/log/log.h"
#include "core/consensus/possession.h"
#include "core/protocol/object_keys.h"
#include "node/miner/pseudo_gradient_dump.h"
#include "node/window/object_retention.h"
#include "node/window/records.h"
#include "ports/metric_fields.h"
#include "ports/roster.h"

namespace templar {
namespace {

// Whose contributions were taken and whose were not.
void add_gathered(Measurement& measurement, const Gathered& gathered) {
  std::vector<int64_t> accepted;
  std::vector<int64_t> rejected;
  for (const Contribution& contribution : gathered.accepted) accepted.push_back(contribution.header().uid);
  for (const RejectedContribution& contribution : gathered.rejected) rejected.push_back(contribution.uid);
  const size_t all = accepted.size() + rejected.size();
  add_fields(measurement, {{"gather_accepted", static_cast<int64_t>(accepted.size())},
                           {"gather_rejected", static_cast<int64_t>(rejected.size())}});
  if (all > 0) {
    add_fields(measurement, {{"gather_success_rate",
                              100.0 * static_cast<double>(accepted.size()) / static_cast<double>(all)}});
  }
  add_list_field(measurement, "gather_peers", accepted);
  add_list_field(measurement, "skipped_peers", rejected);
}

}  // namespace

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

// A dump that fails is logged, and the window goes on without it.
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
  if (!in_run_) return come_into_run();
  if (options_.until_window && replica_.window() >= *options_.until_window) return Progress::kFinished;
  TRY_ASSIGN(const std::optional<int64_t> current, clock_.current_window());
  // Only in the window that is going on: in an earlier one the contribution would come too late.
  if (current == replica_.window() && contributed_window_ < replica_.window()) return train_window();
  TRY_ASSIGN(const bool closed, clock_.is_closed(replica_.window()));
  if (!closed) return Progress::kAwaitsBlock;
  // If the next window is over too, the miner is late, and records lead faster to the present than gathers.
  // But if catching up has already ended here for want of a record, its own gather is all that is left.
  TRY_ASSIGN(const bool fell_behind, clock_.is_closed(replica_.window() + 1));
  if (!fell_behind || unrecorded_window_ == replica_.window()) return close_window();
  leave_run();
  return Progress::kWorked;
}

void Miner::leave_run() {
  in_run_ = false;
  feedback_ended_before_ = first_untrained_window();
}

Result<Progress> Miner::come_into_run() {
  TRY_ASSIGN(const std::vector<Registration> roster, environment_.ledger.registrations());
  const auto uid = uid_of(roster, key_.public_key());
  if (!uid) return fatal_error("miner: key " + key_.public_key().hex() + " is not registered on the ledger");
  self_ = *find_uid(roster, *uid);
  const Stopwatch watch;
  TRY_ASSIGN(const CatchUpState state, catch_up_.advance(options_.until_window));
  if (state == CatchUpState::kWorking) timeline_.add("catch_up", watch);
  if (state == CatchUpState::kWorking) return Progress::kWorked;
  if (state != CatchUpState::kInSync) return Progress::kAwaitsObject;
  const CatchUpReport& report = catch_up_.report();
  TRY(settle_own_state(report));
  drop_contributions_passed_over();
  unrecorded_window_ = report.moved() ? std::nullopt : std::optional(replica_.window());
  in_run_ = true;
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
  // Training twice for one window would enter it twice into the feedback: if the store was away, or the
  // process ended between training and publishing, only the put is made up for.
  if (!unpublished_ || unpublished_->window != plan.window) {
    // A contribution is written once. Where the own state was lost there may be one that the leader's record
    // already names, and a second one would have another hash.
    TRY_ASSIGN(const auto published, store_.head(self_.bucket, contribution_key(plan.window)));
    if (published) {
      trainer_.forget_feedback();  // of before that contribution: it still holds what was sent with it
      contributed_window_ = plan.window;
      return Progress::kWorked;
    }
    TRY_ASSIGN(std::optional<Bytes> contribution, make_contribution(plan));
    if (!contribution) {
      contributed_window_ = plan.window;  // given up: the window goes on without this miner
      unpublished_.reset();               // of an earlier window, if the store was away for all of it
      save_where_it_stands();
      return Progress::kWorked;
    }
    unpublished_ = {.window = plan.window, .bytes = *std::move(contribution)};
    // Before others can see the contribution: whoever is killed from here on goes on with the feedback and
    // the moments that belong to it, and the run becomes what it would have become.
    save_where_it_stands();
  }
  TRY(publish());
  return Progress::kWorked;
}

Status Miner::publish() {
  const auto phase = timeline_.phase("publish");
  TRY(store_.put(self_.bucket, contribution_key(unpublished_->window), unpublished_->bytes));
  contributed_window_ = unpublished_->window;
  unpublished_.reset();
  return {};
}

Result<std::optional<Bytes>> Miner::make_contribution(const WindowPlan& plan) {
  const auto phase = timeline_.phase("train");
  const Stopwatch watch;
  TRY_ASSIGN(const Hash256 block_hash, clock_.block_hash(plan.window));
  TRY_ASSIGN(const Shard shard, open_active_shard(environment_, plan));
  const SampleAssignment assignment = assigned_samples(environment_, plan, shard, self_.uid);
  auto trained = trainer_.train(replica_, assignment, shard);
  if (!trained && trained.error().kind == ErrorKind::kSkip) {
    log(LogLevel::kWarning, "miner", "window skipped",
        {{"uid", self_.uid}, {"window", plan.window}, {"reason", trained.error().message}});
    return std::nullopt;
  }
  if (!trained) return std::unexpected(trained.error());
  TRY_ASSIGN(const ConstParameterSpans parameters, replica_.parameters());
  const ContributionHeader header{
      .run_id = environment_.run_id,
      .window = plan.window,
      .uid = self_.uid,
      .public_key = key_.public_key(),
      .state_root = replica_.state_root(),
      .possession_proof = prove_possession(parameters, block_hash, self_.uid, plan.window),
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
  const DecidingNode self{
      .name = {name_of(NodeRole::kMiner), self_.uid},
      .peers_without_record = [this](const Registration& leader, const std::string& problem) {
        return peers_without_record(leader, problem);
      }};
  TRY_ASSIGN(const WindowDecision decision, decide_window(environment_, replica_, timeline_, self));
  if (std::holds_alternative<RecordAwaited>(decision)) return Progress::kAwaitsObject;
  if (catch_up_.take_over(decision)) {
    leave_run();
    return Progress::kWorked;
  }
  const auto& decided = std::get<DecidedWindow>(decision);
  TRY(apply(decided.gathered.accepted));
  report(window, decided);
  drop_expired_contribution();
  return Progress::kWorked;
}

Result<PeerSelection> Miner::peers_without_record(const Registration& leader,
                                                  const std::string& problem) const {
  log(LogLevel::kWarning, "miner", "no record of the leader: own gather stands",
      {{"uid", self_.uid}, {"window", replica_.window()}, {"reason", problem}});
  TRY_ASSIGN(std::optional<PeerSelection> peers, peers_in_force(environment_, leader, replica_.window()));
  // Without peers the window becomes a null round.
  return std::move(peers).value_or(PeerSelection{});
}

Status Miner::apply(const std::vector<Contribution>& accepted) {
  const auto phase = timeline_.phase("apply");
  if (accepted.empty()) {
    // In a null round what was sent had no effect, but the feedback was made as if it had.
    trainer_.forget_feedback();
    save_where_it_stands();
  }
  TRY(replica_.close_window(accepted));
  if (unpublished_ && unpublished_->window < replica_.window()) unpublished_.reset();
  return {};
}

// With every window one contribution becomes too old, so nothing needs to be listed. A failure leaves an old
// object behind and nothing else: the window itself is done.
void Miner::drop_expired_contribution() {
  const int64_t keep_from = replica_.window() - environment_.spec.network.contribution_retention_windows;
  const Status dropped =
      keep_from > 0 ? store_.remove(self_.bucket, contribution_key(keep_from - 1)) : Status{};
  if (dropped) return;
  log(LogLevel::kWarning, "miner", "old contribution not removed",
      {{"uid", self_.uid}, {"window", replica_.window()}, {"reason", dropped.error().message}});
}

// A catch-up passes over windows without dropping a contribution after each.
void Miner::drop_contributions_passed_over() {
  const int64_t keep_from = replica_.window() - environment_.spec.network.contribution_retention_windows;
  const Status dropped = remove_older_than(store_, self_.bucket, kContributionPrefix, keep_from);
  if (dropped) return;
  log(LogLevel::kWarning, "miner", "old contributions stay",
      {{"uid", self_.uid}, {"reason", dropped.error().message}});
}

int64_t Miner::first_untrained_window() const {
  const int64_t trained =
      unpublished_ ? std::max(unpublished_->window, contributed_window_) : contributed_window_;
  return std::max(replica_.window(), trained + 1);
}

Status Miner::save() {
  if (!in_run_ || options_.state_file.empty()) return {};
  return write_own_state(Durability::kPowerCut);
}

void Miner::save_where_it_stands() {
  if (options_.state_file.empty()) return;
  const auto phase = timeline_.phase("save");
  // A power cut costs the windows since the newest checkpoint anyway: its restart begins there.
  const bool is_before_checkpoint =
      first_untrained_window() % environment_.spec.network.checkpoint_interval == 0;
  const Status saved =
      write_own_state(is_before_checkpoint ? Durability::kPowerCut : Durability::kKilledProcess);
  if (saved) return;
  log(LogLevel::kWarning, "miner", "own state not saved",
      {{"uid", self_.uid}, {"window", replica_.window()}, {"reason", saved.error().message}});
}

// What is not synced to the disk stands beside what is: a power cut may tear it.
std::filesystem::path Miner::latest_state_file() const {
  std::filesystem::path file = options_.state_file;
  file += ".latest";
  return file;
}

Status Miner::write_own_state(Durability durability) {
  TRY_ASSIGN(const OptimiserState optimiser, replica_.engine().optimiser_state());
  const MinerState state{.window = first_untrained_window(),
                         .iterations = trainer_.iterations,
                         .contribution = unpublished_ ? unpublished_->bytes : Bytes()};
  const bool is_synced = durability == Durability::kPowerCut;
  const std::filesystem::path file = is_synced ? options_.state_file : latest_state_file();
  TRY(save_miner_state({file, environment_.run_id, environment_.layout}, state, trainer_.feedback(),
                       optimiser, durability));
  if (!is_synced) return {};
  std::error_code error;
  std::filesystem::remove(latest_state_file(), error);  // older now
  return error ? file_error(latest_state_file(), error.value()) : Status();
}

Status Miner::load_own_state() {
  own_state_loaded_ = true;
  if (options_.state_file.empty()) return {};
  for (const std::filesystem::path& file : {latest_state_file(), options_.state_file}) {
    std::optional<MinerState> state;
    const Status loaded = replica_.engine().edit_optimiser_state([&](OptimiserState& optimiser) -> Status {
      TRY_ASSIGN(state, load_miner_state({file, environment_.run_id, environment_.layout},
                                         trainer_.feedback(), optimiser));
      return {};
    });
    TRY(fail_unless_skip(loaded));
    if (!loaded) {
      log(LogLevel::kWarning, "miner", "own state is unusable: going on without it",
          {{"uid", self_.uid}, {"reason", loaded.error().message}});
    } else if (state) {
      feedback_ended_before_ = state->window;
      trainer_.iterations = state->iterations;
      if (!state->contribution.empty())
        unpublished_ = {.window = state->window - 1, .bytes = std::move(state->contribution)};
      return {};
    }
  }
  return {};
}

// After a catch-up the optimiser's moments stay, whatever has happened. The feedback, what was learnt and not
// sent yet, stays only if it fits the model that the replica has come to.
Status Miner::settle_own_state(const CatchUpReport& report) {
  if (!own_state_loaded_) {
    TRY(load_own_state());
  } else if (own_state_settled_ && report.checkpoint_window) {
    // In a running process a checkpoint takes the place of a model that was wrong or far behind, and the
    // feedback was made from that one. After a restart it only brings the model back.
    feedback_ended_before_.reset();
  }
  const int64_t window = replica_.window();
  // It fits if it ends right before the replica's window, or with it: then the miner had contributed to this
  // window before it left the run. If it ends earlier, windows have passed since in which it was due; if
  // later, it comes from windows that this model has not seen.
  const bool fits =
      feedback_ended_before_ && (*feedback_ended_before_ == window || *feedback_ended_before_ == window + 1);
  // A null round in the last window of the feedback, or after it, ends it as in apply().
  const bool ended = feedback_ended_before_ && report.last_null_window &&
                     *report.last_null_window >= *feedback_ended_before_ - 1;
  TRY_ASSIGN(const bool is_due, is_unpublished_due(fits));
  if (!is_due) unpublished_.reset();
  // What the feedback has gone through is not trained again, also after a restart: it would enter it twice.
  const int64_t contributed_before = feedback_ended_before_.value_or(0) - (is_due ? 1 : 0);
  if (fits) contributed_window_ = std::max(contributed_window_, contributed_before - 1);
  if (!fits || ended) {
    trainer_.forget_feedback();
    if (feedback_ended_before_ || report.checkpoint_window)
      save_where_it_stands();  // or a restart brings it back
  }
  if (report.moved()) trained_.window = -1;  // what was trained started from the model before
  own_state_settled_ = true;
  return {};
}

// Whether the contribution that was trained, but perhaps never published, can still be: its window is the
// replica's, and the store has none.
Result<bool> Miner::is_unpublished_due(bool feedback_fits) const {
  if (!feedback_fits || !unpublished_ || unpublished_->window != replica_.window()) return false;
  TRY_ASSIGN(const auto published, store_.head(self_.bucket, contribution_key(unpublished_->window)));
  return !published;
}

void Miner::report(int64_t window, const DecidedWindow& decided) {
  const NodeName self{name_of(NodeRole::kMiner), self_.uid};
  Measurement measurement =
      node_measurement("training_step_v2", self, environment_,
                       {{"window", window},
                        {"global_step", replica_.outer_step()},
                        {"record_confirmed", static_cast<int64_t>(decided.record.has_value())},
                        {"state_root", replica_.state_root().hex()}});
  add_gathered(measurement, decided.gathered);
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
