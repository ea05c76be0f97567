// Which alarms stand in a run, by what its nodes have said.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ports/alarm_kinds.h"

namespace templar {

// What a node says of one kind.
struct NodeAlarm {
  std::string kind;  // "nobody_leads"; also one that this program does not know
  std::string node;  // "validator-0"
  int64_t window = 0;
  int64_t time_ms = 0;  // when it was said first; 0: unknown
  std::string reason;
};

// One kind, whoever says it.
struct RunAlarm {
  std::string kind;
  std::string_view title, advice;       // for people; of a kind that is not known, kind and nothing
  AlarmScope scope = AlarmScope::kRun;  // of a kind that is not known, the run
  std::vector<std::string> nodes;       // by name
  int64_t window = 0;                   // the first since which it stands
  int64_t time_ms = 0;                  // when the first node said so; 0: unknown
  std::string reason;                   // of the node that said so last
};

class AlarmList {
 public:
  // It stands, since that window. Said again of a node and kind, it is the same one, with a new reason.
  void begin(NodeAlarm alarm);
  void end(const std::string& kind, const std::string& node);
  // By kind and node.
  [[nodiscard]] const std::map<std::pair<std::string, std::string>, NodeAlarm>& all() const {
    return standing_;
  }

 private:
  std::map<std::pair<std::string, std::string>, NodeAlarm> standing_;
};

// One for each kind: the run's own first, then what has stood longest.
[[nodiscard]] std::vector<RunAlarm> by_kind(const std::vector<NodeAlarm>& alarms);

// "validator-0, miner-2 and 3 more".
[[nodiscard]] std::string speakers_of(const RunAlarm& alarm, size_t at_most);

}  // namespace templar
