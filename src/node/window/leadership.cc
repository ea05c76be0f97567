#include "node/window/leadership.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "core/run/window_plan.h"
#include "ports/roster.h"

namespace templar {

Result<ChainView> look_at_ledger(const NodeEnvironment& environment, const std::set<int64_t>& refused) {
  ChainView view;
  TRY_ASSIGN(view.latest, environment.ledger.latest_block());
  TRY_ASSIGN(view.roster, environment.ledger.registrations());
  TRY_ASSIGN(view.heartbeats, environment.ledger.heartbeats());
  TRY_ASSIGN(view.terms, environment.ledger.terms());
  view.chain = chain_in_force(view.terms, view.heartbeats, view.roster, refused);
  return view;
}

bool begins_otherwise(const Term& term, const Replica& replica) {
  if (term.first_window != replica.window()) return false;
  return term.state_root != replica.state_root() || term.outer_step != replica.outer_step();
}

std::vector<Registration> sources_of(const ChainView& view, const Term* term) {
  std::vector<Registration> validators = validators_by_stake(view.roster);
  if (term == nullptr) return validators;
  const auto leader = std::ranges::find(validators, term->leader, &Registration::key);
  if (leader != validators.end()) std::rotate(validators.begin(), leader, leader + 1);
  return validators;
}

Result<ChainView> Leadership::look(const Replica& replica) {
  TRY_ASSIGN(ChainView view, look_at_ledger(environment_, refused_));
  const auto uid = uid_of(view.roster, key_);
  if (!uid) {
    const std::string reason =
        fmt::format("{}: key {} is not registered on the ledger", name_of(role_), key_.hex());
    // What was there may have been written over, and may come back.
    return is_known_ ? retry_error(reason + " any more") : fatal_error(reason);
  }
  is_known_ = true;
  self_ = *find_uid(view.roster, *uid);
  alarms_.speak_as(self_.uid);
  compare_clocks(view);
  // Of who counts: anybody may register as a validator.
  std::vector<Heartbeat> counting = view.heartbeats;
  std::erase_if(counting, [&view](const Heartbeat& heartbeat) {
    const Registration* node = find_uid(view.roster, heartbeat.uid);
    return node == nullptr || node->is_removed || node->stake <= 0;
  });
  if (const auto apart = validators_apart(counting)) {
    alarms_.raise(*apart);
  } else if (validators_agree(counting)) {
    alarms_.settle(AlarmKind::kApart);
  }
  judge_own_standing();
  if (!replica.begun()) return view;
  // Each turn refuses one more term: the chain without it may have another one that begins here.
  for (;;) {
    TRY_ASSIGN(const std::optional<Objection> found, objection(view, replica));
    if (!found) {
      if (!view.chain.empty()) followed_ = view.chain.back().number;
      // We have healed since we refused them.
      for (const Term& term : view.chain) {
        if (term.first_window <= replica.window()) refused_.erase(term.number);
      }
      settle_refusal(view, replica);
      return view;
    }
    if (refused_.contains(found->term.number)) return view;  // more than half of the stake follows it
    refuse(*found);
    view.chain = chain_in_force(view.terms, view.heartbeats, view.roster, refused_);
  }
}

void Leadership::see_put(std::string_view key, TimestampMs began_ms) {
  if (environment_.clock == nullptr) return;
  const auto stored = environment_.store.head(self_.bucket, key);
  if (stored && *stored) clocks_.see_put((*stored)->stored_at_ms, began_ms);
}

void Leadership::compare_clocks(const ChainView& view) {
  if (!view.latest) return;
  clocks_.see_block(*view.latest);
  const std::optional<ClockFault> fault = clocks_.fault();
  if (!fault && clocks_.knows()) alarms_.settle(AlarmKind::kClockOff);
  if (!fault) return;
  alarms_.raise({AlarmKind::kClockOff, window_of_block(environment_.spec.network, view.latest->number),
                 fault->reason, std::to_underlying(fault->whose)});
}

void Leadership::judge_own_standing() {
  if (self_.is_removed) {
    alarms_.raise({AlarmKind::kExcluded, 0, "the owner has removed this node from the run", -1});
  } else if (role_ == NodeRole::kValidator) {
    alarms_.settle(AlarmKind::kExcluded);
  }
}

// A refused term is history once a term in force is newer. Without any that is refused, once ours has been
// compared with the newest: a node that was restarted does not remember what it has refused.
void Leadership::settle_refusal(const ChainView& view, const Replica& replica) {
  if (view.chain.empty() || view.chain.back().first_window > replica.window()) return;
  if (!refused_.empty() && *refused_.rbegin() > view.chain.back().number) return;
  alarms_.settle(AlarmKind::kTermRefused);
}

Result<std::optional<Leadership::Objection>> Leadership::objection(const ChainView& view,
                                                                   const Replica& replica) {
  const int64_t window = replica.window();
  for (const Term& term : view.chain) {
    if (begins_otherwise(term, replica)) {
      return Objection{
          term, fmt::format("term {} begins window {} with root {} after {} outer steps; ours is {} after {}",
                            term.number, term.first_window, term.state_root.brief(), term.outer_step,
                            replica.state_root().brief(), replica.outer_step())};
    }
    if (followed_ && term.number > *followed_ && term.first_window < window) {
      return Objection{term, fmt::format("term {} is new and begins window {}, which was decided before",
                                         term.number, term.first_window)};
    }
  }
  if (view.chain.empty() || view.chain.back().first_window <= window) return std::nullopt;
  const Term* term = view.term_of(window);
  if (term == nullptr) return std::nullopt;
  TRY_ASSIGN(const auto decision, environment_.ledger.decision(window, term->number));
  if (decision) return std::nullopt;
  const Term& last = view.chain.back();
  return Objection{last, fmt::format("term {} begins window {}, and window {} is not decided yet",
                                     last.number, last.first_window, window)};
}

void Leadership::refuse(const Objection& objection) {
  refused_.insert(objection.term.number);
  alarms_.raise({AlarmKind::kTermRefused, objection.term.first_window,
                 objection.reason + ": refused, as long as no more than half of the stake follows it",
                 objection.term.number});
}

}  // namespace templar
