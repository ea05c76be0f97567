#include "node/window/gather.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <variant>

#include "base/back_off.h"
#include "core/consensus/possession.h"
#include "core/protocol/object_keys.h"
#include "node/window/window_samples.h"
#include "ports/roster.h"

namespace templar {
namespace {

// A store that does not answer is asked again at once, and then counts as away: a gather that waited for one
// peer's store would keep all others waiting.
constexpr int kStoreRetries = 2;

template <typename Call>
auto ask_store(const Call& call) {
  return retry_at_once(kStoreRetries, ErrorKind::kRetry, call);
}

Verdict missing_verdict(std::string reason) {
  return {VerdictCode::kMissing, std::move(reason)};
}

uint64_t largest_contribution(const NodeEnvironment& environment) {
  return static_cast<uint64_t>(max_contribution_size(environment.layout, environment.spec.codec));
}

// What the store has there, or had when another node of this process read the same version of it.
Result<ParsedObject> read_object(const NodeEnvironment& environment, int64_t window, std::string_view bucket,
                                 const ObjectInfo& object) {
  const uint64_t limit = largest_contribution(environment);
  return environment.contributions->parsed(
      window, bucket, object,
      // With the limit again: since the look at its size the object may have been replaced.
      [&] { return ask_store([&] { return environment.store.get(bucket, object.key, limit); }); },
      [&](SharedBytes bytes) {
        return parse_contribution(std::move(bytes), environment.layout, environment.spec.codec);
      });
}

// Whether the object was stored in the put window; the reason says by how much it was not.
Verdict judge_time(const ObjectInfo& info, const PutWindow& times) {
  if (info.stored_at_ms < times.opens_ms) {
    return {VerdictCode::kTooEarly,
            fmt::format("stored {} ms before the window began", times.opens_ms - info.stored_at_ms)};
  }
  if (info.stored_at_ms >= times.closes_ms) {
    return {VerdictCode::kTooLate,
            fmt::format("stored {} ms after the put window closed", info.stored_at_ms - times.closes_ms)};
  }
  return {};
}

Verdict judge_content(const NodeEnvironment& environment, const GatherRequest& request, const Shard& shard,
                      const Contribution& contribution, const Registration& peer) {
  const SampleAssignment assignment = assigned_samples(environment, request.plan, shard, peer.uid);
  const Verdict verdict = check_contribution(contribution, {.run_id = environment.run_id,
                                                            .window = request.plan.window,
                                                            .uid = peer.uid,
                                                            .public_key = peer.key,
                                                            .samples = receipt_of(assignment, shard),
                                                            .content_hash = std::nullopt});
  if (!verdict.accepted()) return verdict;
  const ContributionHeader& header = contribution.header();
  if (header.state_root != request.state_root) {
    return invalid_verdict(fmt::format("started from state {}, the window's is {}", header.state_root.brief(),
                                       request.state_root.brief()));
  }
  const int64_t window = request.plan.window;
  const Hash256 proof = environment.contributions->possession_proof(
      request.state_root, request.block_hash, peer.uid, window,
      [&] { return prove_possession(request.parameters, request.block_hash, peer.uid, window); });
  if (header.possession_proof != proof) {
    return invalid_verdict("the possession proof does not fit the model");
  }
  return {};
}

uint32_t uid_in(const Contribution& contribution) {
  return contribution.header().uid;
}

bool matches(const Contribution& contribution, const AcceptedContribution& wanted) {
  return uid_in(contribution) == wanted.uid && contribution.content_hash() == wanted.content_hash;
}

// The peer's contribution of the window, or why it does not count. Fails (retry) where the store was away.
Result<std::variant<Contribution, Verdict>> ask_for_contribution(const NodeEnvironment& environment,
                                                                 const GatherRequest& request,
                                                                 const Shard& shard, uint32_t uid) {
  const Registration* peer = find_uid(request.roster, uid);
  if (peer == nullptr) return missing_verdict("not on the ledger");
  const std::string key = contribution_key(request.plan.window);
  // Time and size stand before the content: what is late or too large is not worth a download.
  TRY_ASSIGN(const auto info, ask_store([&] { return environment.store.head(peer->bucket, key); }));
  if (!info) return missing_verdict("nothing stored");
  if (Verdict time = judge_time(*info, request.times); !time.accepted()) return time;

  if (const uint64_t limit = largest_contribution(environment); info->size_bytes > limit)
    return invalid_verdict(fmt::format("{} bytes, at most {} are legal", info->size_bytes, limit));
  auto object = read_object(environment, request.plan.window, peer->bucket, *info);
  if (!object && object.error().kind == ErrorKind::kRetry) return std::unexpected(std::move(object).error());
  if (!object) return missing_verdict("store: " + object.error().message);
  if (const Error* problem = std::get_if<Error>(&*object)) return invalid_verdict(problem->message);
  auto& contribution = std::get<Contribution>(*object);
  if (Verdict verdict = judge_content(environment, request, shard, contribution, *peer); !verdict.accepted())
    return verdict;
  return std::move(contribution);
}

// The object, if it is the contribution that a record names. Fails (retry) where the store was away, (skip)
// where it has no such object or another contribution in its place.
Result<Contribution> fetch_object(const NodeEnvironment& environment, int64_t window, std::string_view bucket,
                                  const std::string& key, const AcceptedContribution& wanted) {
  // Neither time nor content is judged here: the leader has judged it, and the hash says that it is the same
  // one.
  TRY_ASSIGN(const auto info, ask_store([&] { return environment.store.head(bucket, key); }));
  if (!info) return skip_error(fmt::format("object {}/{}: missing", bucket, key));
  TRY_ASSIGN(ParsedObject object, read_object(environment, window, bucket, *info));
  if (Error* problem = std::get_if<Error>(&object)) return std::unexpected(std::move(*problem));
  auto& contribution = std::get<Contribution>(object);
  if (matches(contribution, wanted)) return std::move(contribution);
  return skip_error(fmt::format("content {} is stored, the leader's record names {}",
                                contribution.content_hash().brief(), wanted.content_hash.brief()));
}

// Reads a contribution that the record names from its miner's bucket, else the leader's copy of it. Fails
// (retry) if one of the two stores was away: it may have what is wanted. Fails (skip) if both answered and
// neither has it.
Result<Contribution> fetch_accepted(const NodeEnvironment& environment, const AggregateRecord& record,
                                    const AcceptedContribution& wanted,
                                    std::span<const Registration> roster) {
  const Registration* peer = find_uid(roster, wanted.uid);
  auto own = peer == nullptr ? skip_error("the uid is not on the ledger")
                             : fetch_object(environment, record.window, peer->bucket,
                                            contribution_key(record.window), wanted);
  const std::optional<uint32_t> leader = uid_of(roster, record.leader);
  if (own || !leader) return own;
  auto copy = fetch_object(environment, record.window, find_uid(roster, *leader)->bucket,
                           accepted_contribution_key(record.window, wanted.uid), wanted);
  if (copy) return copy;
  // Only if both stores answered, the contribution is known to be gone.
  const bool away = own.error().kind == ErrorKind::kRetry || copy.error().kind == ErrorKind::kRetry;
  return std::unexpected(
      Error{.kind = away ? ErrorKind::kRetry : ErrorKind::kSkip,
            .message = own.error().message + "; the leader's copy: " + copy.error().message});
}

}  // namespace

std::variant<Contribution, Verdict> read_contribution(const NodeEnvironment& environment,
                                                      const GatherRequest& request, const Shard& shard,
                                                      uint32_t uid) {
  auto result = ask_for_contribution(environment, request, shard, uid);
  if (!result) return missing_verdict("store: " + result.error().message);
  return *std::move(result);
}

Result<Gathered> gather(const NodeEnvironment& environment, const GatherRequest& request) {
  TRY_ASSIGN(const Shard shard, open_active_shard(environment, request.plan));
  Gathered gathered;
  const auto ask = [&](uint32_t uid) {
    auto result = ask_for_contribution(environment, request, shard, uid);
    if (!result) {
      // Rejected for now like any other: a single store can't hold up the window.
      gathered.unanswered.push_back(uid);
      gathered.rejected.push_back({uid, missing_verdict("store: " + result.error().message)});
    } else if (auto* contribution = std::get_if<Contribution>(&*result)) {
      gathered.accepted.push_back(std::move(*contribution));
    } else {
      gathered.rejected.push_back({uid, std::get<Verdict>(*std::move(result))});
    }
  };
  for (const uint32_t uid : request.peers.gather) ask(uid);
  // A reserve peer fills a hole only with a contribution that counts, so more than one may be asked for it.
  // Those that are not needed are not asked, so that none of them is rejected for having nothing.
  for (const uint32_t uid : request.peers.reserve) {
    if (gathered.accepted.size() >= request.peers.gather.size()) break;
    ask(uid);
  }
  std::ranges::sort(gathered.accepted, {}, uid_in);
  std::ranges::sort(gathered.rejected, {}, &RejectedContribution::uid);
  return gathered;
}

Result<NamedContributions> fetch_named(const NodeEnvironment& environment, const AggregateRecord& record,
                                       std::span<const Registration> roster,
                                       std::vector<Contribution> at_hand) {
  NamedContributions named;
  for (const AcceptedContribution& wanted : record.accepted) {
    // By hash, not by uid: the miner may have stored another contribution since the leader read this one.
    const auto found = std::ranges::find_if(
        at_hand, [&](const Contribution& contribution) { return matches(contribution, wanted); });
    if (found != at_hand.end()) {
      named.found.push_back(std::move(*found));
      at_hand.erase(found);
      continue;
    }
    auto fetched = fetch_accepted(environment, record, wanted, roster);
    if (fetched) {
      named.found.push_back(*std::move(fetched));
      continue;
    }
    const Error reason =
        annotate(fetched.error(), fmt::format("window {}: contribution of uid {}", record.window, wanted.uid))
            .error();
    if (reason.kind == ErrorKind::kRetry) return std::unexpected(reason);
    named.missing.push_back({wanted, reason.message});
  }
  return named;
}

}  // namespace templar
