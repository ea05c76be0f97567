// What is told to somebody outside of an alarm that has begun or ended, in the forms in which it is told.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ports/alarm_kinds.h"

namespace templar {

struct Alert {
  AlarmKind kind = AlarmKind::kFalls;
  bool stands = true;  // false: it has ended
  std::string node;    // "validator-0"
  std::string run;     // the run id's first digits
  int64_t window = 0;  // since which it stands, or stood
  std::string reason;
};

// For people, the most important first: one line for a list or a mail's subject, then lines with the reason
// and what to do. No text of another node's can command a terminal or add a line.
[[nodiscard]] std::string alert_subject(const Alert& alert);
[[nodiscard]] std::string alert_text(const Alert& alert);

// {"text", "state", "kind", "title", "node", "run", "window", "reason", "advice"}; text is alert_text, which
// is what Slack, Mattermost and others that take "incoming webhooks" show.
[[nodiscard]] std::string alert_json(const Alert& alert);

// "ALERT_STATE=begun" or "ended", and ALERT_KIND, _TITLE, _NODE, _RUN, _WINDOW, _REASON, _ADVICE, _SUBJECT.
[[nodiscard]] std::vector<std::string> alert_variables(const Alert& alert);

}  // namespace templar
