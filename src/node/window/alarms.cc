#include "node/window/alarms.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log/log.h"
#include "ports/roster.h"

namespace templar {
namespace {

std::string name_of_leader(std::span<const Registration> roster, const PublicKey& leader) {
  const auto uid = uid_of(roster, leader);
  return uid ? fmt::format("validator {}", *uid) : "key " + leader.hex();
}

}  // namespace

std::string_view name_of(AlarmKind kind) {
  switch (kind) {
    case AlarmKind::kNullRounds:
      return "null_rounds";
    case AlarmKind::kNobodyLeads:
      return "nobody_leads";
    case AlarmKind::kApart:
      return "apart";
    case AlarmKind::kTermRefused:
      return "term_refused";
    case AlarmKind::kFalls:
      return "falls";
    case AlarmKind::kClockOff:
      return "clock_off";
  }
  return "";
}

std::optional<Alarm> nobody_leads(const TakeoverView& view, const NetworkSpec& network) {
  const int64_t undecided = view.newest_closed_window - view.undecided_window + 1;
  if (view.chain.empty() || undecided < 2) return std::nullopt;
  const Term& term = view.chain.back();
  std::string next = "nobody else has stake and is alive";
  for (const Registration& validator : validators_by_stake(view.roster)) {
    const auto heartbeat = std::ranges::find(view.heartbeats, validator.uid, &Heartbeat::uid);
    const bool may_lead = validator.key != term.leader && validator.stake > 0 && !validator.is_removed;
    if (!may_lead || heartbeat == view.heartbeats.end() || !is_alive(*heartbeat, view.latest_block, network))
      continue;
    next = fmt::format("validator {} is next", validator.uid);
    break;
  }
  return Alarm{AlarmKind::kNobodyLeads, view.undecided_window,
               fmt::format("{} closed windows are undecided, from {} on; {} should decide them, who leads "
                           "term {}{}; {}",
                           undecided, view.undecided_window, name_of_leader(view.roster, term.leader),
                           term.number, term.ended_after ? ", which the owner has ended" : "", next)};
}

std::optional<Alarm> validators_apart(std::span<const Heartbeat> heartbeats) {
  for (const Heartbeat& one : heartbeats) {
    for (const Heartbeat& other : heartbeats) {
      if (one.uid >= other.uid || one.window != other.window || one.state_root == other.state_root) continue;
      return Alarm{AlarmKind::kApart, one.window,
                   fmt::format("validator {} is at root {}, validator {} at {}", one.uid,
                               one.state_root.brief(), other.uid, other.state_root.brief()),
                   static_cast<int64_t>(one.uid) << 32 | other.uid};
    }
  }
  return std::nullopt;
}

bool validators_agree(std::span<const Heartbeat> heartbeats) {
  return std::ranges::any_of(heartbeats, [&](const Heartbeat& one) {
    return std::ranges::any_of(heartbeats, [&](const Heartbeat& other) {
      return one.uid < other.uid && one.window == other.window && one.state_root == other.state_root;
    });
  });
}

void Alarms::raise(const Alarm& alarm) {
  if (!said_.insert({alarm.kind, alarm.cause.value_or(alarm.window)}).second) return;
  const std::string kind(name_of(alarm.kind));
  log(LogLevel::kError, name_.role, "alarm: " + kind,
      {{"uid", name_.uid}, {"window", alarm.window}, {"reason", alarm.reason}});
  environment_.metrics.write(
      node_measurement("network_alarm", name_, environment_,
                       {{"kind", kind}, {"window", alarm.window}, {"reason", alarm.reason}}));
}

void Alarms::close_window(int64_t window, bool is_null_round) {
  null_rounds_ = is_null_round ? null_rounds_ + 1 : 0;
  if (null_rounds_ != kNullRoundsInARow) return;
  raise({AlarmKind::kNullRounds, window,
         fmt::format("{} null rounds in a row: no outer step since window {}", null_rounds_,
                     window - null_rounds_ + 1)});
}

}  // namespace templar
