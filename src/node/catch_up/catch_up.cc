#include "node/catch_up/catch_up.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log/log.h"
#include "node/catch_up/checkpoint_search.h"
#include "node/catch_up/first_model.h"
#include "node/window/window_clock.h"

namespace templar {
namespace {

// With the pauses of who drives the node, more than a minute.
constexpr int kMostUnansweredCalls = 20;

int64_t newest_block(const ChainView& view) {
  return view.latest ? view.latest->number : -1;
}

}  // namespace

void CatchUpReport::add(const CatchUpReport& later) {
  if (later.began_anew()) {
    checkpoint_window = later.checkpoint_window;
    from_first_model = later.from_first_model;
  }
  replayed_windows += later.replayed_windows;
  if (later.last_null_window) last_null_window = later.last_null_window;
}

Result<CatchUpState> CatchUp::advance(std::optional<int64_t> until_window) {
  TRY_ASSIGN(const ChainView view, leadership_.look(replica_));
  if (finished_) report_ = {};
  finished_ = false;
  // The obstacle comes first: until it is passed, neither replaying nor a checkpoint before it leads
  // anywhere.
  if (obstacle_) {
    TRY_ASSIGN(const bool passed, pass_obstacle(view));
    return passed ? CatchUpState::kWorking : CatchUpState::kBlocked;
  }
  if (!replica_.begun()) {
    TRY_ASSIGN(const bool begun, begin(view));
    return begun ? CatchUpState::kWorking : CatchUpState::kNoCheckpoint;
  }
  if (diverged_ && replica_.window() >= diverged_->window) {
    compare_with_diverged();
    return CatchUpState::kWorking;
  }
  if (const auto wrong = divergence_from(view, replica_)) {
    give_up_contradicted_model(*wrong);
    return CatchUpState::kWorking;
  }
  // A model that is being healed passes until_window if need be: what differed must be compared at the window
  // where it was seen.
  if (!diverged_ && until_window && replica_.window() >= *until_window) return finish();
  auto state = replay_next(view, diverged_ ? std::nullopt : until_window);
  // A prefetcher that has failed gives nothing more; the next call begins with a new one.
  if (!state) {
    prefetcher_.reset();
    count_unanswered(state.error());
  }
  return state;
}

CatchUpState CatchUp::finish() {
  prefetcher_.reset();
  diverged_.reset();
  leadership_.alarms().settle(AlarmKind::kOutOfSync);
  finished_ = true;
  return CatchUpState::kInSync;
}

void CatchUp::count_unanswered(const Error& error) {
  if (error.kind != ErrorKind::kRetry) return;
  if (unanswered_.window != replica_.window()) unanswered_ = {replica_.window(), 0};
  ++unanswered_.calls;
}

bool CatchUp::waits_for_stores() const {
  return unanswered_.window != replica_.window() || unanswered_.calls < kMostUnansweredCalls;
}

Result<WindowDecision> CatchUp::decide(const ChainView& view, DecideOptions options) {
  options.waits_for_stores = waits_for_stores();
  auto outcome = templar::decide(environment_, view, replica_, options);
  // What the replica has was final when it came to the window, if the ledger withholds nothing from us.
  if (outcome && std::holds_alternative<Doubted>(*outcome)) {
    const AmendmentsInForce before = replica_.in_force().amendments;
    TRY(replica_.read_spec_again());
    if (replica_.in_force().amendments != before)
      outcome = templar::decide(environment_, view, replica_, options);
  }
  if (const auto* diverged = outcome ? std::get_if<Diverged>(&*outcome) : nullptr) {
    if (const auto doubt = doubt_about(*diverged, view, replica_)) {
      leadership_.alarms().raise({AlarmKind::kDecisionDoubted, diverged->window, *doubt});
      return Awaited{Progress::kAwaitsBlock, *doubt};
    }
  }
  if (const auto* doubted = outcome ? std::get_if<Doubted>(&*outcome) : nullptr) {
    leadership_.alarms().raise({AlarmKind::kDecisionDoubted, doubted->window, doubted->reason});
    return Awaited{Progress::kAwaitsBlock, doubted->reason};
  }
  if (!outcome) count_unanswered(outcome.error());
  if (outcome && std::holds_alternative<Awaited>(*outcome)) TRY(watch_over_decisions(view));
  return outcome;
}

Status CatchUp::watch_over_decisions(const ChainView& view) {
  const Term* term = view.term_of(replica_.window());
  if (view.chain.empty() || !view.latest || (term != nullptr && term->leader == leadership_.self().key))
    return {};
  const NetworkSpec& network = replica_.spec().network;
  const WindowClock clock(environment_.ledger, network);
  TRY_ASSIGN(const int64_t newest_closed, clock.newest_closed_window());
  const TakeoverView takeover{.chain = view.chain,
                              .heartbeats = view.heartbeats,
                              .roster = view.roster,
                              .latest_block = view.latest->number,
                              .undecided_window = replica_.window(),
                              .newest_closed_window = newest_closed};
  if (const auto alarm = nobody_leads(takeover, network)) leadership_.alarms().raise(*alarm);
  return {};
}

Result<CatchUpState> CatchUp::replay_next(const ChainView& view, std::optional<int64_t> until_window) {
  // What was fetched ahead by another chain of terms counts no more.
  if (!prefetcher_ || prefetcher_->chain() != view.chain) {
    prefetcher_ = std::make_unique<WindowPrefetcher>(environment_, view, replica_.window(), until_window,
                                                     limits_, waits_for_stores());
    applied_since_prefetching_ = false;
  }
  TRY_ASSIGN(std::optional<FetchedWindow> fetched, prefetcher_->next());
  if (fetched) {
    TRY(apply(*std::move(fetched)));
    return CatchUpState::kWorking;
  }
  prefetcher_.reset();
  // While windows were applied more may have been decided. The node is in sync only once a new look finds
  // nothing further.
  return applied_since_prefetching_ ? CatchUpState::kWorking : finish();
}

Status CatchUp::apply(FetchedWindow fetched) {
  const auto decision = std::visit([](const auto& outcome) { return outcome.decision; }, fetched.outcome);
  if (const auto wrong = divergence_from(decision, replica_)) {
    give_up_contradicted_model(*wrong);
    return {};
  }
  if (const auto doubted = doubt_of_amendments(decision, replica_)) {
    stop_at({.window = fetched.window, .reason = doubted->reason, .doubted = decision});
    return {};
  }
  if (auto* missing = std::get_if<Missing>(&fetched.outcome)) {
    std::string reason = missing->reason;
    stop_at({.window = fetched.window, .reason = std::move(reason), .missing = std::move(*missing)});
    return {};
  }
  const auto& decided = std::get<DecidedWindow>(fetched.outcome);
  if (keep) TRY(keep(decided));
  if (decided.accepted.empty()) report_.last_null_window = fetched.window;
  TRY(replica_.close_window(decided.accepted));
  leadership_.alarms().close_window(fetched.window, decided.accepted.empty());
  applied_since_prefetching_ = true;
  ++report_.replayed_windows;
  unanswered_ = {};
  return {};
}

// Loading and checking a checkpoint takes long: a search in vain is repeated only once there is a newer
// ledger block or checkpoint.
Result<bool> CatchUp::begin(const ChainView& view) {
  if (view.chain.empty()) return false;  // the run has not begun
  const NewestSeen seen{.block = newest_block(view),
                        .checkpoint = newest_checkpoint_window(environment_, view).value_or(-1)};
  if (seen == searched_in_vain_) return false;
  const int64_t first_window = view.chain.front().first_window;
  TRY_ASSIGN(const auto decided, decision_of(view, first_window));
  bool begun = false;
  if (!decided) {
    TRY_ASSIGN(begun, begin_from_first_model(view));
  }
  if (!begun) {
    TRY_ASSIGN(begun, begin_from_checkpoint(view));
  }
  if (!begun && decided) {
    // The last resort, where no checkpoint is left that can be used: the decisions lead from the first model
    // on, as far as what they name is still there.
    TRY_ASSIGN(const FetchedDecision fetched,
               fetch_decided(environment_, view, first_window, {.waits_for_stores = false}));
    if (fetched && std::holds_alternative<DecidedWindow>(*fetched)) {
      TRY_ASSIGN(begun, begin_from_first_model(view));
    }
  }
  if (!begun) searched_in_vain_ = seen;
  return begun;
}

Result<std::optional<Decision>> CatchUp::decision_of(const ChainView& view, int64_t window) const {
  const Term* term = view.term_of(window);
  if (term == nullptr) return std::nullopt;
  return environment_.ledger.decision(window, term->number);
}

Result<bool> CatchUp::begin_from_first_model(const ChainView& view) {
  // Also where the owner has ended its term before anything was decided: somebody must begin the next one.
  const Term& first = view.chain.front();
  leadership_.begin_anew();
  TRY(begin_first_model(environment_, replica_, first.first_window));
  if (begins_otherwise(first, replica_)) {
    // The next look refuses the term. Where it stands all the same, only a checkpoint helps.
    TRY(leadership_.look(replica_));
    replica_.discard();
    return false;
  }
  report_ = {.from_first_model = true};
  return true;
}

Result<bool> CatchUp::begin_from_checkpoint(const ChainView& view, int64_t after) {
  prefetcher_.reset();
  std::optional<FoundCheckpoint> found;
  TRY(replica_.load([&](ParameterSpans parameters) -> Status {
    TRY_ASSIGN(found, load_newest_checkpoint(environment_, view, parameters, replica_.team(), after));
    return {};
  }));
  if (!found) return false;
  leadership_.begin_anew();
  TRY(replica_.begin_loaded(found->info.window, found->info.outer_step, found->info.start_window));
  report_ = {.checkpoint_window = found->info.window};
  return true;
}

bool CatchUp::take_over(const WindowDecision& outcome) {
  if (const auto* diverged = std::get_if<Diverged>(&outcome)) {
    heal_from(*diverged);
    return true;
  }
  if (const auto* missing = std::get_if<Missing>(&outcome)) {
    stop_at({.window = missing->wanted.window, .reason = missing->reason, .missing = *missing});
    return true;
  }
  return false;
}

void CatchUp::heal_from(const Diverged& diverged) {
  log(LogLevel::kError, leadership_.name().role,
      "model is not the run's: healing it from the last checkpoint",
      {{"uid", leadership_.name().uid},
       {"window", diverged.window},
       {"ours", replica_.state_root().brief()},
       {"decided", diverged.root.brief()},
       {"by", diverged.by}});
  leadership_.alarms().raise({AlarmKind::kOutOfSync, diverged.window,
                              fmt::format("its root is {}, {} names {}", replica_.state_root().brief(),
                                          diverged.by, diverged.root.brief())});
  // Its hashes before it is given up: they are all that is left to compare the right model with.
  diverged_ = {.window = diverged.window, .ours = replica_.state_tree(), .decided = diverged.root};
  replica_.discard();
  prefetcher_.reset();
}

void CatchUp::give_up_contradicted_model(const Diverged& diverged) {
  // A model that this node had from before may be wrong although the newest checkpoint is right.
  if (!report_.began_anew()) return heal_from(diverged);
  // The model came from a checkpoint by decisions alone: to go that way again would lead to the same root. So
  // the node waits for a checkpoint that is newer than the one it came from.
  // One less: a checkpoint of the decision's own window is late enough, unless the model came from that very
  // one.
  stop_at({.window = std::max(diverged.window - 1, report_.checkpoint_window.value_or(-1)),
           .reason = fmt::format("checkpoint and decisions lead to root {} after {} outer steps; {} names {} "
                                 "after {}",
                                 replica_.state_root().brief(), replica_.outer_step(), diverged.by,
                                 diverged.root.brief(), diverged.outer_step),
           .contradiction = Claim{diverged.window, diverged.root}});
  replica_.discard();
}

void CatchUp::compare_with_diverged() {
  const Divergence diverged = *std::exchange(diverged_, std::nullopt);
  const NodeName name = leadership_.name();
  if (replica_.window() > diverged.window) {
    log(LogLevel::kWarning, name.role,
        "model healed from a later checkpoint: what differed can't be told any more",
        {{"uid", name.uid}, {"window", diverged.window}, {"checkpoint_window", replica_.window()}});
  } else if (replica_.state_root() == diverged.decided) {
    report_healed(environment_, name, diverged, replica_.state_tree());
  } else {
    stop_at({.window = std::max(diverged.window - 1, report_.checkpoint_window.value_or(-1)),
             .reason = fmt::format("checkpoint and decisions lead to root {}; window {} begins with {}",
                                   replica_.state_root().brief(), diverged.window, diverged.decided.brief()),
             .contradiction = Claim{diverged.window, diverged.decided}});
    replica_.discard();
  }
}

void CatchUp::stop_at(Obstacle obstacle) {
  prefetcher_.reset();
  obstacle_ = std::move(obstacle);
}

Result<bool> CatchUp::pass_obstacle(const ChainView& view) {
  // Once a ledger block, so that a node that waits does not ask the stores all the time.
  if (obstacle_->looked_at_block == newest_block(view)) return false;
  if (obstacle_->missing) {
    TRY_ASSIGN(const auto decision, decision_of(view, obstacle_->window));
    // Else the owner has taken the decision back.
    const bool is_decided = decision == obstacle_->missing->decision;
    if (!is_decided || has_turned_up(environment_, view, *obstacle_->missing)) {
      obstacle_.reset();
      return true;
    }
  }
  if (obstacle_->doubted) {
    TRY_ASSIGN(const bool settled, has_settled(view, *obstacle_->doubted));
    if (settled) {
      obstacle_.reset();
      return true;
    }
  }
  if (obstacle_->contradiction) {
    TRY_ASSIGN(const bool stands, is_said(view, *obstacle_->contradiction));
    if (!stands) {
      obstacle_.reset();
      return true;
    }
  }
  TRY_ASSIGN(const bool begun, begin_after_obstacle(view));
  if (begun) return true;
  if (logged_obstacle_window_ != obstacle_->window) {
    log(LogLevel::kError, leadership_.name().role,
        "waiting for the next checkpoint after a window that can't be completed",
        {{"uid", leadership_.name().uid}, {"window", obstacle_->window}, {"reason", obstacle_->reason}});
    leadership_.alarms().raise(
        {AlarmKind::kOutOfSync, obstacle_->window, "it waits for the next checkpoint: " + obstacle_->reason});
    logged_obstacle_window_ = obstacle_->window;
  }
  obstacle_->looked_at_block = newest_block(view);
  return false;
}

Result<bool> CatchUp::is_said(const ChainView& view, const Claim& claim) const {
  const Term* term = view.term_of(claim.window);
  if (term != nullptr && term->first_window == claim.window && term->state_root == claim.root) return true;
  TRY_ASSIGN(const auto decision, decision_of(view, claim.window));
  return decision && decision->record.state_root == claim.root;
}

Result<bool> CatchUp::has_settled(const ChainView& view, const Decision& doubted) const {
  TRY_ASSIGN(const auto decision, decision_of(view, doubted.record.window));
  if (decision != doubted) return true;
  if (!replica_.begun()) return false;
  TRY(replica_.read_spec_again());
  return !doubt_of_amendments(doubted, replica_);
}

// Begins from a checkpoint of a window after the obstacle, if there is one that has not been tried yet.
Result<bool> CatchUp::begin_after_obstacle(const ChainView& view) {
  const std::optional<int64_t> newest = newest_checkpoint_window(environment_, view);
  if (!newest || *newest <= obstacle_->window || newest == obstacle_->unusable_checkpoint) return false;
  const auto begun = begin_from_checkpoint(view, obstacle_->window);
  if (!begun && begun.error().kind != ErrorKind::kRetry) return std::unexpected(begun.error());
  if (begun && *begun) {
    obstacle_.reset();
    return true;
  }
  if (begun) {
    TRY_ASSIGN(const auto decision, decision_of(view, *newest));
    if (decision) obstacle_->unusable_checkpoint = newest;
  }
  return false;
}

}  // namespace templar
