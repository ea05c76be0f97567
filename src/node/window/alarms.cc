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
  const int64_t since =
      environment_.alarms->begin({.kind = alarm.kind, .window = alarm.window, .reason = alarm.reason});
  log(LogLevel::kError, name_.role, "alarm: " + std::string(name_of(alarm.kind)),
      {{"uid", name_.uid}, {"window", alarm.window}, {"reason", alarm.reason}});
  report(alarm.kind, since, alarm.reason, true);
}

void Alarms::settle(AlarmKind kind) {
  std::erase_if(said_, [kind](const auto& said) { return said.first == kind; });
  const std::optional<StandingAlarm> ended = environment_.alarms->end(kind);
  if (!ended) return;
  log(LogLevel::kInfo, name_.role, "alarm has ended: " + std::string(name_of(kind)),
      {{"uid", name_.uid}, {"window", ended->window}});
  report(kind, ended->window, ended->reason, false);
}

// Beginning and end name the same window, so that a reader finds them together.
void Alarms::report(AlarmKind kind, int64_t window, const std::string& reason, bool stands) {
  Measurement measurement =
      node_measurement("network_alarm", name_, environment_,
                       {{"window", window}, {"stands", int64_t{stands ? 1 : 0}}, {"reason", reason}});
  measurement.tags["kind"] = name_of(kind);
  environment_.metrics.write(std::move(measurement));
}

void Alarms::close_window(int64_t window, bool is_null_round) {
  const std::optional<StandingAlarm> undecided = environment_.alarms->find(AlarmKind::kNobodyLeads);
  if (undecided && undecided->window <= window) settle(AlarmKind::kNobodyLeads);
  settle(AlarmKind::kDecisionDoubted);
  null_rounds_ = is_null_round ? null_rounds_ + 1 : 0;
  if (null_rounds_ == 0) settle(AlarmKind::kNullRounds);
  if (null_rounds_ != kNullRoundsInARow) return;
  const int64_t first = window - null_rounds_ + 1;
  raise({AlarmKind::kNullRounds, first,
         fmt::format("{} null rounds in a row: no outer step since window {}", null_rounds_, first)});
}

void Alarms::judge_own(int64_t window, const std::string& refusal) {
  refusals_ = refusal.empty() ? 0 : refusals_ + 1;
  if (refusals_ == 0) settle(AlarmKind::kExcluded);
  if (refusals_ != kRefusalsInARow) return;
  raise({AlarmKind::kExcluded, window - refusals_ + 1,
         fmt::format("{} contributions in a row were not accepted, the last one: {}", refusals_, refusal)});
}

}  // namespace templar
