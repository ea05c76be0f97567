// A network's view as people and scripts read it.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ctime>

#include "app/network/network_view.h"
#include "base/json/json.h"
#include "ports/roster.h"

namespace templar {
namespace {

constexpr size_t kShownKeyDigits = 8;

std::string utc_text(const std::optional<TimestampMs>& time_ms) {
  if (!time_ms) return "";
  return fmt::format("{:%Y-%m-%d %H:%M}", fmt::gmtime(static_cast<std::time_t>(*time_ms / 1000)));
}

std::string sync_text(const NodeView& seen) {
  if (!seen.in_sync) return "";
  return *seen.in_sync ? "yes" : "NO";
}

std::string verdict_text(const NodeView& seen) {
  if (seen.node.is_removed) return "removed by the owner";
  if (!seen.trouble.empty()) return "can't be read: " + seen.trouble;
  if (seen.verdict) {
    return fmt::format("{} in window {}{}{}", verdict_name(seen.verdict->code), *seen.verdict_window,
                       seen.verdict->reason.empty() ? "" : ": ", seen.verdict->reason);
  }
  if (seen.term) return fmt::format("follows term {}", *seen.term);
  return "";
}

// Of a validator whose weights are not what the miners are paid.
std::string agreement_text(const NodeView& seen) {
  constexpr double kWorthSaying = 0.9;
  if (!seen.agreement || *seen.agreement >= kWorthSaying) return "";
  return fmt::format(", its weights agree with the pay by {:.0f} %", 100 * *seen.agreement);
}

std::string worth_text(const NodeView& seen) {
  if (seen.node.role == NodeRole::kValidator)
    return fmt::format("stake {}{}", seen.node.stake, seen.node.is_founder ? ", founder" : "");
  return seen.pay ? fmt::format("pay {:.3f}", *seen.pay) : "";
}

std::string software_text(const NodeView& seen) {
  if (!seen.start) return "";
  const ProtocolRange& spoken = seen.start->protocol;
  const std::string versions = spoken.oldest == spoken.newest
                                   ? std::to_string(spoken.newest)
                                   : fmt::format("{} to {}", spoken.oldest, spoken.newest);
  return fmt::format("{}, protocol {}", seen.start->software, versions);
}

Json json_of_node(const NodeView& seen) {
  const Registration& node = seen.node;
  JsonObject json{{"uid", int64_t{node.uid}},
                  {"role", std::string(name_of(node.role))},
                  {"key", node.key.hex()},
                  {"stake", node.stake},
                  {"founder", node.is_founder},
                  {"removed", node.is_removed},
                  {"bucket", node.bucket},
                  {"store", node.store},
                  {"alive", seen.is_alive},
                  {"since_ms", seen.start_ms},
                  {"window", seen.window},
                  {"last_ms", seen.last_ms},
                  {"in_sync", seen.in_sync ? Json(*seen.in_sync) : Json()},
                  {"weight", seen.weight},
                  {"pay", seen.pay},
                  {"agreement", seen.agreement},
                  {"term", seen.term}};
  if (seen.verdict) {
    json.push_back({"verdict", JsonObject{{"window", *seen.verdict_window},
                                          {"name", std::string(verdict_name(seen.verdict->code))},
                                          {"reason", seen.verdict->reason}}});
  }
  if (seen.start) {
    json.push_back({"software", seen.start->software});
    json.push_back({"oldest_protocol", seen.start->protocol.oldest});
    json.push_back({"newest_protocol", seen.start->protocol.newest});
  }
  if (!seen.trouble.empty()) json.push_back({"trouble", seen.trouble});
  return json;
}

bool is_in_force(const NetworkView& view, const Amendment& amendment) {
  return view.window && amendment.first_window <= *view.window;
}

std::string head_text(const NetworkView& view) {
  std::string text = fmt::format("run      {} ({})\n", run_id(view.spec).brief(), view.spec.name);
  if (view.latest) {
    text += fmt::format("block    {} of window {}", view.latest->number, *view.window);
    if (!view.spec.network.owner_keeps_time)
      text += fmt::format(", {:.1f} s ago", static_cast<double>(view.read_ms - view.latest->time_ms) / 1000);
    text += "\n";
  } else {
    text += "block    none yet: the run begins when its first validator does\n";
  }
  text += view.decided ? fmt::format("decided  up to window {}, in term {}\n", view.decided->record.window,
                                     view.decided->term)
                       : "decided  nothing yet\n";
  for (const Amendment& amendment : view.amendments) {
    text += fmt::format("amended  {} from window {} on: {}{}\n", amendment.number, amendment.first_window,
                        fmt::join(amendment.changes, ", "), is_in_force(view, amendment) ? "" : " (to come)");
  }
  for (const NetworkAlarm& alarm : view.alarms) {
    const AlarmForm& form = form_of(alarm.kind);
    text +=
        fmt::format("ALARM    {}: {}: {}\n         {}\n", form.name, form.title, alarm.reason, form.advice);
  }
  return text;
}

}  // namespace

std::string network_text(const NetworkView& view) {
  std::string text = head_text(view);
  constexpr std::string_view kLine = "{:>5}  {:<9}  {:<8}  {:<5}  {:<16}  {:>6}  {:<4}  {:<17}  {:<28}  {}\n";
  text += "\n" + fmt::format(fmt::runtime(kLine), "uid", "role", "key", "alive", "since (UTC)", "window",
                             "sync", "worth", "software", "");
  const auto leader = view.chain.empty() ? std::nullopt : std::optional<PublicKey>(view.chain.back().leader);
  for (const NodeView& seen : view.nodes) {
    const bool leads = leader == seen.node.key;
    text +=
        fmt::format(fmt::runtime(kLine), seen.node.uid, name_of(seen.node.role),
                    seen.node.key.hex().substr(0, kShownKeyDigits), seen.is_alive ? "yes" : "no",
                    utc_text(seen.start_ms), seen.window ? std::to_string(*seen.window) : "", sync_text(seen),
                    worth_text(seen), software_text(seen),
                    (leads ? fmt::format("leads term {}", view.chain.back().number) : verdict_text(seen)) +
                        agreement_text(seen));
  }
  for (const auto& [key, standing] : view.awaited) {
    text += fmt::format("{:>5}  key {}: {}, has not come yet\n", "-", key.hex(),
                        standing.is_admitted ? fmt::format("stake {}", standing.stake) : "removed");
  }
  return text;
}

std::string network_json(const NetworkView& view) {
  JsonList nodes;
  for (const NodeView& seen : view.nodes) nodes.push_back(json_of_node(seen));
  JsonList awaited;
  for (const auto& [key, standing] : view.awaited) {
    awaited.emplace_back(
        JsonObject{{"key", key.hex()}, {"stake", standing.stake}, {"removed", !standing.is_admitted}});
  }
  JsonList amendments;
  for (const Amendment& amendment : view.amendments) {
    amendments.emplace_back(JsonObject{{"number", amendment.number},
                                       {"first_window", amendment.first_window},
                                       {"in_force", is_in_force(view, amendment)},
                                       {"changes", amendment.changes},
                                       {"hash", amendment.hash.hex()}});
  }
  JsonList alarms;
  for (const NetworkAlarm& alarm : view.alarms)
    alarms.emplace_back(JsonObject{{"kind", std::string(name_of(alarm.kind))}, {"reason", alarm.reason}});
  const bool has_term = !view.chain.empty();
  const Json json = JsonObject{{"run_id", run_id(view.spec).hex()},
                               {"block", view.latest ? Json(view.latest->number) : Json()},
                               {"block_ms", view.latest ? Json(view.latest->time_ms) : Json()},
                               {"read_ms", view.read_ms},
                               {"window", view.window},
                               {"decided_window", view.decided ? Json(view.decided->record.window) : Json()},
                               {"term", has_term ? Json(view.chain.back().number) : Json()},
                               {"leader", has_term ? Json(view.chain.back().leader.hex()) : Json()},
                               {"amendments", std::move(amendments)},
                               {"alarms", std::move(alarms)},
                               {"nodes", std::move(nodes)},
                               {"awaited", std::move(awaited)}};
  return to_text(json, {.indent = 2});
}

}  // namespace templar
