#include "node/catch_up.h"

#include <fmt/format.h>

#include "node/checkpoint/checkpoint.h"
#include "node/checkpoint/checkpoint_search.h"
#include "node/gather.h"
#include "node/roster.h"

namespace templar {

Result<std::optional<CatchUpReport>> catch_up(const NodeEnvironment& environment, Replica& replica,
                                              std::optional<int64_t> until_window) {
  TRY_ASSIGN(const std::vector<Registration> roster, environment.ledger.registrations());
  const std::optional<Registration> leader = leader_of(roster);
  if (!leader) return std::nullopt;
  TRY_ASSIGN(const auto checkpoint,
             load_newest_checkpoint(environment, roster, replica.engine().parameters(), replica.team()));
  if (!checkpoint) return std::nullopt;
  const CheckpointInfo& info = checkpoint->info;
  replica.begin_loaded(info.window, info.outer_step, info.start_window);

  CatchUpReport report{.checkpoint_window = info.window};
  while (!until_window || replica.window() < *until_window) {
    TRY_ASSIGN(const auto record, read_record(environment, *leader, replica.window()));
    if (!record) break;
    TRY(apply_record(environment, replica, *record, {}));
    ++report.replayed_windows;
  }
  return report;
}

Result<bool> is_left_behind(const NodeEnvironment& environment, const Registration& leader, int64_t window) {
  TRY_ASSIGN(const std::vector<int64_t> checkpoints, list_checkpoints(environment.store, leader.bucket));
  return !checkpoints.empty() && checkpoints.back() > window;
}

Status apply_record(const NodeEnvironment& environment, Replica& replica, const AggregateRecord& record,
                    std::vector<Contribution> at_hand) {
  if (record.state_root != replica.state_root()) {
    return fatal_error(fmt::format("window {}: our model's root is {}, the leader's record names {}", record.window,
                                   replica.state_root().brief(), record.state_root.brief()));
  }
  TRY_ASSIGN(const std::vector<Registration> roster, environment.ledger.registrations());
  TRY_ASSIGN(const std::vector<Contribution> accepted, fetch_named(environment, record, roster, std::move(at_hand)));
  replica.close_window(as_list(accepted));
  return {};
}

}  // namespace templar
