#include "node/validator/office.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log/log.h"
#include "core/protocol/object_keys.h"
#include "node/window/object_retention.h"
#include "node/window/window_clock.h"

namespace templar {
namespace {

constexpr std::string_view kValidatorRole = name_of(NodeRole::kValidator);

bool nobody_answers(const Gathered& gathered) {
  return gathered.accepted.empty() && !gathered.unanswered.empty() &&
         gathered.unanswered.size() == gathered.rejected.size();
}

// Nothing that was sent in time, however wrong it was.
bool nobody_has_sent(const Gathered& gathered) {
  return gathered.accepted.empty() && gathered.unanswered.empty() &&
         std::ranges::all_of(gathered.rejected, [](const RejectedContribution& one) {
           return !counts_as_invalid(one.verdict.code) && one.verdict.code != VerdictCode::kNoKey;
         });
}

void log_differences(const Gathered& own, const AggregateRecord& record, uint32_t uid) {
  for (const AcceptedContribution& accepted : record.accepted) {
    if (std::ranges::find(own.accepted, accepted.content_hash, &Contribution::content_hash) !=
        own.accepted.end())
      continue;
    const auto rejected = std::ranges::find(own.rejected, accepted.uid, &RejectedContribution::uid);
    log(LogLevel::kWarning, kValidatorRole, "the leader accepted what our gather did not: taken",
        {{"uid", uid},
         {"window", record.window},
         {"peer", accepted.uid},
         {"our_reason", rejected == own.rejected.end() ? "other content" : rejected->verdict.reason}});
  }
  for (const Contribution& contribution : own.accepted) {
    if (std::ranges::find(record.accepted, contribution.content_hash(),
                          &AcceptedContribution::content_hash) != record.accepted.end()) {
      continue;
    }
    log(LogLevel::kWarning, kValidatorRole, "our gather accepted what the leader did not: left out",
        {{"uid", uid}, {"window", record.window}, {"peer", contribution.header().uid}});
  }
}

}  // namespace

Result<bool> Office::begin_run(const Replica& replica) {
  return ledger_.begin_term({.number = 0,
                             .previous = -1,
                             .first_window = replica.window(),
                             .outer_step = replica.outer_step(),
                             .state_root = replica.state_root()});
}

Status Office::beat(const OfficeCall& call) {
  const auto& [view, self, replica] = call;
  if (view.chain.empty() || !view.latest) return {};
  const Term* term = view.term_of(replica.window());
  if (term == nullptr) term = &view.chain.back();  // it has ended, and the next one has not begun
  // Not that it follows a term whose model is another: that would speak for it.
  if (begins_otherwise(*term, replica)) return {};
  const Spoken now{.window = replica.window(),
                   .ledgers_window = window_of_block(environment_.spec.network, view.latest->number),
                   .term = term->number,
                   .state_root = replica.state_root()};
  if (now == spoken_) return {};
  TRY(ledger_.beat({.uid = self.uid,
                    .block = view.latest->number,
                    .window = now.window,
                    .outer_step = replica.outer_step(),
                    .state_root = now.state_root,
                    .term = now.term,
                    .software = software_}));
  spoken_ = now;
  return {};
}

bool Office::leads(const OfficeCall& call) const {
  const Term* term = call.view.term_of(call.replica.window());
  return term != nullptr && term->leader == key_.public_key() && !call.self.is_removed &&
         !begins_otherwise(*term, call.replica);
}

Result<bool> Office::decide(const OfficeCall& call, const Lead& lead, WindowTimeline& timeline,
                            std::optional<MadeRecord>& made) {
  const Term& term = *call.view.term_of(call.replica.window());
  // Another term has been begun since, which does not count for us: the ledger takes no decision of ours any
  // more. A new term of our own goes on after the one that we lead.
  if (call.view.terms.back().number > term.number) return begin_term(call);
  const auto phase = timeline.phase("gather");  // of the whole run: the other nodes wait for the decision
  if (!made) {
    TRY_ASSIGN(made, make_record(call, lead));
  }
  return ledger_.decide({.term = term.number, .record = made->record});
}

// What a record names must stay readable, whatever becomes of its miners' buckets: copies of the
// contributions are stored before the window is decided.
Result<Office::MadeRecord> Office::make_record(const OfficeCall& call, const Lead& lead) {
  const auto& [view, self, replica] = call;
  const int64_t window = replica.window();
  TRY_ASSIGN(GatherRequest request, gather_request(environment_, replica, lead.peers, view.roster));
  request.uploads = lead.uploads;
  TRY_ASSIGN(Gathered gathered, gather(environment_, request));
  if (nobody_answers(gathered)) {
    // It is our own line that is away, or we that are to end: a window without anybody would take from all
    // what they have learnt in it. Not for ever: it may be they.
    const WindowClock clock(environment_.ledger, replica.spec().network);
    TRY_ASSIGN(const bool is_late, clock.is_closed(window + 1));
    if (!is_late) return retry_error(fmt::format("window {}: no peer's store answers", window));
  }
  if (!lead.could_train && nobody_has_sent(gathered)) {
    request.peers = {};
    gathered = {};
  }
  AggregateRecord record{.run_id = environment_.run_id,
                         .window = window,
                         .outer_step = replica.outer_step(),
                         .state_root = replica.state_root(),
                         .gather_peers = {request.peers.gather.begin(), request.peers.gather.end()},
                         .reserve_peers = {request.peers.reserve.begin(), request.peers.reserve.end()},
                         .accepted = {},
                         .rejected = std::move(gathered.rejected),
                         .leader = key_.public_key(),
                         .amendments = replica.in_force().amendments};
  for (const Contribution& contribution : gathered.accepted) {
    const uint32_t uid = contribution.header().uid;
    TRY(store_.put(self.bucket, accepted_contribution_key(window, uid), contribution.bytes()));
    record.accepted.push_back({uid, contribution.content_hash(), contribution.size_bytes()});
  }
  return MadeRecord{std::move(record), std::move(gathered.accepted)};
}

Result<bool> Office::begin_term(const OfficeCall& call) {
  const auto& [view, self, replica] = call;
  const Term* before = view.term_of(replica.window());
  if (before == nullptr) before = &view.chain.back();
  const Term term{.number = view.terms.back().number + 1,
                  .previous = before->number,
                  .first_window = replica.window(),
                  .outer_step = replica.outer_step(),
                  .state_root = replica.state_root()};
  TRY_ASSIGN(const bool begun, ledger_.begin_term(term));
  if (begun) {
    log(LogLevel::kWarning, kValidatorRole, "leads from here on: a new term begins",
        {{"uid", self.uid}, {"window", term.first_window}, {"term", term.number}, {"after", term.previous}});
  }
  return begun;
}

Result<bool> Office::take_over(const OfficeCall& call, int64_t newest_closed_window) {
  const auto& [view, self, replica] = call;
  if (view.chain.empty() || !view.latest || self.is_removed) return false;
  // Another model than that of a term that more than half of the stake follows is ours to heal.
  const Term* term = view.term_of(replica.window());
  if (term != nullptr && begins_otherwise(*term, replica)) return false;
  const TakeoverView takeover{.chain = view.chain,
                              .heartbeats = view.heartbeats,
                              .roster = view.roster,
                              .latest_block = view.latest->number,
                              .undecided_window = replica.window(),
                              .newest_closed_window = newest_closed_window};
  if (!may_take_over(takeover, replica.spec().network, self.uid)) return false;
  return begin_term(call);
}

Status Office::keep_copies(const Registration& self, const DecidedWindow& decided) {
  if (decided.accepted.empty()) return {};
  TRY_ASSIGN(const std::vector<ObjectInfo> there,
             environment_.store.list(self.bucket, accepted_contributions_prefix(decided.window())));
  for (const Contribution& contribution : decided.accepted) {
    const std::string key = accepted_contribution_key(decided.window(), contribution.header().uid);
    const auto copy = std::ranges::find(there, key, &ObjectInfo::key);
    const auto size_bytes = static_cast<uint64_t>(contribution.size_bytes());
    if (copy != there.end() && copy->size_bytes == size_bytes) continue;
    TRY(store_.put(self.bucket, key, contribution.bytes()));
  }
  return {};
}

void Office::drop_copies(const Registration& self, int64_t keep_from) {
  const Status dropped = remove_older_than(store_, self.bucket, kAcceptedContributionPrefix, keep_from);
  if (dropped) return;
  log(LogLevel::kWarning, kValidatorRole, "old copies not removed",
      {{"uid", self.uid}, {"reason", dropped.error().message}});
}

Result<std::vector<Contribution>> compare_with_own_gather(const NodeEnvironment& environment,
                                                          const OfficeCall& call,
                                                          const AggregateRecord& record,
                                                          std::shared_ptr<const DownloadedUploads> uploads) {
  if (asks_nobody(record)) return std::vector<Contribution>();
  TRY_ASSIGN(GatherRequest request,
             gather_request(environment, call.replica, selection_of(record), call.view.roster));
  request.uploads = std::move(uploads);
  TRY_ASSIGN(Gathered own, gather(environment, request));
  log_differences(own, record, call.self.uid);
  return std::move(own.accepted);
}

}  // namespace templar
