#include "node/validator/evidence_collector.h"

#include <algorithm>
#include <set>

#include "core/consensus/index_overlap.h"
#include "node/window/window_samples.h"
#include "ports/roster.h"

namespace templar {
namespace {

struct DrawnMiners {
  std::set<uint32_t> uids;            // drawn for evaluation
  std::vector<Contribution> outside;  // of drawn miners that are not in the gather
  std::vector<RejectedContribution> rejected_outside;
  std::vector<StaleContribution> stale;  // of the rejected ones, in the gather and outside
};

bool in_gather(const Gathered& gathered, uint32_t uid) {
  const auto accepted = [](const Contribution& c) { return c.header().uid; };
  return std::ranges::find(gathered.accepted, uid, accepted) != gathered.accepted.end() ||
         std::ranges::find(gathered.rejected, uid, &RejectedContribution::uid) != gathered.rejected.end();
}

std::vector<uint32_t> invalid_uids(const EvidenceRequest& request, const DrawnMiners& draw) {
  std::vector<uint32_t> uids;
  for (const auto* rejected : {&request.gathered.rejected, &draw.rejected_outside}) {
    for (const RejectedContribution& one : *rejected) {
      if (one.verdict.code == VerdictCode::kInvalid) uids.push_back(one.uid);
    }
  }
  return uids;
}

DrawnMiners read_drawn_miners(const NodeEnvironment& environment, const Shard& shard,
                              const EvidenceRequest& request) {
  DrawnMiners draw;
  std::vector<uint32_t> outside;
  for (const uint32_t uid : request.draw.uids) {
    draw.uids.insert(uid);
    if (!in_gather(request.gathered, uid)) outside.push_back(uid);
  }
  auto read = read_contributions(environment, request.gather, shard, outside);
  for (size_t i = 0; i < outside.size(); ++i) {
    if (auto* contribution = std::get_if<Contribution>(&read[i])) {
      draw.outside.push_back(std::move(*contribution));
    } else {
      draw.rejected_outside.push_back({outside[i], std::get<Verdict>(std::move(read[i]))});
    }
  }
  draw.stale = read_stale_contributions(environment, request.gather, shard, invalid_uids(request, draw));
  return draw;
}

// A miner that is looked at without being asked for its contribution costs one call. Where there are more,
// each is looked at every few windows.
constexpr size_t kMostLookedAt = 250;

MinerEvidence accepted_evidence(const Contribution& contribution, bool gathered) {
  return {.uid = contribution.header().uid,
          .key = contribution.header().public_key,
          .verdict = {},
          .evaluation = std::nullopt,
          // The gather takes only contributions that start from our root, with a fitting proof.
          .steps_behind = 0,
          .possession_proof_fits = true,
          .gathered = gathered};
}

void add_rejected(Evidence& evidence, const GatherRequest& request, const DrawnMiners& draw,
                  const RejectedContribution& rejected, bool gathered) {
  const Registration* node = find_uid(request.roster, rejected.uid);
  if (node == nullptr) return;  // not on the ledger any more
  const auto stale = std::ranges::find(
      draw.stale, rejected.uid, [](const StaleContribution& one) { return one.contribution.header().uid; });
  evidence.miners.push_back(
      {.uid = rejected.uid,
       .key = node->key,
       .verdict = rejected.verdict,
       .evaluation = std::nullopt,
       .steps_behind = stale != draw.stale.end() ? std::optional(stale->steps_behind) : std::nullopt,
       .possession_proof_fits = false,
       .gathered = gathered});
}

// The scoreboard's miners that the evidence does not speak of, ascending; of too many the next ones in turn.
std::vector<uint32_t> unmentioned_miners(const Evidence& evidence, const Scoreboard& scoreboard) {
  std::set<uint32_t> mentioned;
  for (const MinerEvidence& miner : evidence.miners) mentioned.insert(miner.uid);
  std::vector<uint32_t> uids;
  for (const auto& [uid, score] : scoreboard.miners) {
    if (!mentioned.contains(uid)) uids.push_back(uid);
  }
  if (uids.size() <= kMostLookedAt) return uids;
  const size_t first = static_cast<size_t>(evidence.window) * kMostLookedAt % uids.size();
  std::ranges::rotate(uids, uids.begin() + static_cast<ptrdiff_t>(first));
  uids.resize(kMostLookedAt);
  return uids;
}

// Adds what the miners' stores say of them: when contributions that can be rated were stored, and whether the
// miners that nobody asked are active.
void look_at_stores(const NodeEnvironment& environment, const EvidenceRequest& request, Evidence& evidence) {
  const GatherRequest& window = request.gather;
  std::vector<uint32_t> rated;
  for (const MinerEvidence& miner : evidence.miners) {
    if (miner.can_be_rated()) rated.push_back(miner.uid);
  }
  const std::vector<uint32_t> others = unmentioned_miners(evidence, request.scoreboard);
  std::vector<uint32_t> asked = rated;
  for (const uint32_t uid : others) {
    const Registration* node = find_uid(window.roster, uid);
    if (node != nullptr && !node->is_removed) asked.push_back(uid);
  }
  const auto times = stored_times(environment, window, asked);
  std::set<uint32_t> active;
  bool has_answer = false;
  for (size_t i = 0; i < asked.size(); ++i) {
    has_answer = has_answer || times[i].has_value();
    if (!times[i] || !*times[i]) continue;
    if (**times[i] >= window.times.opens_ms && **times[i] < window.times.uploads_end_ms)
      active.insert(asked[i]);
    if (i < rated.size())
      std::ranges::find(evidence.miners, asked[i], &MinerEvidence::uid)->stored_at_ms = *times[i];
  }
  // Where no store at all has answered, our own line is down.
  if (!asked.empty() && !has_answer) return;
  for (const uint32_t uid : others) {
    const Registration* node = find_uid(window.roster, uid);
    evidence.activity.push_back(
        {uid, active.contains(uid), node != nullptr ? std::optional(node->key) : std::nullopt});
  }
}

// All that can be rated, ascending by uid.
std::vector<const Contribution*> rated_contributions(const EvidenceRequest& request,
                                                     const DrawnMiners& draw) {
  std::vector<const Contribution*> contributions = as_list(request.gathered.accepted);
  for (const Contribution& contribution : draw.outside) contributions.push_back(&contribution);
  for (const StaleContribution& stale : draw.stale) contributions.push_back(&stale.contribution);
  std::ranges::sort(contributions, {}, [](const Contribution* c) { return c->header().uid; });
  return contributions;
}

std::vector<IndexOverlap> overlaps_of(const NodeEnvironment& environment, Replica& replica,
                                      ContributionList contributions) {
  std::vector<IndexOverlap> overlaps;
  if (replica.outer_step() < replica.spec().scoring.penalties.overlap_first_outer_step) return overlaps;
  for (const PairOverlap& pair :
       index_overlaps(contributions, environment.layout, replica.spec().codec, replica.team())) {
    overlaps.push_back({.one = contributions[pair.one]->header().uid,
                        .other = contributions[pair.other]->header().uid,
                        .share = pair.share});
  }
  return overlaps;
}

}  // namespace

Result<Evidence> collect_evidence(const NodeEnvironment& environment, Replica& replica, LossMeter& meter,
                                  const EvidenceRequest& request) {
  TRY_ASSIGN(const Shard shard, open_active_shard(environment, request.gather.plan));
  const DrawnMiners draw = read_drawn_miners(environment, shard, request);

  Evidence evidence{
      .window = request.gather.plan.window, .outer_step = request.gather.plan.outer_step, .miners = {}};
  for (const Contribution& contribution : request.gathered.accepted)
    evidence.miners.push_back(accepted_evidence(contribution, true));
  for (const Contribution& contribution : draw.outside)
    evidence.miners.push_back(accepted_evidence(contribution, false));
  for (const RejectedContribution& rejected : request.gathered.rejected)
    add_rejected(evidence, request.gather, draw, rejected, true);
  for (const RejectedContribution& rejected : draw.rejected_outside)
    add_rejected(evidence, request.gather, draw, rejected, false);

  const std::vector<const Contribution*> contributions = rated_contributions(request, draw);
  std::vector<uint32_t> measured;
  for (const Contribution* contribution : contributions) {
    if (draw.uids.contains(contribution->header().uid)) measured.push_back(contribution->header().uid);
  }
  TRY_ASSIGN(const std::vector<Evaluation> evaluations,
             meter.measure(replica, contributions, measured, request.draw.signature.bytes));
  for (size_t i = 0; i < measured.size(); ++i) {
    std::ranges::find(evidence.miners, measured[i], &MinerEvidence::uid)->evaluation = evaluations[i];
  }
  evidence.overlaps = overlaps_of(environment, replica, contributions);
  look_at_stores(environment, request, evidence);
  return evidence;
}

}  // namespace templar
