// What must not happen silently: an alarm is an error on the log and a measurement, once for each cause, and
// once more when it has ended.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "node/window/environment.h"
#include "ports/alarm_kinds.h"
#include "ports/ledger.h"
#include "ports/term_chain.h"

namespace templar {

inline constexpr int64_t kNullRoundsInARow = 3;
// Contributions of a miner's that were not accepted, one after the other.
inline constexpr int64_t kRefusalsInARow = 3;

struct Alarm {
  AlarmKind kind = AlarmKind::kFalls;
  int64_t window = 0;
  std::string reason;  // a sentence for people: who, and what should be
  // By which it is told from others of its kind: an alarm is raised once for each. nullopt: by its window.
  std::optional<int64_t> cause = {};
  bool operator==(const Alarm&) const = default;
};

// That nobody decides: nullopt while fewer than two closed windows are undecided. Says who should, and who is
// next if that one is lost.
[[nodiscard]] std::optional<Alarm> nobody_leads(const TakeoverView& view, const NetworkSpec& network);
// The first two validators whose heartbeats name different roots for one window; nullopt if there are none.
[[nodiscard]] std::optional<Alarm> validators_apart(std::span<const Heartbeat> heartbeats);
// Whether two validators or more name one root for one window.
[[nodiscard]] bool validators_agree(std::span<const Heartbeat> heartbeats);

// What one speaker of a node has to say; which alarms stand is the node's (environment.alarms). Not
// thread-safe.
class Alarms {
 public:
  // The environment must outlive it.
  Alarms(const NodeEnvironment& environment, NodeName name) : environment_(environment), name_(name) {}

  // The node's uid, once it is known.
  void speak_as(uint32_t uid) { name_.uid = uid; }
  // It stands. Says so, unless this speaker has said it of that cause.
  void raise(const Alarm& alarm);
  // All is well again of that kind. Says so, if it stood; also one that stood when the node was started.
  void settle(AlarmKind kind);
  // A window's outer step is made: counts the null rounds in a row, and whoever has decided it leads.
  void close_window(int64_t window, bool is_null_round);
  // What became of the node's own contribution to that window: empty if it was accepted, else why not. Counts
  // the refusals in a row.
  void judge_own(int64_t window, const std::string& refusal);

 private:
  void report(AlarmKind kind, int64_t window, const std::string& reason, bool stands);

  const NodeEnvironment& environment_;
  NodeName name_;
  int64_t null_rounds_ = 0;  // in a row, up to now
  int64_t refusals_ = 0;     // likewise
  std::set<std::pair<AlarmKind, int64_t>> said_;
};

}  // namespace templar
