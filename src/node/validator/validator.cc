#include "node/validator/validator.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "core/protocol/object_keys.h"
#include "formats/checkpoint/checkpoint.h"
#include "node/catch_up/first_model.h"
#include "node/validator/evidence_collector.h"
#include "node/validator/judgement_report.h"
#include "node/window/gather_report.h"
#include "node/window/roster.h"

namespace templar {
namespace {

// The scoreboard's candidates, and with no weight the registered miners that it has not seen yet.
std::vector<PeerCandidate> with_newcomers(std::vector<PeerCandidate> candidates,
                                          std::span<const Registration> roster) {
  for (const Registration& node : roster) {
    if (node.role != NodeRole::kMiner ||
        std::ranges::find(candidates, node.uid, &PeerCandidate::uid) != candidates.end()) {
      continue;
    }
    candidates.push_back({.uid = node.uid, .weight = 0, .excluded = false});
  }
  return candidates;
}

}  // namespace

Validator::Validator(const NodeEnvironment& environment, ObjectStore& store, LedgerWriter& ledger,
                     Engine& engine, const KeyPair& key, const ValidatorOptions& options)
    : environment_(environment),
      store_(store),
      ledger_(ledger),
      key_(key),
      options_(options),
      clock_(environment.ledger, environment.spec.network),
      replica_(environment, engine, options.threads),
      catch_up_(environment, replica_, NodeRole::kValidator, key.public_key()),
      meter_(environment),
      publisher_(environment.spec, store, key,
                 {.threads = options.threads,
                  .shard_bytes = options.checkpoint_shard_bytes,
                  .retention = options.retention,
                  .tokenizer = options.tokenizer}) {
  // Ed25519 signatures are deterministic and nobody else can make this one.
  const Signature secret = key.sign(as_bytes("unassigned samples of run " + environment.run_id.hex()));
  sampling_key_.assign(secret.bytes.begin(), secret.bytes.end());
}

Result<Progress> Validator::advance() {
  if (!started_) return start();
  TRY(observe_publisher());
  if (checkpoint_due_ && others_wait_for_it_) {
    TRY(publish_checkpoint_now());
    return Progress::kWorked;
  }
  if (checkpoint_due_ && !publisher_.busy()) begin_checkpoint();
  if (options_.until_window && replica_.window() >= *options_.until_window) return Progress::kFinished;
  if (decision_) return judge_window();
  TRY_ASSIGN(const bool closed, clock_.is_closed(replica_.window()));
  return closed ? decide_window() : Progress::kWaiting;
}

Result<Progress> Validator::start() {
  TRY_ASSIGN(const std::vector<Registration> roster, environment_.ledger.registrations());
  const auto uid = uid_of(roster, key_.public_key());
  if (!uid)
    return fatal_error("validator: key " + key_.public_key().hex() + " is not registered on the ledger");
  self_ = *find_uid(roster, *uid);
  if (!state_loaded_) TRY(load_state());
  // A window that was decided but not judged before a restart is judged now, so the replay ends at the first
  // unjudged one.
  const Stopwatch watch;
  TRY_ASSIGN(const CatchUpState state,
             catch_up_.advance(has_state_ ? std::optional(state_.next_window) : std::nullopt));
  if (state == CatchUpState::kWorking) {
    timeline_.add("catch_up", watch);
    return Progress::kWorked;
  }
  if (state == CatchUpState::kBlocked) return Progress::kWaiting;
  if (state == CatchUpState::kNoCheckpoint) {
    TRY_ASSIGN(const bool begun, begin_run(roster));
    if (!begun) return Progress::kWaiting;
  }
  if (!has_state_) {
    state_.peers = select_peers(with_newcomers({}, roster), environment_.spec.network);
    state_.next_peers = state_.peers;
  }
  state_.next_window = replica_.window();
  const CatchUpReport& report = catch_up_.report();
  if (report.checkpoint_window) newest_checkpoint_ = report.checkpoint_window;
  if (report.moved() && report.checkpoint_window != replica_.window()) note_checkpoint();
  // From its first window on, a restart begins at the first one that is not judged.
  if (!has_state_) TRY(store_state(state_));
  has_state_ = true;
  started_ = true;
  log(LogLevel::kInfo, "validator", "in sync",
      {{"uid", self_.uid}, {"window", replica_.window()}, {"state_root", replica_.state_root().brief()}});
  return Progress::kWorked;
}

Status Validator::load_state() {
  TRY_ASSIGN(const auto stored, store_.head(self_.bucket, kValidatorStateKey));
  if (stored) {
    TRY_ASSIGN(const Bytes text, store_.get(self_.bucket, kValidatorStateKey, kMaxValidatorStateBytes));
    TRY_ASSIGN(state_, parse_validator_state(text));
  }
  has_state_ = stored.has_value();
  state_loaded_ = true;
  return {};
}

// Of a run without a checkpoint; only who leads does it, and only once.
Result<bool> Validator::begin_run(std::span<const Registration> roster) {
  if (!leads(roster)) return false;
  if (state_.scoreboard.window >= 0) {
    return fatal_error(
        fmt::format("validator: bucket {} has a scoreboard up to window {} but no usable checkpoint: a run "
                    "that has begun is not begun again",
                    self_.bucket, state_.next_window));
  }
  TRY_ASSIGN(const std::optional<int64_t> current, clock_.current_window());
  if (!current) return false;
  log(LogLevel::kInfo, "validator", "leads a new run", {{"uid", self_.uid}, {"start_window", *current}});
  TRY(begin_first_model(environment_, replica_, *current));
  checkpoint_due_ = others_wait_for_it_ = true;
  return true;
}

Result<Progress> Validator::decide_window() {
  const int64_t window = replica_.window();
  TRY_ASSIGN(const std::vector<Registration> roster, environment_.ledger.registrations());
  const std::optional<Registration> leader = leader_of(roster);
  if (!leader) return fatal_error("validator: the ledger has no validator, so nobody leads the run");
  // Also the leader looks for a record: before a restart it may have published one, and that one stands.
  const auto record = read_record(environment_, *leader, window);
  if (!record && record.error().kind != ErrorKind::kSkip) return std::unexpected(record.error());
  const bool recorded = record && record->has_value();
  const bool leading = leads(roster);
  if (!recorded && !leading) {
    TRY_ASSIGN(const bool waited, clock_.is_closed(window, environment_.spec.network.record_wait_seconds));
    if (!waited) return Progress::kWaiting;
  }
  if (recorded && (*record)->state_root != replica_.state_root()) {
    catch_up_.heal_from(**record);
    started_ = false;
    return Progress::kWorked;
  }

  const auto phase = timeline_.phase("gather");
  TRY_ASSIGN(const std::optional<PutWindow> times, clock_.put_window_of(window));
  TRY_ASSIGN(const Hash256 block_hash, clock_.block_hash(window));
  Decision decision;
  decision.request = {.plan = replica_.plan(),
                      .peers = recorded ? selection_of(**record) : state_.peers_in(window),
                      .roster = roster,
                      .times = *times,
                      .block_hash = block_hash,
                      .state_root = replica_.state_root(),
                      .parameters = std::as_const(replica_.engine()).parameters()};
  TRY_ASSIGN(decision.gathered, gather(environment_, decision.request));
  if (recorded) {
    TRY_ASSIGN(const bool taken, take_record(**record, decision));
    if (!taken) return Progress::kWorked;
  } else if (leading) {
    TRY(publish_record(decision));
  }
  decision_ = std::move(decision);
  return Progress::kWorked;
}

Result<bool> Validator::take_record(const AggregateRecord& record, Decision& decision) {
  Gathered& gathered = decision.gathered;
  log_differences(gathered, record, "validator", self_.uid);
  TRY_ASSIGN(NamedContributions named,
             fetch_named(environment_, record, decision.request.roster, std::move(gathered.accepted)));
  if (!named.missing.empty()) {
    catch_up_.wait_for(record, std::move(named.missing));
    started_ = false;
    return false;
  }
  gathered.accepted = std::move(named.found);
  gathered.rejected = record.rejected;  // nobody is both
  return true;
}

// What a record names must stay to be had, whatever becomes of its miners' buckets: copies of it come before
// the record.
Status Validator::publish_record(const Decision& decision) {
  AggregateRecord record{
      .run_id = environment_.run_id,
      .window = replica_.window(),
      .outer_step = replica_.outer_step(),
      .state_root = replica_.state_root(),
      .gather_peers = {decision.request.peers.gather.begin(), decision.request.peers.gather.end()},
      .reserve_peers = {decision.request.peers.reserve.begin(), decision.request.peers.reserve.end()},
      .accepted = {},
      .rejected = decision.gathered.rejected,
      .leader = key_.public_key()};
  for (const Contribution& contribution : decision.gathered.accepted) {
    const uint32_t uid = contribution.header().uid;
    TRY(store_.put(self_.bucket, accepted_contribution_key(record.window, uid), contribution.bytes()));
    record.accepted.push_back({uid, contribution.content_hash(), contribution.size_bytes()});
  }
  return store_.put(self_.bucket, aggregate_record_key(record.window),
                    seal_aggregate_record(std::move(record), key_));
}

Result<Progress> Validator::judge_window() {
  const Stopwatch watch;
  const int64_t window = replica_.window();
  if (window <= state_.scoreboard.window) {  // judged before a restart that set the model further back
    finish_window();
    return Progress::kWorked;
  }
  TRY_ASSIGN(const Evidence evidence, measure_contributions());
  const AdvanceResult result = advance_scoreboard(state_.scoreboard, evidence, environment_.spec);
  TRY(settle(result, window));
  // From here on nothing can fail: the model, the scoreboard and the window move together.
  finish_window();
  report_judgement(environment_, self_.uid, {evidence, result, replica_, watch.seconds()});
  timeline_.report({name_of(NodeRole::kValidator), self_.uid}, window, environment_);
  return Progress::kWorked;
}

Result<Evidence> Validator::measure_contributions() {
  const auto phase = timeline_.phase("evaluate");
  return collect_evidence(environment_, replica_, meter_,
                          {.request = decision_->request,
                           .gathered = decision_->gathered,
                           .scoreboard = state_.scoreboard,
                           .sampling_key = sampling_key_});
}

void Validator::finish_window() {
  {
    const auto phase = timeline_.phase("apply");
    replica_.close_window(as_list(decision_->gathered.accepted));
    decision_.reset();
  }
  note_checkpoint();
  if (checkpoint_due_) drop_old_copies();
}

// Those that are older than what miners have to keep, and than the checkpoint from which somebody would catch
// up. What can't be removed now is removed the next time.
void Validator::drop_old_copies() {
  if (!newest_checkpoint_) return;
  const int64_t retained_from = replica_.window() - environment_.spec.network.contribution_retention_windows;
  const int64_t keep_from = std::min(retained_from, *newest_checkpoint_);
  const auto dropped = [&]() -> Status {
    TRY_ASSIGN(const std::vector<ObjectInfo> copies, store_.list(self_.bucket, kAcceptedContributionPrefix));
    for (const ObjectInfo& copy : copies) {
      const auto window = window_in_key(kAcceptedContributionPrefix, copy.key);
      if (window && *window < keep_from) TRY(store_.remove(self_.bucket, copy.key));
    }
    return {};
  }();
  if (dropped) return;
  log(LogLevel::kWarning, "validator", "old copies of contributions stay",
      {{"uid", self_.uid}, {"window", replica_.window()}, {"reason", dropped.error().message}});
}

Status Validator::settle(const AdvanceResult& result, int64_t window) {
  const NetworkSpec& network = environment_.spec.network;
  ValidatorState next = state_;
  next.next_window = window + 1;
  next.scoreboard = result.scoreboard;
  if (makes_peer_list(network, window)) {
    next.peers = state_.peers_in(window);
    next.next_peers = select_peers(with_newcomers(result.candidates, decision_->request.roster), network);
    next.next_peers_from = window + network.peer_list_window_margin;
  }
  if ((window + 1) % environment_.spec.scoring.windows_per_weights == 0) {
    std::vector<WeightEntry> weights;
    for (const auto& [uid, weight] : result.weights) weights.push_back({uid, weight});
    TRY(ledger_.set_weights(self_.uid, weights));
  }
  TRY(store_state(next));
  state_ = std::move(next);
  return {};
}

Status Validator::store_state(const ValidatorState& state) {
  const std::string text = encode_validator_state(state);
  return store_.put(self_.bucket, kValidatorStateKey, as_bytes(text));
}

// A due checkpoint that waited behind another one, still under way, is overtaken by the next.
void Validator::note_checkpoint() {
  const bool last = replica_.window() == options_.until_window;
  const bool due = last || replica_.window() % environment_.spec.network.checkpoint_interval == 0;
  checkpoint_due_ = due || checkpoint_due_ || std::exchange(retry_checkpoint_, false);
  others_wait_for_it_ = checkpoint_due_ && (last || !options_.background_checkpoints);
}

Status Validator::observe_publisher() {
  const std::optional<Status> outcome = publisher_.outcome();
  return outcome ? take_outcome(*outcome) : Status();
}

// What could not be published is published with the next window's model; a person has to act on anything
// else.
Status Validator::take_outcome(const Status& outcome) {
  const std::optional<UnderWay> checkpoint = std::exchange(under_way_, std::nullopt);
  if (checkpoint) timeline_.add("checkpoint", checkpoint->since);
  if (outcome) {
    if (checkpoint) newest_checkpoint_ = checkpoint->window;
    return {};
  }
  if (outcome.error().kind != ErrorKind::kRetry) return outcome;
  log(LogLevel::kWarning, "validator", "checkpoint not published: will try with the next window's",
      {{"uid", self_.uid},
       {"window", checkpoint ? checkpoint->window : -1},
       {"reason", outcome.error().message}});
  retry_checkpoint_ = true;
  return {};
}

void Validator::begin_checkpoint() {
  const CheckpointInfo info{.window = replica_.window(),
                            .outer_step = replica_.outer_step(),
                            .state_root = replica_.state_root(),
                            .start_window = replica_.start_window()};
  publisher_.begin(self_.bucket, info,
                   meter_.start_copy().take(info.state_root, std::as_const(replica_.engine()).parameters(),
                                            replica_.team()));
  under_way_ = {.window = info.window, .since = {}};
  checkpoint_due_ = false;
}

Status Validator::publish_checkpoint_now() {
  TRY(take_outcome(publisher_.wait()));
  begin_checkpoint();
  const Status published = publisher_.wait();
  if (!published) {
    under_way_.reset();
    checkpoint_due_ = true;
    return published;
  }
  others_wait_for_it_ = false;
  return take_outcome(published);
}

Status Validator::finish() {
  return take_outcome(publisher_.wait());
}

bool Validator::leads(std::span<const Registration> roster) const {
  const auto leader = leader_of(roster);
  return leader && leader->key == key_.public_key();
}

}  // namespace templar
