#include "ports/term_chain.h"

#include <algorithm>
#include <iterator>

#include "ports/roster.h"

namespace templar {
namespace {

double stake_of(std::span<const Registration> roster, uint32_t uid) {
  const Registration* node = find_uid(roster, uid);
  return node == nullptr || node->is_removed || node->role != NodeRole::kValidator ? 0 : node->stake;
}

// The terms up to that one, each following the one before it; empty if they don't lead back to the first, or
// do not ascend.
std::vector<Term> chain_to(std::span<const Term> terms, int64_t number) {
  std::vector<Term> chain;
  for (int64_t at = number; at >= 0; at = terms[static_cast<size_t>(at)].previous) {
    const Term& term = terms[static_cast<size_t>(at)];
    if (!chain.empty() && term.first_window > chain.back().first_window) return {};
    if (term.ended_after && !chain.empty() && chain.back().first_window > *term.ended_after + 1) return {};
    chain.push_back(term);
  }
  std::ranges::reverse(chain);
  return chain;
}

bool holds(std::span<const Term> chain, int64_t number) {
  return std::ranges::find(chain, number, &Term::number) != chain.end();
}

// Stake of the validators whose heartbeat follows a term of which that one is part of the chain.
double stake_following(std::span<const Term> terms, std::span<const Heartbeat> heartbeats,
                       std::span<const Registration> roster, int64_t number) {
  double stake = 0;
  for (const Heartbeat& heartbeat : heartbeats) {
    if (heartbeat.term >= static_cast<int64_t>(terms.size())) continue;
    if (holds(chain_to(terms, heartbeat.term), number)) stake += stake_of(roster, heartbeat.uid);
  }
  return stake;
}

}  // namespace

double total_stake(std::span<const Registration> roster) {
  double total = 0;
  for (const Registration& node : roster) total += stake_of(roster, node.uid);
  return total;
}

std::vector<Term> chain_in_force(std::span<const Term> terms, std::span<const Heartbeat> heartbeats,
                                 std::span<const Registration> roster, const std::set<int64_t>& refused) {
  const double half = total_stake(roster) / 2;
  const auto counts = [&](const Term& term) {
    return !refused.contains(term.number) || stake_following(terms, heartbeats, roster, term.number) > half;
  };
  std::vector<Term> best;
  double best_stake = -1;
  for (const Term& last : terms) {
    const bool is_followed_by_another = std::ranges::any_of(terms, [&](const Term& other) {
      return other.previous == last.number && counts(other) && !chain_to(terms, other.number).empty();
    });
    if (is_followed_by_another) continue;
    std::vector<Term> chain = chain_to(terms, last.number);
    if (chain.empty() || !std::ranges::all_of(chain, counts)) continue;
    double stake = 0;
    for (const Heartbeat& heartbeat : heartbeats) {
      if (heartbeat.term == last.number) stake += stake_of(roster, heartbeat.uid);
    }
    // Of equal ones the later: the terms ascend.
    if (stake < best_stake) continue;
    best = std::move(chain);
    best_stake = stake;
  }
  return best;
}

const Term* term_of_window(std::span<const Term> chain, int64_t window) {
  const Term* found = nullptr;
  for (const Term& term : chain) {
    if (term.first_window <= window) found = &term;
  }
  return found != nullptr && found->ended_after && window > *found->ended_after ? nullptr : found;
}

double stake_behind_root(std::span<const Registration> roster, std::span<const Heartbeat> heartbeats,
                         int64_t window, const Hash256& root, const std::optional<PublicKey>& also) {
  double stake = 0;
  for (const Registration& node : roster) {
    const auto heartbeat = std::ranges::find(heartbeats, node.uid, &Heartbeat::uid);
    const bool says_so =
        heartbeat != heartbeats.end() && heartbeat->window == window && heartbeat->state_root == root;
    if (says_so || node.key == also) stake += stake_of(roster, node.uid);
  }
  return stake;
}

bool is_alive(const Heartbeat& heartbeat, int64_t latest_block, const NetworkSpec& network) {
  return heartbeat.block + network.leader_loss_windows * network.blocks_per_window >= latest_block;
}

bool may_take_over(const TakeoverView& view, const NetworkSpec& network, uint32_t uid) {
  const Registration* self = find_uid(view.roster, uid);
  if (self == nullptr || view.chain.empty() || stake_of(view.roster, uid) <= 0) return false;
  const Term& term = view.chain.back();
  if (term.leader == self->key || view.undecided_window < term.first_window) return false;
  // Who stands behind that window has seen its decision: then it is withheld from us, and not missing.
  double beyond = 0;
  for (const Heartbeat& heartbeat : view.heartbeats) {
    if (heartbeat.window > view.undecided_window) beyond += stake_of(view.roster, heartbeat.uid);
  }
  if (beyond >= total_stake(view.roster) / 2) return false;
  const auto leader = std::ranges::find(view.roster, term.leader, &Registration::key);
  const bool is_over =
      term.ended_after.has_value() || leader == view.roster.end() || leader->is_removed || leader->stake <= 0;
  // Those before it in rank have a closed window each for themselves.
  int64_t needed = is_over ? 0 : network.leader_loss_windows;
  for (const Registration& other : validators_by_stake(view.roster)) {
    if (other.uid == uid) break;
    const auto heartbeat = std::ranges::find(view.heartbeats, other.uid, &Heartbeat::uid);
    const bool may_lead = other.key != term.leader && stake_of(view.roster, other.uid) > 0;
    if (may_lead && heartbeat != view.heartbeats.end() && is_alive(*heartbeat, view.latest_block, network))
      ++needed;
  }
  return view.newest_closed_window - view.undecided_window + 1 >= needed;
}

}  // namespace templar
