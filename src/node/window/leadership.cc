#include "node/window/leadership.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

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
    return fatal_error(fmt::format("{}: key {} is not registered on the ledger", name_of(role_), key_.hex()));
  }
  self_ = *find_uid(view.roster, *uid);
  alarms_.speak_as(self_.uid);
  if (const auto apart = validators_apart(view.heartbeats)) {
    alarms_.raise(*apart);
  } else if (validators_agree(view.heartbeats)) {
    alarms_.settle(AlarmKind::kApart);
  }
  if (!replica.begun()) return view;
  // Each turn refuses one more term: the chain without it may have another one that begins here.
  for (;;) {
    const Term* term = view.term_of(replica.window());
    if (term == nullptr) return view;
    if (!begins_otherwise(*term, replica)) {
      if (term->first_window == replica.window()) refused_.erase(term->number);  // we have healed
      return view;
    }
    if (refused_.contains(term->number)) return view;  // more than half of the stake follows it
    refuse(*term, replica);
    view.chain = chain_in_force(view.terms, view.heartbeats, view.roster, refused_);
  }
}

void Leadership::refuse(const Term& term, const Replica& replica) {
  refused_.insert(term.number);
  alarms_.raise({AlarmKind::kTermRefused, term.first_window,
                 fmt::format("term {} begins window {} with root {} after {} outer steps; ours is {} after "
                             "{}: refused, as long as no more than half of the stake follows it",
                             term.number, term.first_window, term.state_root.brief(), term.outer_step,
                             replica.state_root().brief(), replica.outer_step()),
                 term.number});
}

}  // namespace templar
