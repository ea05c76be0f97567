#include "node/validator/evidence_collector.h"

#include <algorithm>
#include <set>

#include "node/window/window_samples.h"
#include "ports/roster.h"

namespace templar {
namespace {

struct Draw {
  std::set<uint32_t> uids;            // drawn for evaluation
  std::vector<Contribution> outside;  // of drawn miners that are not in the gather
  std::vector<RejectedContribution> rejected_outside;
};

bool in_gather(const Gathered& gathered, uint32_t uid) {
  const auto accepted = [](const Contribution& c) { return c.header().uid; };
  return std::ranges::find(gathered.accepted, uid, accepted) != gathered.accepted.end() ||
         std::ranges::find(gathered.rejected, uid, &RejectedContribution::uid) != gathered.rejected.end();
}

Draw draw_miners(const NodeEnvironment& environment, const Shard& shard, const EvidenceRequest& request) {
  std::vector<uint32_t> miners = miner_uids(request.gather.roster);
  std::erase_if(miners, [&](uint32_t uid) { return find_uid(request.gather.roster, uid)->is_removed; });
  const auto chosen =
      choose_evaluated_uids(evaluation_candidates(request.scoreboard, miners), environment.spec.scoring,
                            environment.spec.seed, request.gather.plan.window);
  Draw draw;
  std::vector<uint32_t> outside;
  for (const uint32_t uid : chosen) {
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
  return draw;
}

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

}  // namespace

Result<Evidence> collect_evidence(const NodeEnvironment& environment, Replica& replica, LossMeter& meter,
                                  const EvidenceRequest& request) {
  TRY_ASSIGN(const Shard shard, open_active_shard(environment, request.gather.plan));
  const Draw draw = draw_miners(environment, shard, request);

  std::vector<const Contribution*> contributions = as_list(request.gathered.accepted);
  for (const Contribution& contribution : draw.outside) contributions.push_back(&contribution);
  std::ranges::sort(contributions, {}, [](const Contribution* c) { return c->header().uid; });

  Evidence evidence{
      .window = request.gather.plan.window, .outer_step = request.gather.plan.outer_step, .miners = {}};
  std::vector<uint32_t> measured;
  for (const Contribution* contribution : contributions) {
    const uint32_t uid = contribution->header().uid;
    evidence.miners.push_back(accepted_evidence(*contribution, in_gather(request.gathered, uid)));
    if (draw.uids.contains(uid)) measured.push_back(uid);
  }
  TRY_ASSIGN(const std::vector<Evaluation> evaluations,
             meter.measure(replica, contributions, measured, request.sampling_key));
  for (size_t i = 0; i < measured.size(); ++i) {
    std::ranges::find(evidence.miners, measured[i], &MinerEvidence::uid)->evaluation = evaluations[i];
  }

  const auto add_rejected = [&](const RejectedContribution& rejected, bool gathered) {
    const Registration* node = find_uid(request.gather.roster, rejected.uid);
    if (node == nullptr) return;  // not on the ledger any more
    evidence.miners.push_back({.uid = rejected.uid,
                               .key = node->key,
                               .verdict = rejected.verdict,
                               .evaluation = std::nullopt,
                               .steps_behind = std::nullopt,
                               .possession_proof_fits = false,
                               .gathered = gathered});
  };
  for (const RejectedContribution& rejected : request.gathered.rejected) add_rejected(rejected, true);
  for (const RejectedContribution& rejected : draw.rejected_outside) add_rejected(rejected, false);
  return evidence;
}

}  // namespace templar
