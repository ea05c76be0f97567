#include "node/validator/window_draw.h"

#include <algorithm>

#include "core/scoring/draw.h"
#include "ports/roster.h"

namespace templar {

WindowDraw draw_window(const NodeEnvironment& environment, const KeyPair& key, const GatherRequest& gather,
                       const Scoreboard& scoreboard) {
  const int64_t window = gather.plan.window;
  std::vector<uint32_t> miners = miner_uids(gather.roster);
  std::erase_if(miners, [&](uint32_t uid) { return find_uid(gather.roster, uid)->is_removed; });
  std::ranges::sort(miners);
  WindowDraw draw{.window = window,
                  .signature = key.sign(draw_message(environment.run_id, window, gather.block_hash)),
                  .candidates = evaluation_candidates(scoreboard, miners),
                  .uids = {}};
  draw.uids = choose_evaluated_uids(draw.candidates, gather.spec->scoring, draw_seed(draw.signature), window);
  return draw;
}

}  // namespace templar
