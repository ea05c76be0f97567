#include "node/window/records.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/protocol/object_keys.h"

namespace templar {

Result<std::optional<AggregateRecord>> read_record(const NodeEnvironment& environment,
                                                   const Registration& leader, int64_t window) {
  const std::string key = aggregate_record_key(window);
  TRY_ASSIGN(const std::optional<ObjectInfo> info, environment.store.head(leader.bucket, key));
  if (!info) return std::nullopt;
  const std::string what = fmt::format("window {}: the record of leader uid {}", window, leader.uid);
  const auto bytes = environment.store.get(leader.bucket, key, kMaxAggregateRecordSize);
  if (!bytes) return annotate(bytes.error(), what);
  auto record = parse_aggregate_record(*bytes);
  if (!record) return annotate(record.error(), what);
  const Status expected = check_aggregate_record(
      *record,
      {.run_id = environment.run_id, .window = window, .leader = leader.key, .state_root = std::nullopt});
  if (!expected) return annotate(expected.error(), what);
  return std::move(*record);
}

Result<std::optional<int64_t>> newest_record_window(const NodeEnvironment& environment,
                                                    const Registration& leader) {
  TRY_ASSIGN(const std::vector<ObjectInfo> objects,
             environment.store.list(leader.bucket, kAggregateRecordPrefix));
  std::optional<int64_t> newest;
  for (const ObjectInfo& object : objects) {
    // The listing ascends, and so do the windows in its keys: the last one is the newest.
    if (const auto window = window_in_key(kAggregateRecordPrefix, object.key)) newest = window;
  }
  return newest;
}

Result<std::optional<PeerSelection>> peers_in_force(const NodeEnvironment& environment,
                                                    const Registration& leader, int64_t window) {
  const int64_t frequency = environment.spec.network.peer_replacement_frequency;
  // First the windows with the same list, the nearest before the others; then the stretch before, from its
  // end.
  const int64_t begin = window / frequency * frequency;
  std::vector<int64_t> candidates;
  for (int64_t distance = 1; distance < frequency; ++distance) {
    if (window - distance >= begin) candidates.push_back(window - distance);
    if (window + distance < begin + frequency) candidates.push_back(window + distance);
  }
  for (int64_t before = begin - 1; before >= std::max<int64_t>(begin - frequency, 0); --before)
    candidates.push_back(before);
  for (const int64_t candidate : candidates) {
    const auto record = read_record(environment, leader, candidate);
    if (record && record->has_value()) return selection_of(**record);
    // An unusable record is passed over. One that could not be asked for may be the nearest: another's peers
    // would then be wrong.
    TRY(fail_unless_skip(record));
  }
  return std::nullopt;
}

PeerSelection selection_of(const AggregateRecord& record) {
  return {.gather = {record.gather_peers.begin(), record.gather_peers.end()},
          .reserve = {record.reserve_peers.begin(), record.reserve_peers.end()}};
}

}  // namespace templar
