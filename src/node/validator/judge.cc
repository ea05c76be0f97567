#include "node/validator/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/protocol/object_keys.h"
#include "ports/roster.h"

namespace templar {
namespace {

struct NamedPeers {
  int64_t window = 0;
  PeerSelection peers;
};

// Of the newest decided window before that one whose record asks anybody, back to the beginning of the
// stretch before; nullopt if there is none.
Result<std::optional<NamedPeers>> last_named_peers(const NodeEnvironment& environment, const ChainView& view,
                                                   int64_t window, int64_t frequency) {
  const int64_t begin = std::max<int64_t>(window / frequency * frequency - frequency, 0);
  for (int64_t before = window - 1; before >= begin; --before) {
    const Term* term = view.term_of(before);
    if (term == nullptr) break;
    TRY_ASSIGN(const auto decision, environment.ledger.decision(before, term->number));
    if (decision && !asks_nobody(decision->record)) return NamedPeers{before, selection_of(decision->record)};
  }
  return std::nullopt;
}

// Whom the owner has removed gets no place, nor whom the scoreboard excludes. Where that leaves nobody, as
// after an outage of most of a small network, the scoreboard's exclusions yield: a run that asks nobody
// stands still until they end, and nobody could show meanwhile that it is back.
PeerSelection propose_peers(std::vector<PeerCandidate> candidates, std::span<const Registration> roster,
                            const NetworkSpec& network) {
  candidates = with_newcomers(std::move(candidates), miner_uids(roster));
  std::erase_if(candidates, [&roster](const PeerCandidate& candidate) {
    const Registration* node = find_uid(roster, candidate.uid);
    return node == nullptr || node->is_removed;
  });
  PeerSelection peers = select_peers(candidates, network);
  if (!peers.gather.empty()) return peers;
  for (PeerCandidate& candidate : candidates) candidate.excluded = false;
  return select_peers(candidates, network);
}

// From here on these are the peers, until the lists are replaced.
void carry(ValidatorState& state, int64_t window, const PeerSelection& peers) {
  (window < state.next_peers_from ? state.peers : state.next_peers) = peers;
}

}  // namespace

Judge::Judge(const NodeEnvironment& environment, ObjectStore& store, LedgerWriter& ledger,
             StartCopy& start_copy, const KeyPair& key)
    : environment_(environment), store_(store), ledger_(ledger), meter_(environment, start_copy), key_(key) {}

std::optional<int64_t> Judge::next_window() const {
  return stored_ == Stored::kState ? std::optional(state_.next_window) : std::nullopt;
}

std::optional<int64_t> Judge::judged_window() const {
  return state_.scoreboard.window >= 0 ? std::optional(state_.scoreboard.window) : std::nullopt;
}

Result<ValidatorState> Judge::read_state(const Registration& self) const {
  TRY_ASSIGN(const Bytes text, store_.get(self.bucket, kValidatorStateKey, kMaxValidatorStateBytes));
  return parse_validator_state(text);
}

Status Judge::load(const Registration& self) {
  // Once in a process: from then on state_ is newer than what the bucket had.
  if (stored_ != Stored::kUnknown) return {};
  TRY_ASSIGN(const auto there, store_.head(self.bucket, kValidatorStateKey));
  if (there) {
    auto state = read_state(self);
    // Once more, so that one read that went wrong ends nobody.
    if (!state && state.error().kind != ErrorKind::kRetry) state = read_state(self);
    if (!state && state.error().kind == ErrorKind::kRetry) return std::unexpected(state.error());
    if (!state) {
      return fatal_error(fmt::format(
          "{}/{} in the store can't be used: {}. Put a good copy of it there; or remove it, and this "
          "validator begins a new scoreboard at the newest checkpoint, without what it knew of the "
          "miners",
          self.bucket, kValidatorStateKey, state.error().message));
    }
    state_ = std::move(*state);
  }
  stored_ = there ? Stored::kState : Stored::kNothing;
  return {};
}

Status Judge::come_into_run(const ChainView& view, const Registration& self, const Replica& replica) {
  const int64_t window = replica.window();
  ValidatorState next = state_;
  if (stored_ != Stored::kState) {
    next.peers = propose_peers({}, view.roster, replica.spec().network);
    next.next_peers = next.peers;
  }
  const int64_t frequency = replica.spec().network.peer_replacement_frequency;
  const int64_t stretch = window / frequency * frequency;
  TRY_ASSIGN(const auto named, last_named_peers(environment_, view, window, frequency));
  const bool has_proposal = stored_ == Stored::kState && next.next_peers_from >= stretch;
  if (named && (named->window >= stretch || !has_proposal)) carry(next, window, named->peers);
  next.next_window = window;
  // Stored before the first window is judged: from now on a restart begins at the first unjudged window.
  if (stored_ != Stored::kState) TRY(store_state(self, next));
  stored_ = Stored::kState;
  state_ = std::move(next);
  return {};
}

Result<std::optional<Judge::Judged>> Judge::judge(const DecidedWindow& decided, const Registration& self,
                                                  Replica& replica, WindowTimeline& timeline) {
  const int64_t window = replica.window();
  // It has been judged if a restart, or healing, has set the model further back than the scoreboard.
  if (window <= state_.scoreboard.window) return std::nullopt;
  const Stopwatch watch;
  const AggregateRecord& record = decided.record();
  Evidence evidence{.window = window, .outer_step = replica.outer_step(), .miners = {}};
  std::optional<WindowDraw> draw;
  // Where nobody could train nobody is asked, and nobody blamed.
  if (!asks_nobody(record)) {
    const auto phase = timeline.phase("evaluate");
    TRY_ASSIGN(const GatherRequest request,
               gather_request(environment_, replica, selection_of(record), decided.roster));
    const Gathered gathered{.accepted = decided.accepted, .rejected = record.rejected, .unanswered = {}};
    draw = draw_window(environment_, key_, request, state_.scoreboard);
    TRY_ASSIGN(
        evidence,
        collect_evidence(
            environment_, replica, meter_,
            {.gather = request, .gathered = gathered, .draw = *draw, .scoreboard = state_.scoreboard}));
  }
  AdvanceResult result = advance_scoreboard(state_.scoreboard, evidence, replica.spec());
  TRY(settle(result, std::move(draw), decided, {self, replica.spec()}));
  return Judged{std::move(evidence), std::move(result), watch.seconds()};
}

Status Judge::settle(const AdvanceResult& result, std::optional<WindowDraw> draw,
                     const DecidedWindow& decided, const Seat& seat) {
  const NetworkSpec& network = seat.spec.network;
  const int64_t window = decided.record().window;
  ValidatorState next = state_;
  next.next_window = window + 1;
  next.scoreboard = result.scoreboard;
  next.draw = std::move(draw);
  if (!asks_nobody(decided.record())) carry(next, window, selection_of(decided.record()));
  if (makes_peer_list(network, window)) {
    next.peers = next.peers_in(window);
    next.next_peers = propose_peers(result.candidates, decided.roster, network);
    next.next_peers_from = window + network.peer_list_window_margin;
  }
  // The weights first. If the state is not stored after them, the window is judged again and gives the same
  // weights; the other way round a node that is killed in between would leave them out.
  if ((window + 1) % seat.spec.scoring.windows_per_weights == 0) {
    std::vector<WeightEntry> weights;
    for (const auto& [uid, weight] : result.weights) weights.push_back({uid, weight});
    TRY(ledger_.set_weights(weights));
  }
  // In memory it counts only once it is stored: after a failure the window is judged again from the old
  // state.
  TRY(store_state(seat.self, next));
  state_ = std::move(next);
  return {};
}

Status Judge::store_state(const Registration& self, const ValidatorState& state) {
  const std::string text = encode_validator_state(state);
  return store_.put(self.bucket, kValidatorStateKey, as_bytes(text));
}

}  // namespace templar
