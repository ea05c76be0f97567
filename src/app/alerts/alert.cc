#include "app/alerts/alert.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "app/terminal/printable.h"
#include "base/json/json.h"
#include "base/log/secrets.h"

namespace templar {
namespace {

constexpr size_t kLongestReason = 1000;

// In one line.
std::string safe(std::string_view text) {
  std::string shown = printable(redact(text.substr(0, kLongestReason)));
  std::ranges::replace_if(shown, [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return shown;
}

std::string_view state_of(const Alert& alert) {
  return alert.stands ? "begun" : "ended";
}

}  // namespace

std::string alert_subject(const Alert& alert) {
  return fmt::format("templar {}: {} {}: {}, since window {}", alert.node,
                     alert.stands ? "ALARM" : "alarm has ended:", name_of(alert.kind),
                     form_of(alert.kind).title, alert.window);
}

std::string alert_text(const Alert& alert) {
  std::string text = fmt::format("{}\nrun {}\n{}\n", alert_subject(alert), alert.run, safe(alert.reason));
  if (alert.stands) text += fmt::format("do: {}\n", form_of(alert.kind).advice);
  return text;
}

std::string alert_json(const Alert& alert) {
  return to_text(JsonObject{{"text", alert_text(alert)},
                            {"state", state_of(alert)},
                            {"kind", name_of(alert.kind)},
                            {"title", form_of(alert.kind).title},
                            {"node", alert.node},
                            {"run", alert.run},
                            {"window", alert.window},
                            {"reason", safe(alert.reason)},
                            {"advice", form_of(alert.kind).advice}});
}

std::vector<std::string> alert_variables(const Alert& alert) {
  return {fmt::format("ALERT_STATE={}", state_of(alert)),
          fmt::format("ALERT_KIND={}", name_of(alert.kind)),
          fmt::format("ALERT_TITLE={}", form_of(alert.kind).title),
          "ALERT_NODE=" + alert.node,
          "ALERT_RUN=" + alert.run,
          fmt::format("ALERT_WINDOW={}", alert.window),
          "ALERT_REASON=" + safe(alert.reason),
          fmt::format("ALERT_ADVICE={}", form_of(alert.kind).advice),
          "ALERT_SUBJECT=" + alert_subject(alert)};
}

}  // namespace templar
