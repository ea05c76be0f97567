// Whom a validator measures in a window, with all that is needed to check that it had no choice.
#pragma once

#include <cstdint>
#include <vector>

#include "base/hash.h"
#include "base/keys/keys.h"
#include "core/scoring/sampling.h"
#include "core/scoring/scoreboard.h"
#include "node/window/environment.h"
#include "node/window/gather.h"

namespace templar {

struct WindowDraw {
  int64_t window = 0;
  Signature signature;                          // core/scoring/draw.h
  std::vector<EvaluationCandidate> candidates;  // ascending by uid: the miners that were not removed
  std::vector<uint32_t> uids;                   // whom choose_evaluated_uids() takes of them
  bool operator==(const WindowDraw&) const = default;
};

// That of the key's validator, for the window that is gathered. scoreboard: before the window.
[[nodiscard]] WindowDraw draw_window(const NodeEnvironment& environment, const KeyPair& key,
                                     const GatherRequest& gather, const Scoreboard& scoreboard);

}  // namespace templar
