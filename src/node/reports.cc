#include "node/reports.h"

#include <algorithm>
#include <numeric>

#include "base/log.h"

namespace templar {

Measurement node_measurement(std::string_view name, std::string_view role, uint32_t uid, const NodeEnvironment& environment) {
  Measurement measurement;
  measurement.name = name;
  measurement.tags = {{"role", std::string(role)}, {"uid", std::to_string(uid)}, {"run", environment.run_id.brief()}};
  return measurement;
}

double mean_of(std::span<const double> values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

void log_differences(const Gathered& own, const AggregateRecord& record, std::string_view room, uint32_t uid) {
  for (const AcceptedContribution& accepted : record.accepted) {
    if (std::ranges::find(own.accepted, accepted.content_hash, &Contribution::content_hash) != own.accepted.end()) continue;
    const auto rejected = std::ranges::find(own.rejected, accepted.uid, &RejectedContribution::uid);
    log(LogLevel::kWarning, room, "the leader accepted what our gather did not: taken",
        {{"uid", uid},
         {"window", record.window},
         {"peer", accepted.uid},
         {"our_reason", rejected == own.rejected.end() ? "other content" : rejected->verdict.reason}});
  }
  for (const Contribution& contribution : own.accepted) {
    if (std::ranges::find(record.accepted, contribution.content_hash(), &AcceptedContribution::content_hash) !=
        record.accepted.end()) {
      continue;
    }
    log(LogLevel::kWarning, room, "our gather accepted what the leader did not: left out",
        {{"uid", uid}, {"window", record.window}, {"peer", contribution.header().uid}});
  }
}

}  // namespace templar
