#include "node/validator/validator.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log/log.h"
#include "core/protocol/object_keys.h"
#include "node/catch_up/first_model.h"
#include "node/validator/judgement_report.h"
#include "node/window/object_retention.h"
#include "ports/roster.h"

namespace templar {

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
      start_copy_(environment.layout),
      meter_(environment, start_copy_),
      checkpoints_(environment.spec, store, key, replica_, start_copy_, timeline_,
                   {.until_window = options.until_window,
                    .in_background = options.background_checkpoints,
                    .publisher = {.threads = options.threads,
                                  .shard_bytes = options.checkpoint_shard_bytes,
                                  .retention = options.retention,
                                  .tokenizer = options.tokenizer}}) {
  // Ed25519 signatures are deterministic and nobody else can make this one.
  const Signature secret = key.sign(as_bytes("unassigned samples of run " + environment.run_id.hex()));
  sampling_key_.assign(secret.bytes.begin(), secret.bytes.end());
}

Result<Progress> Validator::advance() {
  if (!in_run_) return come_into_run();
  // Before all else, also before the end: the checkpoint of the last window is published before this is
  // finished.
  TRY_ASSIGN(const bool waited_for_checkpoint, checkpoints_.advance(self_));
  if (waited_for_checkpoint) return Progress::kWorked;
  if (options_.until_window && replica_.window() >= *options_.until_window) return Progress::kFinished;
  // Deciding and judging are two calls: the other nodes wait for the leader's record, not for its judgement.
  if (decided_) return judge_window();
  TRY_ASSIGN(const bool closed, clock_.is_closed(replica_.window()));
  return closed ? decide_closed_window() : Progress::kAwaitsBlock;
}

Result<Progress> Validator::come_into_run() {
  TRY_ASSIGN(const std::vector<Registration> roster, environment_.ledger.registrations());
  const auto uid = uid_of(roster, key_.public_key());
  if (!uid)
    return fatal_error("validator: key " + key_.public_key().hex() + " is not registered on the ledger");
  self_ = *find_uid(roster, *uid);
  // Once in a process: from then on state_ is newer than what the bucket had.
  if (!asked_for_state_) TRY(load_state());
  // The replay ends at the first window that has not been judged: windows before it are in the scoreboard,
  // and one that was decided but not judged before a restart is judged now.
  const Stopwatch watch;
  TRY_ASSIGN(const CatchUpState state,
             catch_up_.advance(has_state_ ? std::optional(state_.next_window) : std::nullopt));
  if (state == CatchUpState::kWorking) {
    timeline_.add("catch_up", watch);
    return Progress::kWorked;
  }
  if (state == CatchUpState::kBlocked) return Progress::kAwaitsObject;
  if (state == CatchUpState::kNoCheckpoint) {
    TRY_ASSIGN(const bool begun, begin_run(roster));
    if (!begun) return Progress::kAwaitsObject;
  }
  if (!has_state_) {
    state_.peers = select_peers(with_newcomers({}, miner_uids(roster)), environment_.spec.network);
    state_.next_peers = state_.peers;
  }
  state_.next_window = replica_.window();
  const CatchUpReport& report = catch_up_.report();
  if (report.checkpoint_window) checkpoints_.came_from(*report.checkpoint_window);
  // A replay asks about none of the windows it passes: only the one that it ended at may be due. The one that
  // the model was loaded from has its checkpoint already.
  if (report.moved() && report.checkpoint_window != replica_.window()) checkpoints_.enter_window();
  // Stored before the first window is judged: from now on a restart begins at the first unjudged window.
  if (!has_state_) TRY(store_state(state_));
  has_state_ = true;
  in_run_ = true;
  log(LogLevel::kInfo, "validator", "in sync",
      {{"uid", self_.uid}, {"window", replica_.window()}, {"state_root", replica_.state_root().brief()}});
  return Progress::kWorked;
}

Status Validator::load_state() {
  TRY_ASSIGN(const auto stored, store_.head(self_.bucket, kValidatorStateKey));
  if (stored) {
    TRY_ASSIGN(const Bytes text, store_.get(self_.bucket, kValidatorStateKey, kMaxValidatorStateBytes));
    auto state = parse_validator_state(text);
    if (!state) {
      return fatal_error(fmt::format(
          "{}/{} in the store can't be used: {}. Put a good copy of it there; or remove it, and this "
          "validator begins a new scoreboard at the newest checkpoint, without what it knew of the "
          "miners",
          self_.bucket, kValidatorStateKey, state.error().message));
    }
    state_ = std::move(*state);
  }
  has_state_ = stored.has_value();
  asked_for_state_ = true;
  return {};
}

// Begins a run that has no checkpoint yet; false if this validator is not the leader, or there is no ledger
// block yet. A run begins only once.
Result<bool> Validator::begin_run(std::span<const Registration> roster) {
  const std::optional<Registration> leader = leader_of(roster);
  if (!leader || leader->key != key_.public_key()) return false;
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
  checkpoints_.enter_new_run();
  return true;
}

Result<Progress> Validator::decide_closed_window() {
  const DecidingNode self{.name = {name_of(NodeRole::kValidator), self_.uid},
                          .peers_without_record = [this](const Registration&, const std::string&) {
                            return Result<PeerSelection>(state_.peers_in(replica_.window()));
                          }};
  TRY_ASSIGN(WindowDecision decision, decide_window(environment_, replica_, timeline_, self));
  if (std::holds_alternative<RecordAwaited>(decision)) return Progress::kAwaitsObject;
  if (catch_up_.take_over(decision)) {
    in_run_ = false;
    return Progress::kWorked;
  }
  auto& decided = std::get<DecidedWindow>(decision);
  if (decided.record) {
    // Our own gather may have rejected what the record accepts: with the record's list no uid is on both
    // sides, as evidence demands.
    decided.gathered.rejected = decided.record->rejected;
  } else if (decided.leader.uid == self_.uid) {
    TRY(publish_record(decided));
  }
  decided_ = std::move(decided);
  return Progress::kWorked;
}

// What a record names must stay readable, whatever becomes of its miners' buckets: copies of the
// contributions are stored before the record.
Status Validator::publish_record(const DecidedWindow& decided) {
  const auto phase = timeline_.phase("gather");  // of the whole run: the other nodes wait for the record
  AggregateRecord record{
      .run_id = environment_.run_id,
      .window = replica_.window(),
      .outer_step = replica_.outer_step(),
      .state_root = replica_.state_root(),
      .gather_peers = {decided.request.peers.gather.begin(), decided.request.peers.gather.end()},
      .reserve_peers = {decided.request.peers.reserve.begin(), decided.request.peers.reserve.end()},
      .accepted = {},
      .rejected = decided.gathered.rejected,
      .leader = key_.public_key()};
  for (const Contribution& contribution : decided.gathered.accepted) {
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
  // It has been judged if a restart, or healing, has set the model further back than the scoreboard.
  if (window <= state_.scoreboard.window) {
    TRY(finish_window());
    return Progress::kWorked;
  }
  TRY_ASSIGN(const Evidence evidence, measure_contributions());
  const AdvanceResult result = advance_scoreboard(state_.scoreboard, evidence, environment_.spec);
  TRY(settle(result, window));
  // The scoreboard has this window now: if the outer step fails after all, it is made later without judging
  // again.
  TRY(finish_window());
  report_judgement(environment_, self_.uid, {evidence, result, replica_, watch.seconds()});
  timeline_.report({name_of(NodeRole::kValidator), self_.uid}, window, environment_);
  return Progress::kWorked;
}

Result<Evidence> Validator::measure_contributions() {
  const auto phase = timeline_.phase("evaluate");
  return collect_evidence(environment_, replica_, meter_,
                          {.gather = decided_->request,
                           .gathered = decided_->gathered,
                           .scoreboard = state_.scoreboard,
                           .sampling_key = sampling_key_});
}

Status Validator::finish_window() {
  {
    const auto phase = timeline_.phase("apply");
    TRY(replica_.close_window(decided_->gathered.accepted));
    decided_.reset();
  }
  checkpoints_.enter_window();
  if (checkpoints_.due()) drop_old_copies();
  return {};
}

// Copies stay as long as miners have to keep their contributions, and longer if the newest checkpoint is
// older than that: a node that comes into the run from it needs all windows since. Records stay longer. What
// can't be removed now is removed the next time.
void Validator::drop_old_copies() {
  if (!checkpoints_.newest_window()) return;
  const int64_t retained_from = replica_.window() - environment_.spec.network.contribution_retention_windows;
  const int64_t keep_from = std::min(retained_from, *checkpoints_.newest_window());
  Status dropped = remove_older_than(store_, self_.bucket, kAcceptedContributionPrefix, keep_from);
  if (dropped && options_.keep_records > 0) {
    // Whose record is missing asks for the peers in force in the two stretches around it.
    const int64_t stretches = 2 * environment_.spec.network.peer_replacement_frequency;
    dropped = remove_older_than(store_, self_.bucket, kAggregateRecordPrefix,
                                std::min(keep_from - stretches, replica_.window() - options_.keep_records));
  }
  if (dropped) return;
  log(LogLevel::kWarning, "validator", "old copies of contributions, or old records, stay",
      {{"uid", self_.uid}, {"window", replica_.window()}, {"reason", dropped.error().message}});
}

Status Validator::settle(const AdvanceResult& result, int64_t window) {
  const NetworkSpec& network = environment_.spec.network;
  ValidatorState next = state_;
  next.next_window = window + 1;
  next.scoreboard = result.scoreboard;
  if (makes_peer_list(network, window)) {
    next.peers = state_.peers_in(window);
    next.next_peers =
        select_peers(with_newcomers(result.candidates, miner_uids(decided_->request.roster)), network);
    next.next_peers_from = window + network.peer_list_window_margin;
  }
  // The weights first. If the state is not stored after them, the window is judged again and gives the same
  // weights; the other way round a node that is killed in between would leave them out.
  if ((window + 1) % environment_.spec.scoring.windows_per_weights == 0) {
    std::vector<WeightEntry> weights;
    for (const auto& [uid, weight] : result.weights) weights.push_back({uid, weight});
    TRY(ledger_.set_weights(self_.uid, weights));
  }
  // In memory it counts only once it is stored: after a failure the window is judged again from the old
  // state.
  TRY(store_state(next));
  state_ = std::move(next);
  return {};
}

Status Validator::store_state(const ValidatorState& state) {
  const std::string text = encode_validator_state(state);
  return store_.put(self_.bucket, kValidatorStateKey, as_bytes(text));
}

}  // namespace templar
