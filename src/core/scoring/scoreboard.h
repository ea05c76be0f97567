// What a validator knows of every miner, and the one pure function that changes it.
//
// advance_scoreboard() applies, in this order: new miners, measurements, ratings, sync factors, final scores,
// rules, weights. final score = max(0, ordinal) * max(0, binary average) * sync factor, then what the rules
// of rules/rules.h leave of it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/keys/keys.h"
#include "base/result.h"
#include "core/run/run_spec.h"
#include "core/scoring/evidence.h"
#include "core/scoring/openskill.h"
#include "core/scoring/peers.h"
#include "core/scoring/sampling.h"
#include "core/scoring/score_reason.h"
#include "core/scoring/weights.h"

namespace templar {

class Json;
class JsonFields;

// A window in which the gather asked for a miner's contribution, and took somebody's.
struct GatherOutcome {
  int64_t window = 0;
  VerdictCode verdict = VerdictCode::kMissing;
  bool operator==(const GatherOutcome&) const = default;
};

// A window in which a miner's contribution was measured.
struct MeasuredScore {
  int64_t window = 0;
  double gradient_score = 0;
  bool operator==(const MeasuredScore&) const = default;
};

inline constexpr size_t kRememberedWindows = 8;  // of each of the two, as far back as a rule can look

struct MinerScore {
  uint32_t uid = 0;
  PublicKey key;
  int64_t first_window = 0;  // when this key was first seen under the uid
  Rating rating;
  double binary_average = 0;  // moving average of +1 (own samples improved more than others) and -1
  double gradient_score = 0;  // of the last window in which it was measured
  double sync_factor = 0;     // of its last contribution that could be rated
  double final_score = 0;
  std::optional<int64_t> last_evaluated_window;
  std::vector<GatherOutcome> gathers;       // the newest kRememberedWindows, oldest first
  std::vector<MeasuredScore> measurements;  // the same
  // In a row, in which nothing of it was there in time, but the gather took somebody's.
  int64_t windows_not_seen = 0;
  int64_t excluded_before = 0;  // the first window of which its exclusion for some windows ended
  bool awaits_gain = false;     // it is excluded until a gradient score of its own that is not below 0

  // While it is, it has no weight, and is gathered only where nobody else is left; it may be measured.
  [[nodiscard]] bool is_excluded(int64_t in_window) const {
    return awaits_gain || in_window < excluded_before;
  }
  bool operator==(const MinerScore&) const = default;
};

struct Scoreboard {
  int64_t window = -1;  // the newest one that it has seen evidence of
  std::map<uint32_t, MinerScore> miners;
  bool operator==(const Scoreboard&) const = default;
};

enum class ScoreField {
  kNone,
  kRatingMu,
  kRatingSigma,
  kBinaryAverage,
  kGradientScore,
  kSyncFactor,
  kFinalScore,
  kExcludedBefore,
  kAwaitsGain,  // 0 or 1
};

// One change of one number. Nothing on a scoreboard's miners changes without one but what merely remembers
// (gathers, measurements, windows_not_seen, last_evaluated_window).
struct ScoreChange {
  uint32_t uid = 0;
  ScoreReason reason = ScoreReason::kScored;
  ScoreField field = ScoreField::kNone;  // kNone: the reason speaks of the miner as a whole
  double before = 0;
  double after = 0;
  std::string detail;  // for people
  bool operator==(const ScoreChange&) const = default;
};

struct AdvanceResult {
  Scoreboard scoreboard;
  Weights weights;                        // for the ledger; sum to 1
  std::vector<ScoreChange> changes;       // by uid, then in the order in which they were made
  std::vector<PeerCandidate> candidates;  // the scoreboard's miners with their weights, ascending by uid
};

// Pure: the same board, evidence (in any order) and spec give the same result. Miners of which there is no
// evidence, not even of activity, stay as they are. evidence.window must be above scoreboard.window, and no
// uid may be in it twice.
[[nodiscard]] AdvanceResult advance_scoreboard(const Scoreboard& scoreboard, const Evidence& evidence,
                                               const RunSpec& spec);

// (1 - min(k, 3) / 3)^2.5 for k outer steps behind; 0 from 3 on.
[[nodiscard]] double sync_factor(int64_t steps_behind);
// Of one that can be rated: an unknown root, or a proof that does not fit, counts as 3.
[[nodiscard]] int64_t counted_steps_behind(const MinerEvidence& miner);

// What choose_evaluated_uids() needs of these uids, in their order; one that the board does not know has a
// new miner's rating.
[[nodiscard]] std::vector<EvaluationCandidate> evaluation_candidates(const Scoreboard& scoreboard,
                                                                     std::span<const uint32_t> uids);

// Holds every number exactly: read_scoreboard() of it gives the same board.
[[nodiscard]] Json encode_scoreboard(const Scoreboard& scoreboard);
// Also reads format 1, which knew no exclusions: nobody is excluded then, and all its windows count as
// gathered. Fails on anything else (an unknown or missing field, a wrong type, uids not ascending, windows
// that are too many or out of order) and names the miner and the field.
[[nodiscard]] Result<Scoreboard> read_scoreboard(JsonFields fields);

}  // namespace templar
