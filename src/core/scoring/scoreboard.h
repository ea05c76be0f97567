// What a validator knows of every miner, and the one pure function that changes it.
//
// advance_scoreboard() applies, in this order: new miners, measurements, ratings, sync factors, final scores,
// penalties, weights. final score = max(0, ordinal) * max(0, binary average) * sync factor, then the
// penalties of penalties.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/keys/keys.h"
#include "base/result.h"
#include "core/run/run_spec.h"
#include "core/scoring/evidence.h"
#include "core/scoring/openskill.h"
#include "core/scoring/peers.h"
#include "core/scoring/sampling.h"
#include "core/scoring/weights.h"

namespace templar {

class Json;
class JsonFields;

// One window of a miner's past. A gradient score is there if the miner was measured.
struct WindowOutcome {
  int64_t window = 0;
  VerdictCode verdict = VerdictCode::kMissing;
  std::optional<double> gradient_score;
  bool operator==(const WindowOutcome&) const = default;
};

inline constexpr size_t kHistoryWindows = 8;  // as far back as a penalty can look

struct MinerScore {
  uint32_t uid = 0;
  PublicKey key;
  int64_t first_window = 0;  // when this key was first seen under the uid
  Rating rating;
  double binary_average = 0;  // moving average of +1 (own samples improved more than others) and -1
  double gradient_score = 0;  // of the last window in which it was measured
  double sync_factor = 0;     // of its last accepted contribution
  double final_score = 0;
  std::optional<int64_t> last_evaluated_window;
  std::vector<WindowOutcome> history;  // the newest kHistoryWindows windows with evidence, oldest first
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
  kFinalScore
};
enum class ScoreReason {
  kNewMiner,       // not seen before: all fields start afresh
  kKeyChanged,     // another key has the uid now: all fields start afresh
  kEvaluated,      // its losses were measured
  kNotMeasurable,  // measured, but the loss before was no usable number: its scores stay
  kRated,          // the window's match
  kSynchronised,   // its state root and proof were checked
  kScored,         // the final score's formula
  kMissing,        // penalty
  kInvalid,        // penalty
  kOutOfSync,      // penalty
};
[[nodiscard]] std::string_view reason_name(ScoreReason reason);
// Whether it lowers a score for what a miner did, and so is told to those who watch the run.
[[nodiscard]] bool is_penalty(ScoreReason reason);

// One change of one number. Nothing on a scoreboard's miners but history and last_evaluated_window changes
// without one.
struct ScoreChange {
  uint32_t uid = 0;
  ScoreReason reason = ScoreReason::kScored;
  ScoreField field = ScoreField::kNone;  // kNone: the reason speaks of the miner as a whole
  double before = 0;
  double after = 0;
  std::string detail;  // for people
};

struct AdvanceResult {
  Scoreboard scoreboard;
  Weights weights;                        // for the ledger; sum to 1
  std::vector<ScoreChange> changes;       // by uid, then in the order in which they were made
  std::vector<PeerCandidate> candidates;  // the scoreboard's miners with their weights, ascending by uid
};

// Pure: the same board, evidence (in any order) and spec give the same result. Miners without evidence stay
// as they are. evidence.window must be above scoreboard.window, and no uid may be in it twice.
[[nodiscard]] AdvanceResult advance_scoreboard(const Scoreboard& scoreboard, const Evidence& evidence,
                                               const RunSpec& spec);

// (1 - min(k, 3) / 3)^2.5 for k outer steps behind; 0 from 3 on.
[[nodiscard]] double sync_factor(int64_t steps_behind);
// Of an accepted contribution: an unknown root or a proof that does not fit counts as 3.
[[nodiscard]] int64_t counted_steps_behind(const MinerEvidence& miner);

// What choose_evaluated_uids() needs of these uids, in their order; one that the board does not know has a
// new miner's rating.
[[nodiscard]] std::vector<EvaluationCandidate> evaluation_candidates(const Scoreboard& scoreboard,
                                                                     std::span<const uint32_t> uids);

// Holds every number exactly: read_scoreboard() of it gives the same board.
[[nodiscard]] Json encode_scoreboard(const Scoreboard& scoreboard);
// Fails on anything but such an object (an unknown or missing field, a wrong type, uids not ascending, a
// history that is too long or out of order) and names the miner and the field.
[[nodiscard]] Result<Scoreboard> read_scoreboard(JsonFields fields);

}  // namespace templar
