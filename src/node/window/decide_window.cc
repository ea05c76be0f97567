#include "node/window/decide_window.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log/log.h"
#include "node/window/records.h"
#include "node/window/window_clock.h"
#include "ports/roster.h"

namespace templar {
namespace {

bool nobody_answers(const Gathered& gathered) {
  return gathered.accepted.empty() && !gathered.unanswered.empty() &&
         gathered.unanswered.size() == gathered.rejected.size();
}

void log_differences(const Gathered& own, const AggregateRecord& record, const NodeName& node) {
  for (const AcceptedContribution& accepted : record.accepted) {
    if (std::ranges::find(own.accepted, accepted.content_hash, &Contribution::content_hash) !=
        own.accepted.end())
      continue;
    const auto rejected = std::ranges::find(own.rejected, accepted.uid, &RejectedContribution::uid);
    log(LogLevel::kWarning, node.role, "the leader accepted what our gather did not: taken",
        {{"uid", node.uid},
         {"window", record.window},
         {"peer", accepted.uid},
         {"our_reason", rejected == own.rejected.end() ? "other content" : rejected->verdict.reason}});
  }
  for (const Contribution& contribution : own.accepted) {
    if (std::ranges::find(record.accepted, contribution.content_hash(),
                          &AcceptedContribution::content_hash) != record.accepted.end()) {
      continue;
    }
    log(LogLevel::kWarning, node.role, "our gather accepted what the leader did not: left out",
        {{"uid", node.uid}, {"window", record.window}, {"peer", contribution.header().uid}});
  }
}

// Puts what the record names in the place of what our own gather accepted.
Result<WindowDecision> settle_by_record(const NodeEnvironment& environment, DecidedWindow decided,
                                        AggregateRecord record, const NodeName& node) {
  Gathered& gathered = decided.gathered;
  log_differences(gathered, record, node);
  TRY_ASSIGN(NamedContributions named,
             fetch_named(environment, record, decided.request.roster, std::move(gathered.accepted)));
  if (!named.missing.empty()) return ContributionsMissing{std::move(record), std::move(named.missing)};
  gathered.accepted = std::move(named.found);
  decided.record = std::move(record);
  return decided;
}

}  // namespace

Result<GatherRequest> gather_request(const NodeEnvironment& environment, const Replica& replica,
                                     PeerSelection peers, std::vector<Registration> roster) {
  const int64_t window = replica.window();
  const WindowClock clock(environment.ledger, environment.spec.network);
  TRY_ASSIGN(const std::optional<PutWindow> times, clock.put_window_of(window));
  if (!times) return retry_error(fmt::format("window {}: the ledger has no end of it yet", window));
  TRY_ASSIGN(const Hash256 block_hash, clock.block_hash(window));
  TRY_ASSIGN(const ConstParameterSpans parameters, replica.parameters());
  return GatherRequest{.plan = replica.plan(),
                       .peers = std::move(peers),
                       .roster = std::move(roster),
                       .times = *times,
                       .block_hash = block_hash,
                       .state_root = replica.state_root(),
                       .parameters = parameters};
}

Result<WindowDecision> decide_window(const NodeEnvironment& environment, const Replica& replica,
                                     WindowTimeline& timeline, const DecidingNode& node) {
  const int64_t window = replica.window();
  TRY_ASSIGN(std::vector<Registration> roster, environment.ledger.registrations());
  const std::optional<Registration> leader = leader_of(roster);
  if (!leader) {
    return fatal_error(std::string(node.name.role) +
                       ": the ledger has no validator, so nobody leads the run");
  }
  // The leader looks for a record as well: before a restart it may have published one, and that one stands.
  auto record = read_record(environment, *leader, window);
  TRY(fail_unless_skip(record));
  const bool recorded = record && record->has_value();
  if (!recorded && leader->uid != node.name.uid) {
    const WindowClock clock(environment.ledger, environment.spec.network);
    TRY_ASSIGN(const bool waited, clock.is_closed(window, environment.spec.network.record_wait_seconds));
    if (!waited) return RecordAwaited{};
  }
  // A gather from a wrong model would reject every contribution for its root: the model comes first.
  if (recorded && (*record)->state_root != replica.state_root()) return ModelDiverged{**std::move(record)};

  PeerSelection peers;
  if (recorded) {
    peers = selection_of(**record);
  } else {
    TRY_ASSIGN(peers, node.peers_without_record(*leader, record ? "not published" : record.error().message));
  }
  const auto phase = timeline.phase("gather");
  DecidedWindow decided{.request = {}, .gathered = {}, .leader = *leader, .record = std::nullopt};
  TRY_ASSIGN(decided.request, gather_request(environment, replica, std::move(peers), std::move(roster)));
  TRY_ASSIGN(decided.gathered, gather(environment, decided.request));
  if (!recorded && nobody_answers(decided.gathered)) {
    // It is our own line that is away, or we that are to end: a window without anybody would take from all
    // what they have learnt in it. Not for ever: it may be they.
    const WindowClock clock(environment.ledger, environment.spec.network);
    TRY_ASSIGN(const bool is_late, clock.is_closed(window, 2 * environment.spec.network.record_wait_seconds));
    if (!is_late) return retry_error(fmt::format("window {}: no peer's store answers", window));
  }
  if (!recorded) return decided;
  return settle_by_record(environment, std::move(decided), **std::move(record), node.name);
}

}  // namespace templar
