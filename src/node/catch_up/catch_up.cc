#include "node/catch_up/catch_up.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "formats/checkpoint/checkpoint.h"
#include "node/catch_up/checkpoint_search.h"
#include "node/window/roster.h"

namespace templar {
namespace {

// The one place from which checkpoints are looked for and loaded. Overwrites the replica's parameters.
Result<std::optional<FoundCheckpoint>> load_checkpoint_into(const NodeEnvironment& environment,
                                                            Replica& replica) {
  replica.discard();
  TRY_ASSIGN(const std::vector<Registration> roster, environment.ledger.registrations());
  return load_newest_checkpoint(environment, roster, replica.engine().parameters(), replica.team());
}

// The window of the newest checkpoint that somebody has published, usable or not.
Result<std::optional<int64_t>> newest_checkpoint_window(const NodeEnvironment& environment,
                                                        const Registration& leader) {
  TRY_ASSIGN(const std::vector<int64_t> windows, list_checkpoints(environment.store, leader.bucket));
  if (windows.empty()) return std::nullopt;
  return windows.back();
}

}  // namespace

Result<CatchUpState> CatchUp::advance(std::optional<int64_t> until_window) {
  TRY_ASSIGN(const std::vector<Registration> roster, environment_.ledger.registrations());
  node_.uid = uid_of(roster, key_).value_or(0);
  const std::optional<Registration> leader = leader_of(roster);
  if (!leader) return CatchUpState::kNoCheckpoint;
  if (finished_) report_ = {};
  finished_ = false;
  if (obstacle_) {
    TRY_ASSIGN(const bool passed, pass_obstacle(*leader));
    return passed ? CatchUpState::kWorking : CatchUpState::kBlocked;
  }
  if (!replica_.begun()) {
    TRY_ASSIGN(const bool begun, begin(*leader));
    return begun ? CatchUpState::kWorking : CatchUpState::kNoCheckpoint;
  }
  if (diverged_ && replica_.window() >= diverged_->window) {
    compare_with_diverged();
    return CatchUpState::kWorking;
  }
  if (!diverged_ && until_window && replica_.window() >= *until_window) return finish();
  auto state = replay_next(*leader, diverged_ ? std::nullopt : until_window);
  if (!state) prefetcher_.reset();
  return state;
}

Result<CatchUpState> CatchUp::finish() {
  prefetcher_.reset();
  diverged_.reset();
  finished_ = true;
  return CatchUpState::kInSync;
}

Result<CatchUpState> CatchUp::replay_next(const Registration& leader, std::optional<int64_t> until_window) {
  if (!prefetcher_ || prefetcher_->leader() != leader.key) {
    prefetcher_ =
        std::make_unique<WindowPrefetcher>(environment_, leader, replica_.window(), until_window, limits_);
    applied_ = false;
  }
  TRY_ASSIGN(std::optional<FetchedWindow> fetched, prefetcher_->next());
  if (fetched) return apply(*std::move(fetched), leader);
  prefetcher_.reset();
  // While windows were applied the leader may have published more.
  return applied_ ? CatchUpState::kWorking : finish();
}

Result<CatchUpState> CatchUp::apply(FetchedWindow fetched, const Registration& leader) {
  if (!fetched.record) return gather_window(fetched, leader);
  if (fetched.record->state_root != replica_.state_root() ||
      fetched.record->outer_step != replica_.outer_step()) {
    contradicts(*fetched.record);
    return CatchUpState::kWorking;
  }
  gathered_from_.reset();
  if (!fetched.contributions.missing.empty()) {
    wait_for(*fetched.record, std::move(fetched.contributions.missing));
    return CatchUpState::kWorking;
  }
  close_window(fetched.contributions.found);
  ++report_.replayed_windows;
  return CatchUpState::kWorking;
}

Result<CatchUpState> CatchUp::gather_window(const FetchedWindow& fetched, const Registration& leader) {
  const int64_t window = fetched.window;
  TRY_ASSIGN(const std::optional<PeerSelection> peers, peers_in_force(environment_, leader, window));
  if (!peers) {
    stop_at({.window = window, .reason = fetched.problem + ", and no record near it names the peers"});
    return CatchUpState::kWorking;
  }
  TRY_ASSIGN(const std::optional<PutWindow> times, clock_.put_window_of(window));
  if (!times) return retry_error(fmt::format("window {}: the ledger has no end of it yet", window));
  TRY_ASSIGN(const Hash256 block_hash, clock_.block_hash(window));
  TRY_ASSIGN(std::vector<Registration> roster, environment_.ledger.registrations());
  TRY_ASSIGN(const Gathered gathered,
             gather(environment_, {.plan = replica_.plan(),
                                   .peers = *peers,
                                   .roster = std::move(roster),
                                   .times = *times,
                                   .block_hash = block_hash,
                                   .state_root = replica_.state_root(),
                                   .parameters = std::as_const(replica_.engine()).parameters()}));
  if (!gathered.unanswered.empty()) {
    return retry_error(
        fmt::format("window {}: the store of uid {} was away", window, gathered.unanswered.front()));
  }
  log(LogLevel::kWarning, node_.role, "no usable record of a past window: gathered by the rule",
      {{"uid", node_.uid},
       {"window", window},
       {"accepted", gathered.accepted.size()},
       {"reason", fetched.problem}});
  if (!gathered_from_) gathered_from_ = window;
  close_window(gathered.accepted);
  ++report_.gathered_windows;
  return CatchUpState::kWorking;
}

void CatchUp::close_window(const std::vector<Contribution>& accepted) {
  if (accepted.empty()) report_.last_null_window = replica_.window();
  replica_.close_window(as_list(accepted));
  applied_ = true;
}

// Where nothing usable was found, that is not tried again before there is a newer checkpoint or block.
Result<bool> CatchUp::begin(const Registration& leader) {
  TRY_ASSIGN(const std::optional<Block> latest, environment_.ledger.latest_block());
  TRY_ASSIGN(const std::optional<int64_t> newest, newest_checkpoint_window(environment_, leader));
  const std::pair now(latest ? latest->number : -1, newest.value_or(-1));
  if (now == nothing_usable_at_) return false;
  TRY_ASSIGN(const bool begun, begin_from_checkpoint());
  if (!begun) nothing_usable_at_ = now;
  return begun;
}

Result<bool> CatchUp::begin_from_checkpoint() {
  prefetcher_.reset();
  gathered_from_.reset();
  TRY_ASSIGN(const auto checkpoint, load_checkpoint_into(environment_, replica_));
  if (!checkpoint) return false;
  const CheckpointInfo& info = checkpoint->info;
  replica_.begin_loaded(info.window, info.outer_step, info.start_window);
  report_ = {.checkpoint_window = info.window};
  return true;
}

void CatchUp::heal_from(const AggregateRecord& record) {
  log(LogLevel::kError, node_.role, "model differs from the leader's: healing it from the last checkpoint",
      {{"uid", node_.uid},
       {"window", record.window},
       {"ours", replica_.state_root().brief()},
       {"leader", record.state_root.brief()}});
  diverged_ = {.window = record.window, .ours = replica_.state_tree(), .leaders = record.state_root};
  replica_.discard();
  prefetcher_.reset();
  // From an earlier checkpoint the same windows would have to be gathered again, and come to the same.
  if (!gathered_from_) return;
  stop_at({.window = *gathered_from_,
           .reason = fmt::format(
               "gathered without a record of it, it leads to root {}; the record of window {} names {}",
               diverged_->ours.root.brief(), record.window, record.state_root.brief())});
}

void CatchUp::contradicts(const AggregateRecord& record) {
  if (gathered_from_ || !report_.checkpoint_window) return heal_from(record);
  // The model came from a checkpoint by nothing but records: the same way would lead to the same place again.
  stop_at({.window = std::max(record.window - 1, *report_.checkpoint_window),
           .reason = fmt::format("checkpoint and records lead to root {} after {} outer steps; the record of "
                                 "window {} names {} after {}",
                                 replica_.state_root().brief(), replica_.outer_step(), record.window,
                                 record.state_root.brief(), record.outer_step),
           .tried_checkpoint = report_.checkpoint_window});
  replica_.discard();
}

void CatchUp::compare_with_diverged() {
  const Divergence diverged = *std::exchange(diverged_, std::nullopt);
  if (replica_.window() > diverged.window) {
    log(LogLevel::kWarning, node_.role,
        "model healed from a later checkpoint: what differed can't be told any more",
        {{"uid", node_.uid}, {"window", diverged.window}, {"checkpoint_window", replica_.window()}});
  } else if (replica_.state_root() == diverged.leaders) {
    report_healed(environment_, node_, diverged, replica_.state_tree());
  } else {
    stop_at({.window = std::max(diverged.window - 1, report_.checkpoint_window.value_or(0)),
             .reason = fmt::format("checkpoint and records lead to root {}; the record of window {} names {}",
                                   replica_.state_root().brief(), diverged.window, diverged.leaders.brief()),
             .tried_checkpoint = report_.checkpoint_window});
    replica_.discard();
  }
}

void CatchUp::wait_for(const AggregateRecord& record, std::vector<MissingContribution> missing) {
  AggregateRecord wanted = record;
  wanted.accepted.clear();
  for (const MissingContribution& one : missing) wanted.accepted.push_back(one.wanted);
  stop_at({.window = record.window, .reason = missing.front().reason, .missing = std::move(wanted)});
}

void CatchUp::stop_at(Obstacle obstacle) {
  prefetcher_.reset();
  obstacle_ = std::move(obstacle);
}

Result<bool> CatchUp::pass_obstacle(const Registration& leader) {
  TRY_ASSIGN(const std::optional<Block> latest, environment_.ledger.latest_block());
  const bool leading = leader.key == key_;
  if (!leading && latest && obstacle_->tried_block == latest->number) return false;
  if (obstacle_->missing) {
    TRY_ASSIGN(const std::vector<Registration> roster, environment_.ledger.registrations());
    TRY_ASSIGN(const NamedContributions named, fetch_named(environment_, *obstacle_->missing, roster, {}));
    if (named.missing.empty()) {
      obstacle_.reset();
      return true;
    }
  }
  if (leading) {
    return std::unexpected(
        Error{.kind = obstacle_->missing ? ErrorKind::kRetry : ErrorKind::kFatal,
              .message = fmt::format(
                  "window {} can't be completed, and nobody but this leader makes the next checkpoint: {}",
                  obstacle_->window, obstacle_->reason)});
  }
  TRY_ASSIGN(const bool begun, begin_after_obstacle(leader));
  if (begun) return true;
  if (said_obstacle_at_ != obstacle_->window) {
    log(LogLevel::kError, node_.role,
        "waiting for the next checkpoint after a window that can't be completed",
        {{"uid", node_.uid}, {"window", obstacle_->window}, {"reason", obstacle_->reason}});
    said_obstacle_at_ = obstacle_->window;
  }
  if (latest) obstacle_->tried_block = latest->number;
  return false;
}

// Loads a checkpoint only if there is a later one than those that have been tried.
Result<bool> CatchUp::begin_after_obstacle(const Registration& leader) {
  TRY_ASSIGN(const std::optional<int64_t> newest, newest_checkpoint_window(environment_, leader));
  if (!newest || *newest <= obstacle_->window || newest == obstacle_->tried_checkpoint) return false;
  TRY_ASSIGN(const bool begun, begin_from_checkpoint());
  obstacle_->tried_checkpoint = newest;
  if (!begun || replica_.window() <= obstacle_->window) return false;
  obstacle_.reset();
  return true;
}

}  // namespace templar
