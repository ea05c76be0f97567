#include "node/window/decide.h"

#include <fmt/format.h>

#include <utility>

#include "node/window/window_clock.h"
#include "ports/roster.h"

namespace templar {
namespace {

std::string nobody_has_decided(const ChainView& view, const Term& term, int64_t window) {
  const auto uid = uid_of(view.roster, term.leader);
  return fmt::format("window {}: {}, who leads term {}, has not decided it", window,
                     uid ? fmt::format("validator {}", *uid) : term.leader.hex(), term.number);
}

}  // namespace

Result<WindowDecision> decide(const NodeEnvironment& environment, const ChainView& view,
                              const Replica& replica, const DecideOptions& options) {
  const int64_t window = replica.window();
  // A term with another model is answered at once: others may be right, and time does not show it.
  if (auto diverged = divergence_from(view, replica)) return *std::move(diverged);
  const WindowClock clock(environment.ledger, replica.spec().network);
  TRY_ASSIGN(const bool is_closed, clock.is_closed(window));
  if (!is_closed) {
    return Awaited{Progress::kAwaitsBlock, fmt::format("window {}: its put window is not over", window)};
  }
  const Term* term = view.term_of(window);
  if (term == nullptr) {
    return Awaited{Progress::kAwaitsEntry, fmt::format("window {}: no term in force reaches it", window)};
  }
  TRY_ASSIGN(const std::optional<Decision> decision, environment.ledger.decision(window, term->number));
  if (!decision) return Awaited{Progress::kAwaitsEntry, nobody_has_decided(view, *term, window)};
  if (auto doubted = doubt_of_amendments(*decision, replica)) return *std::move(doubted);
  // Before anything is fetched or gathered: from a wrong model every contribution has another root.
  if (auto diverged = divergence_from(*decision, replica)) return *std::move(diverged);
  TRY_ASSIGN(FetchedDecision fetched, fetch_decided(environment, view, window, options));
  if (!fetched) return Awaited{Progress::kAwaitsEntry, nobody_has_decided(view, *term, window)};
  return std::visit([](auto&& outcome) { return WindowDecision(std::move(outcome)); }, *std::move(fetched));
}

Result<FetchedDecision> fetch_decided(const NodeEnvironment& environment, const ChainView& view,
                                      int64_t window, const DecideOptions& options) {
  const Term* term = view.term_of(window);
  if (term == nullptr) return std::nullopt;
  TRY_ASSIGN(const std::optional<Decision> decision, environment.ledger.decision(window, term->number));
  if (!decision) return std::nullopt;
  const AggregateRecord& record = decision->record;
  std::vector<Contribution> at_hand;
  if (options.at_hand) {
    TRY_ASSIGN(at_hand, options.at_hand(record));
  }
  TRY_ASSIGN(NamedContributions named, fetch_named(environment, record, view.roster, sources_of(view, term),
                                                   std::move(at_hand), options.waits_for_stores));
  if (named.missing.empty())
    return FetchedDecision(DecidedWindow{*decision, std::move(named.found), view.roster});
  AggregateRecord wanted = record;
  // Only what is missing is asked for again: the rest would be fetched with every new block.
  wanted.accepted.clear();
  for (const MissingContribution& one : named.missing) wanted.accepted.push_back(one.wanted);
  return FetchedDecision(Missing{*decision, std::move(wanted), named.missing.front().reason});
}

std::optional<Diverged> divergence_from(const Decision& decision, const Replica& replica) {
  const AggregateRecord& record = decision.record;
  if (record.state_root == replica.state_root() && record.outer_step == replica.outer_step())
    return std::nullopt;
  return Diverged{record.window, record.outer_step, record.state_root,
                  fmt::format("the decision of window {}", record.window)};
}

std::optional<Doubted> doubt_of_amendments(const Decision& decision, const Replica& replica) {
  const AmendmentsInForce& theirs = decision.record.amendments;
  const AmendmentsInForce& ours = replica.in_force().amendments;
  if (theirs == ours) return std::nullopt;
  const auto named = [](const AmendmentsInForce& amendments) {
    return amendments.number == 0 ? std::string("none")
                                  : fmt::format("{} ({})", amendments.number, amendments.hash.brief());
  };
  const char* why =
      theirs.number > ours.number
          ? "our ledger withholds one: does it reach the same servers as the others'?"
          : "its leader's ledger withholds one, or its program knows no amendments; the owner can "
            "end its term before the window (templar network end-term TERM --after WINDOW)";
  return Doubted{
      decision.record.window,
      fmt::format("the decision of window {} was made with amendment {} in force, and the ledger has "
                  "{} for us: not followed. Either {}",
                  decision.record.window, named(theirs), named(ours), why)};
}

std::optional<Diverged> divergence_from(const ChainView& view, const Replica& replica) {
  const Term* term = view.term_of(replica.window());
  if (term == nullptr || !begins_otherwise(*term, replica)) return std::nullopt;
  return Diverged{term->first_window, term->outer_step, term->state_root,
                  fmt::format("term {}", term->number)};
}

std::optional<std::string> doubt_about(const Diverged& diverged, const ChainView& view,
                                       const Replica& replica) {
  const Term* term = view.term_of(diverged.window);
  if (term == nullptr || term->first_window == diverged.window) return std::nullopt;
  const double theirs =
      stake_behind_root(view.roster, view.heartbeats, diverged.window, diverged.root, term->leader);
  const double ours = stake_behind_root(view.roster, view.heartbeats, diverged.window, replica.state_root());
  if (ours <= theirs) return std::nullopt;
  return fmt::format(
      "{} names root {}; validators with more stake stand with us at {}: not followed. The owner can "
      "end the term before it (templar network end-term {} --after {})",
      diverged.by, diverged.root.brief(), replica.state_root().brief(), term->number, diverged.window - 1);
}

bool has_turned_up(const NodeEnvironment& environment, const ChainView& view, const Missing& missing) {
  const Term* term = view.term_of(missing.wanted.window);
  const auto named = fetch_named(environment, missing.wanted, view.roster, sources_of(view, term), {}, false);
  return named && named->missing.empty();
}

PeerSelection selection_of(const AggregateRecord& record) {
  return {.gather = {record.gather_peers.begin(), record.gather_peers.end()},
          .reserve = {record.reserve_peers.begin(), record.reserve_peers.end()}};
}

bool asks_nobody(const AggregateRecord& record) {
  return record.gather_peers.empty() && record.reserve_peers.empty();
}

Result<GatherRequest> gather_request(const NodeEnvironment& environment, const Replica& replica,
                                     PeerSelection peers, std::vector<Registration> roster) {
  const int64_t window = replica.window();
  const WindowClock clock(environment.ledger, replica.spec().network);
  TRY_ASSIGN(const std::optional<PutWindow> times, clock.put_window_of(window));
  if (!times) return retry_error(fmt::format("window {}: the ledger has no end of it yet", window));
  TRY_ASSIGN(const Hash256 block_hash, clock.block_hash(window));
  TRY_ASSIGN(const ConstParameterSpans parameters, replica.parameters());
  return GatherRequest{.plan = replica.plan(),
                       .spec = replica.in_force().spec,
                       .peers = std::move(peers),
                       .roster = std::move(roster),
                       .times = *times,
                       .block_hash = block_hash,
                       .state_root = replica.state_root(),
                       .older_roots = replica.older_roots(),
                       .parameters = parameters};
}

}  // namespace templar
