#include "node/window/gather_report.h"

#include <algorithm>

#include "base/log.h"
#include "ports/metric_fields.h"

namespace templar {

void add_gathered(Measurement& measurement, const Gathered& gathered) {
  std::vector<int64_t> accepted;
  std::vector<int64_t> rejected;
  for (const Contribution& contribution : gathered.accepted) accepted.push_back(contribution.header().uid);
  for (const RejectedContribution& contribution : gathered.rejected) rejected.push_back(contribution.uid);
  const size_t all = accepted.size() + rejected.size();
  add_fields(measurement, {{"gather_accepted", static_cast<int64_t>(accepted.size())},
                           {"gather_rejected", static_cast<int64_t>(rejected.size())}});
  if (all > 0) {
    add_fields(measurement, {{"gather_success_rate",
                              100.0 * static_cast<double>(accepted.size()) / static_cast<double>(all)}});
  }
  add_list_field(measurement, "gather_peers", accepted);
  add_list_field(measurement, "skipped_peers", rejected);
}

void log_differences(const Gathered& own, const AggregateRecord& record, std::string_view room,
                     uint32_t uid) {
  for (const AcceptedContribution& accepted : record.accepted) {
    if (std::ranges::find(own.accepted, accepted.content_hash, &Contribution::content_hash) !=
        own.accepted.end())
      continue;
    const auto rejected = std::ranges::find(own.rejected, accepted.uid, &RejectedContribution::uid);
    log(LogLevel::kWarning, room, "the leader accepted what our gather did not: taken",
        {{"uid", uid},
         {"window", record.window},
         {"peer", accepted.uid},
         {"our_reason", rejected == own.rejected.end() ? "other content" : rejected->verdict.reason}});
  }
  for (const Contribution& contribution : own.accepted) {
    if (std::ranges::find(record.accepted, contribution.content_hash(),
                          &AcceptedContribution::content_hash) != record.accepted.end()) {
      continue;
    }
    log(LogLevel::kWarning, room, "our gather accepted what the leader did not: left out",
        {{"uid", uid}, {"window", record.window}, {"peer", contribution.header().uid}});
  }
}

}  // namespace templar
