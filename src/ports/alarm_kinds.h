// What must not happen silently in a run, by kind: each has a name for programs, a title for people, and what
// is to be done about it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace templar {

enum class AlarmKind : uint8_t {
  kNullRounds,       // several windows in a row whose outer step took nothing
  kNobodyLeads,      // two closed windows, or more, that nobody has decided
  kNoBlocks,         // the ledger has no new block although several are due, or can't be reached
  kApart,            // two validators say of one window that it starts from different models
  kDecisionDoubted,  // a decision by another model than most stake's, or with other amendments than ours
  kTermRefused,      // a term begins with another model than ours
  kFalls,            // the ledger says less than what this node has gone through already
  kOutOfSync,        // this node's model is not the run's
  kExcluded,         // what this node does is not counted
  kDiskLow,          // hardly any room where the node keeps its state
  kClockOff,         // this machine's clock, its store's or the ledger's differs from the others
};

// Whose trouble it is.
enum class AlarmScope : uint8_t {
  kRun,      // the run does not go on as it should, which several nodes may say
  kNode,     // one node is not in the run
  kMachine,  // something is about to go wrong on this machine
};

struct AlarmForm {
  AlarmKind kind;
  std::string_view name;
  std::string_view title;
  std::string_view advice;
  AlarmScope scope;
};

inline constexpr AlarmForm kAlarmForms[] = {
    {AlarmKind::kNullRounds, "null_rounds", "null rounds in a row",
     "see why contributions are refused: the verdicts, then the miners' clocks and stores (templar doctor)",
     AlarmScope::kRun},
    {AlarmKind::kNobodyLeads, "nobody_leads", "nobody decides the windows",
     "start the leader again, or give another validator stake (templar network stake)", AlarmScope::kRun},
    {AlarmKind::kNoBlocks, "no_blocks", "no new blocks",
     "start a validator that has stake, or templar ledger run; can the ledger be reached?", AlarmScope::kRun},
    {AlarmKind::kApart, "apart", "validators have different models",
     "compare the validators' logs; the owner ends a wrong term (templar network end-term)",
     AlarmScope::kRun},
    {AlarmKind::kDecisionDoubted, "decision_doubted", "a decision is not followed",
     "the owner takes it back (templar network end-term NUMBER --after WINDOW), or this node's ledger lacks "
     "an amendment: see the reason",
     AlarmScope::kRun},
    {AlarmKind::kTermRefused, "term_refused", "a term is refused",
     "the owner ends it if it is wrong (templar network end-term)", AlarmScope::kRun},
    {AlarmKind::kFalls, "falls", "the ledger has lost what was decided",
     "bring back the ledger as it was; the run must not begin anew", AlarmScope::kRun},
    {AlarmKind::kOutOfSync, "out_of_sync", "its model is not the run's",
     "it heals from a checkpoint by itself; where that takes long, see whether checkpoints can be had",
     AlarmScope::kNode},
    {AlarmKind::kExcluded, "excluded", "its work is not counted",
     "see the reason; templar doctor looks at key, clock and store", AlarmScope::kNode},
    {AlarmKind::kDiskLow, "disk_low", "the disk is nearly full",
     "free some room; templar doctor says how much", AlarmScope::kMachine},
    {AlarmKind::kClockOff, "clock_off", "clocks do not agree",
     "set the one that the reason names, and keep it set (chrony, systemd-timesyncd)", AlarmScope::kMachine},
};

// nullptr if no alarm has that name.
[[nodiscard]] constexpr const AlarmForm* find_alarm(std::string_view name) {
  const auto* found = std::ranges::find(kAlarmForms, name, &AlarmForm::name);
  return found == std::end(kAlarmForms) ? nullptr : found;
}

[[nodiscard]] constexpr const AlarmForm& form_of(AlarmKind kind) {
  return *std::ranges::find(kAlarmForms, kind, &AlarmForm::kind);
}

[[nodiscard]] constexpr std::string_view name_of(AlarmKind kind) {
  return form_of(kind).name;
}

}  // namespace templar
