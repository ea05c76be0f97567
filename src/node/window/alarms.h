// What must not happen silently: an alarm is an error on the log and a measurement, once for each cause.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "node/window/environment.h"
#include "ports/ledger.h"
#include "ports/term_chain.h"

namespace templar {

enum class AlarmKind {
  kNullRounds,   // kNullRoundsInARow windows in a row whose outer step took nothing
  kNobodyLeads,  // two closed windows, or more, that nobody has decided
  kApart,        // two validators say of one window that it starts from different models
  kTermRefused,  // a term begins with another model than ours
  kFalls,        // the ledger says less than what this node has gone through already
  kClockOff,     // this machine's clock, its store's or the ledger's differs from the others
};
// "null_rounds", "nobody_leads", "apart", "term_refused", "falls", "clock_off".
[[nodiscard]] std::string_view name_of(AlarmKind kind);

inline constexpr int64_t kNullRoundsInARow = 3;

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

// A node's alarms. Not thread-safe.
class Alarms {
 public:
  // The environment must outlive it.
  Alarms(const NodeEnvironment& environment, NodeName name) : environment_(environment), name_(name) {}

  // The node's uid, once it is known.
  void speak_as(uint32_t uid) { name_.uid = uid; }
  // Says it, unless it has been said.
  void raise(const Alarm& alarm);
  // All is well again of that kind: what comes next is said anew.
  void settle(AlarmKind kind) {
    std::erase_if(said_, [kind](const auto& said) { return said.first == kind; });
  }
  // A window's outer step is made: counts the null rounds in a row.
  void close_window(int64_t window, bool is_null_round);

 private:
  const NodeEnvironment& environment_;
  NodeName name_;
  int64_t null_rounds_ = 0;  // in a row, up to now
  std::set<std::pair<AlarmKind, int64_t>> said_;
};

}  // namespace templar
