#include "node/catch_up/catch_up.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log/log.h"
#include "formats/checkpoint/checkpoint.h"
#include "node/catch_up/checkpoint_search.h"
#include "ports/roster.h"

namespace templar {
namespace {

// With the pauses of who drives the node, more than a minute.
constexpr int kMostUnansweredGathers = 20;

Result<std::optional<FoundCheckpoint>> load_checkpoint_into(const NodeEnvironment& environment,
                                                            Replica& replica) {
  TRY_ASSIGN(const std::vector<Registration> roster, environment.ledger.registrations());
  std::optional<FoundCheckpoint> found;
  TRY(replica.load([&](ParameterSpans parameters) -> Status {
    TRY_ASSIGN(found, load_newest_checkpoint(environment, roster, parameters, replica.team()));
    return {};
  }));
  return found;
}

// The window of the newest checkpoint that the leader has published, usable or not.
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
  // The obstacle comes first: until it is passed, neither replaying nor a checkpoint before it leads
  // anywhere.
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
  // A model that is being healed passes until_window if need be: what differed must be compared at the window
  // where it was seen.
  if (!diverged_ && until_window && replica_.window() >= *until_window) return finish();
  auto state = replay_next(*leader, diverged_ ? std::nullopt : until_window);
  // A prefetcher that has failed gives nothing more; the next call begins with a new one.
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
  // What was fetched ahead follows from the old leader's records, which count no more.
  if (!prefetcher_ || prefetcher_->leader() != leader.key) {
    prefetcher_ =
        std::make_unique<WindowPrefetcher>(environment_, leader, replica_.window(), until_window, limits_);
    applied_since_prefetching_ = false;
  }
  TRY_ASSIGN(std::optional<FetchedWindow> fetched, prefetcher_->next());
  if (fetched) return apply(*std::move(fetched), leader);
  prefetcher_.reset();
  // While windows were applied the leader may have published more. The node is in sync only once a new look
  // finds no further record.
  return applied_since_prefetching_ ? CatchUpState::kWorking : finish();
}

Result<CatchUpState> CatchUp::apply(FetchedWindow fetched, const Registration& leader) {
  if (!fetched.record) return gather_window(fetched, leader);
  if (fetched.record->state_root != replica_.state_root() ||
      fetched.record->outer_step != replica_.outer_step()) {
    give_up_contradicted_model(*fetched.record);
    return CatchUpState::kWorking;
  }
  gathered_from_.reset();  // the record bears out what was gathered before it
  if (!fetched.contributions.missing.empty()) {
    wait_for(*fetched.record, fetched.contributions.missing);
    return CatchUpState::kWorking;
  }
  TRY(close_window(fetched.contributions.found));
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
  TRY_ASSIGN(std::vector<Registration> roster, environment_.ledger.registrations());
  TRY_ASSIGN(const GatherRequest request, gather_request(environment_, replica_, *peers, std::move(roster)));
  TRY_ASSIGN(const Gathered gathered, gather(environment_, request));
  // In a window that is going on a store that is away costs its miner the window. This one is over, and all
  // others may have had the contribution: it is asked for until the store answers.
  // But not for ever: a miner who is gone must not keep this node out of the run.
  if (!gathered.unanswered.empty()) {
    const std::string reason =
        fmt::format("window {}: the store of uid {} was away", window, gathered.unanswered.front());
    // The leader has nobody's checkpoint to wait for.
    const bool leading = leader.key == key_;
    if (leading || ++unanswered_gathers_ < kMostUnansweredGathers) return retry_error(reason);
    stop_at({.window = window, .reason = reason});
    unanswered_gathers_ = 0;
    return CatchUpState::kWorking;
  }
  unanswered_gathers_ = 0;
  log(LogLevel::kWarning, node_.role, "no usable record of a past window: gathered by the rule",
      {{"uid", node_.uid},
       {"window", window},
       {"accepted", gathered.accepted.size()},
       {"reason", fetched.problem}});
  // The first one since a record has named our root: if a later record contradicts, it may be any of these
  // that was wrong, so a checkpoint must lie after the first.
  if (!gathered_from_) gathered_from_ = window;
  TRY(close_window(gathered.accepted));
  ++report_.gathered_windows;
  return CatchUpState::kWorking;
}

Status CatchUp::close_window(const std::vector<Contribution>& accepted) {
  if (accepted.empty()) report_.last_null_window = replica_.window();
  TRY(replica_.close_window(accepted));
  applied_since_prefetching_ = true;
  return {};
}

// Loading and checking a checkpoint takes long: a search in vain is repeated only once there is a newer
// ledger block or checkpoint.
Result<bool> CatchUp::begin(const Registration& leader) {
  TRY_ASSIGN(const std::optional<Block> latest, environment_.ledger.latest_block());
  TRY_ASSIGN(const std::optional<int64_t> newest, newest_checkpoint_window(environment_, leader));
  const NewestSeen seen{.block = latest ? latest->number : -1, .checkpoint = newest.value_or(-1)};
  if (seen == searched_in_vain_) return false;
  TRY_ASSIGN(const bool begun, begin_from_checkpoint());
  if (!begun) searched_in_vain_ = seen;
  return begun;
}

Result<bool> CatchUp::begin_from_checkpoint() {
  prefetcher_.reset();
  // What was gathered belongs to the model that goes now.
  gathered_from_.reset();
  TRY_ASSIGN(const auto checkpoint, load_checkpoint_into(environment_, replica_));
  if (!checkpoint) return false;
  const CheckpointInfo& info = checkpoint->info;
  TRY(replica_.begin_loaded(info.window, info.outer_step, info.start_window));
  report_ = {.checkpoint_window = info.window};
  return true;
}

bool CatchUp::take_over(const WindowDecision& decision) {
  if (const auto* diverged = std::get_if<ModelDiverged>(&decision)) {
    heal_from(diverged->record);
    return true;
  }
  if (const auto* incomplete = std::get_if<ContributionsMissing>(&decision)) {
    wait_for(incomplete->record, incomplete->missing);
    return true;
  }
  return false;
}

void CatchUp::heal_from(const AggregateRecord& record) {
  log(LogLevel::kError, node_.role, "model differs from the leader's: healing it from the last checkpoint",
      {{"uid", node_.uid},
       {"window", record.window},
       {"ours", replica_.state_root().brief()},
       {"leader", record.state_root.brief()}});
  // Its hashes before it is given up: they are all that is left to compare the right model with.
  diverged_ = {.window = record.window, .ours = replica_.state_tree(), .leaders = record.state_root};
  replica_.discard();
  prefetcher_.reset();
  // If the wrong model came from an own gather, an earlier checkpoint does not help: from there the same
  // windows would be gathered again, with the same result.
  if (!gathered_from_) return;
  stop_at({.window = *gathered_from_,
           .reason = fmt::format(
               "gathered without a record of it, it leads to root {}; the record of window {} names {}",
               diverged_->ours.root.brief(), record.window, record.state_root.brief())});
}

void CatchUp::give_up_contradicted_model(const AggregateRecord& record) {
  // A model that this node has gathered by itself, or had from before, may be wrong although the newest
  // checkpoint is right.
  if (gathered_from_ || !report_.checkpoint_window) return heal_from(record);
  // The model came from a checkpoint by records alone: to go that way again would lead to the same root. So
  // the node waits for a checkpoint that is newer than the one it came from.
  // One less: a checkpoint of the record's own window is late enough, unless the model came from that very
  // one.
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

void CatchUp::wait_for(const AggregateRecord& record, const std::vector<MissingContribution>& missing) {
  AggregateRecord wanted = record;
  // Only what is missing is asked for again: the rest would be fetched with every new block.
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
  // Once a ledger block, so that a node that waits does not ask the store all the time. The leader fails
  // below instead: whoever drives it decides when it asks again.
  if (!leading && latest && obstacle_->looked_at_block == latest->number) return false;
  if (obstacle_->missing) {
    TRY_ASSIGN(const std::vector<Registration> roster, environment_.ledger.registrations());
    TRY_ASSIGN(const NamedContributions named, fetch_named(environment_, *obstacle_->missing, roster, {}));
    if (named.missing.empty()) {
      obstacle_.reset();
      return true;
    }
  }
  if (leading) {
    // Contributions may turn up again; records that contradict the checkpoint never agree by themselves.
    return std::unexpected(Error{
        .kind = obstacle_->missing ? ErrorKind::kRetry : ErrorKind::kFatal,
        .message = fmt::format(
            "window {} can't be completed, and nobody but this leader makes the next checkpoint: {}{}",
            obstacle_->window, obstacle_->reason,
            obstacle_->missing ? ". Put the contribution back into its miner's or the leader's bucket; it "
                                 "is looked for again and again"
                               : "")});
  }
  TRY_ASSIGN(const bool begun, begin_after_obstacle(leader));
  if (begun) return true;
  if (logged_obstacle_window_ != obstacle_->window) {
    log(LogLevel::kError, node_.role,
        "waiting for the next checkpoint after a window that can't be completed",
        {{"uid", node_.uid}, {"window", obstacle_->window}, {"reason", obstacle_->reason}});
    logged_obstacle_window_ = obstacle_->window;
  }
  if (latest) obstacle_->looked_at_block = latest->number;
  return false;
}

// Begins from a checkpoint of a window after the obstacle, if there is one that has not been tried yet.
Result<bool> CatchUp::begin_after_obstacle(const Registration& leader) {
  TRY_ASSIGN(const std::optional<int64_t> newest, newest_checkpoint_window(environment_, leader));
  if (!newest || *newest <= obstacle_->window || newest == obstacle_->tried_checkpoint) return false;
  TRY_ASSIGN(const bool begun, begin_from_checkpoint());
  // Also after a search in vain: the same checkpoint is not read again with every block.
  obstacle_->tried_checkpoint = newest;
  // The newest one may have been unusable, and the one that was loaded instead lie before the obstacle.
  if (!begun || replica_.window() <= obstacle_->window) return false;
  obstacle_.reset();
  return true;
}

}  // namespace templar
