#include "app/run/alarm_list.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ranges>
#include <tuple>

namespace templar {
namespace {

RunAlarm first_of_kind(const NodeAlarm& alarm) {
  const AlarmForm* form = find_alarm(alarm.kind);
  return {.kind = alarm.kind,
          .title = form == nullptr ? std::string_view() : form->title,
          .advice = form == nullptr ? std::string_view() : form->advice,
          .scope = form == nullptr ? AlarmScope::kRun : form->scope,
          .nodes = {},
          .window = alarm.window,
          .time_ms = alarm.time_ms,
          .reason = alarm.reason};
}

}  // namespace

void AlarmList::begin(NodeAlarm alarm) {
  const auto [found, is_new] = standing_.try_emplace({alarm.kind, alarm.node}, alarm);
  if (!is_new) found->second.reason = std::move(alarm.reason);
}

void AlarmList::end(const std::string& kind, const std::string& node) {
  standing_.erase({kind, node});
}

std::vector<RunAlarm> by_kind(const std::vector<NodeAlarm>& alarms) {
  std::vector<RunAlarm> kinds;
  std::vector<int64_t> newest_ms;  // of each kind's reason
  for (const NodeAlarm& alarm : alarms) {
    auto found = std::ranges::find(kinds, alarm.kind, &RunAlarm::kind);
    if (found == kinds.end()) {
      found = kinds.insert(found, first_of_kind(alarm));
      newest_ms.push_back(alarm.time_ms);
    }
    int64_t& newest = newest_ms[static_cast<size_t>(found - kinds.begin())];
    if (alarm.time_ms > newest) {
      newest = alarm.time_ms;
      found->reason = alarm.reason;
    }
    found->window = std::min(found->window, alarm.window);
    found->time_ms = std::min(found->time_ms, alarm.time_ms);
    found->nodes.push_back(alarm.node);
  }
  for (RunAlarm& alarm : kinds) std::ranges::sort(alarm.nodes);
  std::ranges::stable_sort(
      kinds, {}, [](const RunAlarm& alarm) { return std::tuple(alarm.scope, alarm.time_ms, alarm.window); });
  return kinds;
}

std::string speakers_of(const RunAlarm& alarm, size_t at_most) {
  const size_t shown = std::min(at_most, alarm.nodes.size());
  std::string names = fmt::format("{}", fmt::join(alarm.nodes | std::views::take(shown), ", "));
  if (shown < alarm.nodes.size()) names += fmt::format(" and {} more", alarm.nodes.size() - shown);
  return names;
}

}  // namespace templar
