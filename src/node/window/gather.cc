#include "node/window/gather.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <utility>
#include <variant>

#include "base/threads/mutex.h"
#include "core/consensus/possession.h"
#include "core/protocol/object_keys.h"
#include "node/window/peer_calls.h"
#include "node/window/stored_contribution.h"
#include "node/window/window_samples.h"
#include "ports/roster.h"

namespace templar {
namespace {

constexpr std::chrono::seconds kLeastPatience{10};
// A round of reserve peers after others that took all the time: enough for those who answer at once.
constexpr std::chrono::seconds kLeastRound{3};
// What a record names is needed, however long a slow line takes for it: the validators, who have copies of
// all, are given so long.
constexpr std::chrono::hours kFetchPatience{1};

// All but the model that it started from.
Verdict judge_maker(const NodeEnvironment& environment, const GatherRequest& request, const Shard& shard,
                    const Contribution& contribution, const Registration& peer) {
  const SampleAssignment assignment = assigned_samples(environment, request.plan, shard, peer.uid);
  return check_contribution(contribution, {.run_id = environment.run_id,
                                           .window = request.plan.window,
                                           .uid = peer.uid,
                                           .public_key = peer.key,
                                           .samples = receipt_of(assignment, shard),
                                           .content_hash = std::nullopt});
}

// How many outer steps older than the window's model the one with that root is; nullopt if it is not known.
std::optional<int64_t> steps_behind(const GatherRequest& request, const Hash256& root) {
  const auto found = std::ranges::find(request.older_roots, root);
  if (found == request.older_roots.end()) return std::nullopt;
  return found - request.older_roots.begin() + 1;
}

Verdict judge_content(const NodeEnvironment& environment, const GatherRequest& request, const Shard& shard,
                      const Contribution& contribution, const Registration& peer) {
  const Verdict verdict = judge_maker(environment, request, shard, contribution, peer);
  if (!verdict.accepted()) return verdict;
  const ContributionHeader& header = contribution.header();
  if (header.state_root != request.state_root) {
    const auto steps = steps_behind(request, header.state_root);
    return invalid_verdict(fmt::format("started from state {}, the window's is {}{}",
                                       header.state_root.brief(), request.state_root.brief(),
                                       steps ? fmt::format(": {} outer steps behind", *steps) : ""));
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

using JudgeContent = Verdict (*)(const NodeEnvironment&, const GatherRequest&, const Shard&,
                                 const Contribution&, const Registration&);

// The peer's contribution of the window, or why it does not count. Fails (retry) where the store was away.
PeerAnswer ask_for_contribution(const NodeEnvironment& environment, const GatherRequest& request,
                                const Shard& shard, uint32_t uid, const PeerCall& call,
                                JudgeContent judge = judge_content) {
  const Registration* peer = find_uid(request.roster, uid);
  if (peer == nullptr) return missing_verdict("not on the ledger");
  if (peer->is_removed) return missing_verdict("removed from the run by its owner");
  auto answer = read_published(environment, *request.spec, request.plan.window, request.times, *peer, call,
                               request.uploads.get());
  auto* contribution = answer ? std::get_if<Contribution>(&*answer) : nullptr;
  if (contribution == nullptr) return answer;
  if (Verdict verdict = judge(environment, request, shard, *contribution, *peer); !verdict.accepted())
    return verdict;
  return answer;
}

// Where a contribution that a record names may be.
struct NamedPlace {
  std::string bucket;
  bool is_copy = false;  // a validator's
};

PeerAnswer fetch_object(const NodeEnvironment& environment, const RunSpec& spec, int64_t window,
                        const NamedPlace& place, const AcceptedContribution& wanted, const PeerCall& call) {
  return place.is_copy ? read_named_copy(environment, spec, window, place.bucket, wanted, call)
                       : read_named(environment, spec, window, place.bucket, wanted, call);
}

// What a leader's record keeps the others waiting for: about as long as the network gives a contribution to
// arrive after the window. spent: of the same gather, on earlier rounds.
PeerPatience patience_of(const RunSpec& spec, double spent_seconds = 0) {
  using std::chrono::milliseconds;
  const std::chrono::seconds wait(spec.network.put_window_seconds);
  const milliseconds spent(static_cast<int64_t>(spent_seconds * 1000));
  const auto left = [&](milliseconds whole) { return std::max(milliseconds(kLeastRound), whole - spent); };
  return {.straggler = left(std::max<milliseconds>(kLeastPatience, wait / 2)),
          .whole = left(std::max<milliseconds>(2 * kLeastPatience, wait * 3 / 4))};
}

std::vector<PeerAnswer> ask_peers(const NodeEnvironment& environment, size_t count,
                                  const PeerPatience& patience,
                                  const std::function<PeerAnswer(size_t peer, const PeerCall& call)>& ask) {
  const int useful = environment.store.useful_calls_at_once();
  // A store on this machine keeps nobody waiting but by being slow itself.
  return call_peers(count, environment.contributions->threads(useful),
                    useful > 1 ? std::optional(patience) : std::nullopt, ask);
}

// Only if both stores answered, a contribution is known to be gone.
PeerAnswer both_errors(const Error& own, const Error& copy) {
  const bool away = own.kind == ErrorKind::kRetry || copy.kind == ErrorKind::kRetry;
  return std::unexpected(Error{.kind = away ? ErrorKind::kRetry : ErrorKind::kSkip,
                               .message = own.message + "; a validator's copy: " + copy.message});
}

// The contributions that a record names, by their number in it, as far as they have been found.
class NamedAnswers {
 public:
  // spec: in force in the record's window.
  NamedAnswers(const NodeEnvironment& environment, const RunSpec& spec, const AggregateRecord& record)
      : environment_(environment),
        spec_(spec),
        record_(record),
        answers_(record.accepted.size(), skip_error("the uid is not on the ledger")) {}

  // By hash, not by uid: the miner may have stored another contribution since the leader read this one.
  void take(std::vector<Contribution>& at_hand) {
    for (size_t i = 0; i < answers_.size(); ++i) {
      const auto found = std::ranges::find_if(at_hand, [&](const Contribution& contribution) {
        return matches(contribution, record_.accepted[i]);
      });
      if (found == at_hand.end()) continue;
      answers_[i] = std::move(*found);
      at_hand.erase(found);
    }
  }
  // Fetches what has not been found yet, each from its place (nullopt: it has none), all at once.
  template <typename PlaceOf>
  void fetch(const PlaceOf& place_of, const PeerPatience& patience) {
    std::vector<size_t> numbers;
    std::vector<NamedPlace> places;
    for (size_t i = 0; i < answers_.size(); ++i) {
      std::optional<NamedPlace> place = answers_[i] ? std::nullopt : place_of(record_.accepted[i].uid);
      if (!place) continue;
      numbers.push_back(i);
      places.push_back(*std::move(place));
    }
    auto fetched = ask_peers(environment_, numbers.size(), patience, [&](size_t i, const PeerCall& call) {
      return fetch_object(environment_, spec_, record_.window, places[i], record_.accepted[numbers[i]], call);
    });
    for (size_t i = 0; i < numbers.size(); ++i) {
      PeerAnswer& answer = answers_[numbers[i]];
      const bool is_first = !has_fetched_ || fetched[i];
      answer = is_first ? std::move(fetched[i]) : both_errors(answer.error(), fetched[i].error());
    }
    has_fetched_ = true;
  }
  [[nodiscard]] Result<NamedContributions> named(bool waits_for_stores) && {
    NamedContributions named;
    for (size_t i = 0; i < answers_.size(); ++i) {
      const AcceptedContribution& wanted = record_.accepted[i];
      if (answers_[i]) {
        named.found.push_back(std::get<Contribution>(*std::move(answers_[i])));
        continue;
      }
      const Error reason = annotate(answers_[i].error(), fmt::format("window {}: contribution of uid {}",
                                                                     record_.window, wanted.uid))
                               .error();
      if (reason.kind == ErrorKind::kRetry && waits_for_stores) return std::unexpected(reason);
      named.missing.push_back({wanted, reason.message});
    }
    return named;
  }

 private:
  const NodeEnvironment& environment_;
  const RunSpec& spec_;
  const AggregateRecord& record_;
  std::vector<PeerAnswer> answers_;
  bool has_fetched_ = false;
};

}  // namespace

std::vector<std::variant<Contribution, Verdict>> read_contributions(const NodeEnvironment& environment,
                                                                    const GatherRequest& request,
                                                                    const Shard& shard,
                                                                    std::span<const uint32_t> uids) {
  auto answers =
      ask_peers(environment, uids.size(), patience_of(*request.spec), [&](size_t peer, const PeerCall& call) {
        return ask_for_contribution(environment, request, shard, uids[peer], call);
      });
  std::vector<std::variant<Contribution, Verdict>> read;
  for (PeerAnswer& answer : answers) {
    if (answer) {
      read.push_back(*std::move(answer));
    } else {
      read.emplace_back(missing_verdict("store: " + answer.error().message));
    }
  }
  return read;
}

std::vector<StaleContribution> read_stale_contributions(const NodeEnvironment& environment,
                                                        const GatherRequest& request, const Shard& shard,
                                                        std::span<const uint32_t> uids) {
  std::vector<StaleContribution> stale;
  if (request.older_roots.empty()) return stale;
  auto answers =
      ask_peers(environment, uids.size(), patience_of(*request.spec), [&](size_t peer, const PeerCall& call) {
        return ask_for_contribution(environment, request, shard, uids[peer], call, judge_maker);
      });
  for (PeerAnswer& answer : answers) {
    auto* contribution = answer ? std::get_if<Contribution>(&*answer) : nullptr;
    if (contribution == nullptr) continue;
    const auto steps = steps_behind(request, contribution->header().state_root);
    if (steps) stale.push_back({std::move(*contribution), *steps});
  }
  return stale;
}

std::vector<Result<std::optional<int64_t>>> stored_times(const NodeEnvironment& environment,
                                                         const GatherRequest& request,
                                                         std::span<const uint32_t> uids) {
  const std::string key = contribution_key(request.plan.window);
  Mutex mutex;
  std::vector<Result<std::optional<int64_t>>> times(uids.size());
  const auto ask = [&](size_t number, const PeerCall& call) -> PeerAnswer {
    const Registration* peer = find_uid(request.roster, uids[number]);
    if (peer == nullptr) return missing_verdict("not on the ledger");
    TRY_ASSIGN(const auto info, look_at(environment, peer->bucket, key, call));
    // A slow peer may be asked on two threads at once.
    const MutexLock lock(mutex);
    if (info) times[number] = info->stored_at_ms;
    return missing_verdict("not asked for");
  };
  std::vector<PeerAnswer> answers = ask_peers(environment, uids.size(), patience_of(*request.spec), ask);
  for (size_t i = 0; i < uids.size(); ++i) {
    if (!answers[i]) times[i] = std::unexpected(std::move(answers[i]).error());
  }
  return times;
}

std::shared_ptr<const DownloadedUploads> download_uploads(const NodeEnvironment& environment,
                                                          const RunSpec& spec, int64_t window,
                                                          const PutWindow& times,
                                                          std::span<const Registration> roster,
                                                          std::span<const uint32_t> uids) {
  Mutex mutex;
  const auto uploads = std::make_shared<DownloadedUploads>();
  const auto ask = [&](size_t number, const PeerCall& call) -> PeerAnswer {
    const Registration* miner = find_uid(roster, uids[number]);
    if (miner == nullptr || miner->is_removed) return missing_verdict("not asked");
    TRY_ASSIGN(auto upload, download_upload(environment, spec, window, times, *miner, call));
    // A slow peer may be asked on two threads at once.
    const MutexLock lock(mutex);
    if (upload) uploads->insert_or_assign(miner->uid, *std::move(upload));
    return missing_verdict("not opened yet");
  };
  static_cast<void>(ask_peers(environment, uids.size(), patience_of(spec), ask));
  return uploads;
}

Result<Gathered> gather(const NodeEnvironment& environment, const GatherRequest& request) {
  TRY_ASSIGN(const Shard shard, open_active_shard(environment, request.plan));
  Gathered gathered;
  const Stopwatch since_begin;
  const auto ask = [&](std::span<const uint32_t> uids) {
    auto answers = ask_peers(environment, uids.size(), patience_of(*request.spec, since_begin.seconds()),
                             [&](size_t peer, const PeerCall& call) {
                               return ask_for_contribution(environment, request, shard, uids[peer], call);
                             });
    for (size_t peer = 0; peer < uids.size(); ++peer) {
      PeerAnswer& answer = answers[peer];
      if (!answer) {
        // Rejected for now like any other: a single store can't hold up the window.
        gathered.unanswered.push_back(uids[peer]);
        gathered.rejected.push_back({uids[peer], missing_verdict("store: " + answer.error().message)});
      } else if (auto* contribution = std::get_if<Contribution>(&*answer)) {
        gathered.accepted.push_back(std::move(*contribution));
      } else {
        gathered.rejected.push_back({uids[peer], std::get<Verdict>(*std::move(answer))});
      }
    }
  };
  ask(request.peers.gather);
  // A reserve peer fills a hole only with a contribution that counts, so more than one may be asked for it.
  // Those that are not needed are not asked, so that none of them is rejected for having nothing: as many at
  // once as there are holes, which one after the other would be asked as well.
  std::span<const uint32_t> reserve = request.peers.reserve;
  while (!reserve.empty() && gathered.accepted.size() < request.peers.gather.size()) {
    const size_t holes = request.peers.gather.size() - gathered.accepted.size();
    const auto next = reserve.first(std::min(holes, reserve.size()));
    ask(next);
    reserve = reserve.subspan(next.size());
  }
  std::ranges::sort(gathered.accepted, {}, uid_in);
  std::ranges::sort(gathered.rejected, {}, &RejectedContribution::uid);
  return gathered;
}

Result<NamedContributions> fetch_named(const NodeEnvironment& environment, const AggregateRecord& record,
                                       std::span<const Registration> roster,
                                       std::span<const Registration> sources,
                                       std::vector<Contribution> at_hand, bool waits_for_stores) {
  TRY_ASSIGN(const SpecInForce in_force, environment.specs->at(record.window));
  NamedAnswers answers(environment, *in_force.spec, record);
  answers.take(at_hand);
  answers.fetch(
      [&](uint32_t uid) -> std::optional<NamedPlace> {
        const Registration* peer = find_uid(roster, uid);
        if (peer == nullptr) return std::nullopt;
        return NamedPlace{peer->bucket};
      },
      patience_of(*in_force.spec));
  // What the miners do not have, or do not give, may be among the validators' copies.
  PeerPatience patience = patience_of(*in_force.spec);
  patience.whole = kFetchPatience;
  for (const Registration& source : sources) {
    answers.fetch([&](uint32_t) -> std::optional<NamedPlace> { return NamedPlace{source.bucket, true}; },
                  patience);
  }
  return std::move(answers).named(waits_for_stores);
}

}  // namespace templar
