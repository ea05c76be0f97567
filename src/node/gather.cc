#include "node/gather.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <variant>

#include "base/log.h"
#include "base/scratch_file.h"
#include "core/consensus/possession.h"
#include "core/protocol/object_keys.h"
#include "node/roster.h"
#include "node/window_samples.h"

namespace templar {
namespace {

constexpr int kStoreAttempts = 3;

// A call to the store, repeated while it says "retry".
template <typename Call>
auto with_retries(const Call& call) {
  auto result = call();
  for (int attempt = 1; attempt < kStoreAttempts && !result && result.error().kind == ErrorKind::kRetry; ++attempt) {
    result = call();
  }
  return result;
}

Verdict missing_verdict(std::string reason) { return {VerdictCode::kMissing, std::move(reason)}; }

// What was downloaded, parsed. Until the outer step all of a window's contributions are kept, so they move out of memory
// into files; where there is no room for a file, they stay.
Result<Contribution> parse(const NodeEnvironment& environment, Bytes bytes) {
  auto in_file = move_to_scratch_file(bytes);
  if (!in_file) log(LogLevel::kWarning, "gather", "a contribution stays in memory", {{"reason", in_file.error().message}});
  SharedBytes shared = in_file ? *std::move(in_file) : SharedBytes(std::move(bytes));
  return parse_contribution(std::move(shared), environment.layout, environment.spec.codec);
}

// Whether the object was stored in the put window; the reason says by how much it was not.
Verdict judge_time(const ObjectInfo& info, const PutWindow& times) {
  if (info.stored_at_ms < times.opens_ms) {
    return {VerdictCode::kTooEarly, fmt::format("stored {} ms before the window began", times.opens_ms - info.stored_at_ms)};
  }
  if (info.stored_at_ms >= times.closes_ms) {
    return {VerdictCode::kTooLate, fmt::format("stored {} ms after the put window closed", info.stored_at_ms - times.closes_ms)};
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
  if (header.possession_proof != prove_possession(request.parameters, request.block_hash, peer.uid, request.plan.window)) {
    return invalid_verdict("the possession proof does not fit the model");
  }
  return {};
}

uint32_t uid_in(const Contribution& contribution) { return contribution.header().uid; }

}  // namespace

std::variant<Contribution, Verdict> read_contribution(const NodeEnvironment& environment, const GatherRequest& request,
                                                      const Shard& shard, uint32_t uid) {
  const Registration* peer = find_uid(request.roster, uid);
  if (peer == nullptr) return missing_verdict("not on the ledger");
  const std::string key = contribution_key(request.plan.window);
  const auto info = with_retries([&] { return environment.store.head(peer->bucket, key); });
  if (!info) return missing_verdict("store: " + info.error().message);
  if (!info->has_value()) return missing_verdict("nothing stored");
  if (Verdict time = judge_time(**info, request.times); !time.accepted()) return time;

  const auto limit = static_cast<uint64_t>(max_contribution_size(environment.layout, environment.spec.codec));
  if ((*info)->size_bytes > limit) {
    return invalid_verdict(fmt::format("{} bytes, at most {} are legal", (*info)->size_bytes, limit));
  }
  auto bytes = with_retries([&] { return environment.store.get(peer->bucket, key, limit); });
  if (!bytes) return missing_verdict("store: " + bytes.error().message);
  auto contribution = parse(environment, std::move(*bytes));
  if (!contribution) return invalid_verdict(contribution.error().message);
  if (Verdict verdict = judge_content(environment, request, shard, *contribution, *peer); !verdict.accepted()) return verdict;
  return std::move(*contribution);
}

Result<Gathered> gather(const NodeEnvironment& environment, const GatherRequest& request) {
  TRY_ASSIGN(const Shard shard, open_active_shard(environment, request.plan));
  Gathered gathered;
  const auto take = [&](uint32_t uid) {
    auto result = read_contribution(environment, request, shard, uid);
    if (auto* contribution = std::get_if<Contribution>(&result)) {
      gathered.accepted.push_back(std::move(*contribution));
    } else {
      gathered.rejected.push_back({uid, std::get<Verdict>(std::move(result))});
    }
  };
  for (const uint32_t uid : request.peers.gather) take(uid);
  for (const uint32_t uid : request.peers.reserve) {
    if (gathered.accepted.size() >= request.peers.gather.size()) break;
    take(uid);
  }
  std::ranges::sort(gathered.accepted, {}, uid_in);
  std::ranges::sort(gathered.rejected, {}, &RejectedContribution::uid);
  return gathered;
}

Result<std::vector<Contribution>> fetch_named(const NodeEnvironment& environment, const AggregateRecord& record,
                                              std::span<const Registration> roster, std::vector<Contribution> at_hand) {
  std::vector<Contribution> named;
  const auto limit = static_cast<uint64_t>(max_contribution_size(environment.layout, environment.spec.codec));
  for (const AcceptedContribution& wanted : record.accepted) {
    const auto found = std::ranges::find_if(at_hand, [&](const Contribution& contribution) {
      return uid_in(contribution) == wanted.uid && contribution.content_hash() == wanted.content_hash;
    });
    if (found != at_hand.end()) {
      named.push_back(std::move(*found));
      at_hand.erase(found);
      continue;
    }
    const std::string what = fmt::format("window {}: contribution of uid {}", record.window, wanted.uid);
    const Registration* peer = find_uid(roster, wanted.uid);
    if (peer == nullptr) return retry_error(what + ": the uid is not on the ledger");
    auto bytes =
        with_retries([&] { return environment.store.get(peer->bucket, contribution_key(record.window), limit); });
    if (!bytes) return retry_error(what + ": " + bytes.error().message);
    auto contribution = parse(environment, std::move(*bytes));
    if (!contribution) return retry_error(what + ": " + contribution.error().message);
    if (contribution->content_hash() != wanted.content_hash || uid_in(*contribution) != wanted.uid) {
      return retry_error(fmt::format("{}: content {} is stored, the leader's record names {}", what,
                                     contribution->content_hash().brief(), wanted.content_hash.brief()));
    }
    named.push_back(std::move(*contribution));
  }
  return named;
}

std::vector<const Contribution*> as_list(const std::vector<Contribution>& contributions) {
  std::vector<const Contribution*> list;
  list.reserve(contributions.size());
  for (const Contribution& contribution : contributions) list.push_back(&contribution);
  return list;
}

}  // namespace templar
