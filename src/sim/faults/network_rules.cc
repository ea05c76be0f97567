#include "sim/faults/network_rules.h"

#include <algorithm>
#include <array>
#include <limits>

#include "core/protocol/object_keys.h"
#include "node/evaluator/evaluated_windows.h"
#include "node/window/replica.h"

namespace templar {
namespace {

// That a window is decided after it has ended.
constexpr int64_t kWindowsBehind = 2;

}  // namespace

void NetworkRules::fail(std::string what) {
  log_.tell("rules", "BROKEN: {}", what);
  failures_.push_back(std::move(what));
}

void NetworkRules::check_status(const Status& kept) {
  if (!kept) fail(kept.error().message);
}

void NetworkRules::check_step(const NodeHost& node) {
  const Replica* replica = node.replica();
  if (replica == nullptr) return;
  const int64_t window = replica->window();
  const std::string& name = node.identity().name;
  if (!truth_.next_window() || window >= *truth_.next_window()) {
    check_status(truth_.follow());
    if (!truth_.next_window())
      return fail(fmt::format("{} stands at window {} before the run has begun", name, window));
    if (window > *truth_.next_window()) {
      return fail(
          fmt::format("{} stands at window {}, but {} is not decided", name, window, *truth_.next_window()));
    }
    if (truth_.root_of(window) == nullptr) {
      const auto parameters = replica->parameters();
      if (parameters) truth_.take_model(window, replica->state_root(), *parameters);
    }
  }
  const Hash256* root = truth_.root_of(window);
  if (root == nullptr || *root == replica->state_root()) return;
  fail(fmt::format("two models at window {}: {} of {}, the decisions lead to {}", window,
                   replica->state_root().brief(), name, root->brief()));
}

void NetworkRules::check_put(const NodeHost& node, std::string_view key, ByteView content) {
  const NodeIdentity& self = node.identity();
  if (const auto window = window_in_key(kUploadKeyPrefix, key)) check_key_is_due(self, *window);
  if (!key.starts_with(kContributionPrefix) || damaged_.contains(self.bucket + "/" + std::string(key)))
    return;
  const auto before = store_.get(self.bucket, key, std::numeric_limits<uint64_t>::max());
  if (!before || std::ranges::equal(*before, content)) return;
  fail(fmt::format("{} replaces its {} by another one", self.name, key));
}

void NetworkRules::check_block(int64_t window) {
  window_ = window;
  check_status(truth_.follow());
  check_status(truth_.check_kept());
  if (!calm_from_ || window < *calm_from_ + plan_.windows_to_recover()) return;
  // Faults may take the last copy of what is needed. What was lost with it shows in the report.
  if (has_lost_run()) return;
  check_progress(window);
  check_contributors(window);
  check_leader();
  check_sizes();
  check_evaluator();
}

// Who publishes a key while others can still store what it opens gives its work away.
void NetworkRules::check_key_is_due(const NodeIdentity& self, int64_t window) {
  const auto is_due = truth_.uploads_have_ended(window);
  if (is_due && !*is_due) fail(fmt::format("{} publishes its key of window {} too early", self.name, window));
}

// Whether no validator can ever pass some window that is decided.
bool NetworkRules::has_lost_run() {
  if (is_lost_) return true;
  const std::optional<int64_t> impassable = truth_.impassable_window();
  if (!impassable) return false;
  is_lost_ = std::ranges::none_of(hosts_, [&](const auto& host) {
    const Replica* replica = host->replica();
    return host->identity().role == NodeRole::kValidator && replica != nullptr &&
           replica->window() > *impassable;
  });
  if (is_lost_) log_.tell("rules", "LOST: every copy of what window {} needs is gone", *impassable);
  return is_lost_;
}

void NetworkRules::check_progress(int64_t window) {
  const int64_t next = truth_.next_window().value_or(-1);
  if (next < window - kWindowsBehind) {
    return fail(
        fmt::format("the ledger is at window {}, nothing fails since window {}, and window {} is not decided",
                    window, *calm_from_, next));
  }
  for (const auto& host : hosts_) {
    if (host->is_lost() || host->identity().role == NodeRole::kEvaluator) continue;
    const Replica* replica = host->replica();
    if (replica != nullptr && replica->window() >= next - kWindowsBehind) continue;
    return fail(fmt::format(
        "{} is {}, nothing fails since window {}, and window {} is the next one", host->identity().name,
        replica == nullptr ? "in no window" : fmt::format("at window {}", replica->window()), *calm_from_,
        next));
  }
}

// Once all is well, the newest decided window has what the miners made.
void NetworkRules::check_contributors(int64_t window) {
  if (truth_.settled().empty()) return;
  const auto& [newest, settled] = *truth_.settled().rbegin();
  if (newest < *calm_from_ + plan_.windows_to_recover() || newest >= window) return;
  if (settled.decision.record.accepted.empty())
    fail(fmt::format("window {} is a null round, and nothing fails since window {}", newest, *calm_from_));
}

// Who leads and is well leads on. Not where the others wait for nothing: then the quickest leads.
void NetworkRules::check_leader() {
  if (plan_.spec.network.leader_loss_windows < 2 || truth_.settled().size() < 2) return;
  const auto& [newest, settled] = *truth_.settled().rbegin();
  const auto& [before, settled_before] = *std::next(truth_.settled().rbegin());
  if (before <= *calm_from_ + plan_.windows_to_recover() || settled.leader == settled_before.leader) return;
  fail(fmt::format("{} leads window {} after {}, which is well, and nothing fails since window {}",
                   hosts_[settled.leader]->identity().name, newest,
                   hosts_[settled_before.leader]->identity().name, *calm_from_));
}

// What nodes keep does not grow with the run's length.
void NetworkRules::check_sizes() {
  const NetworkSpec& network = plan_.spec.network;
  const auto miners = static_cast<size_t>(plan_.miners);
  const auto windows =
      static_cast<size_t>(network.contribution_retention_windows + 2 * network.checkpoint_interval + 8);
  struct Bound {
    std::string_view prefix;
    size_t most;
  };
  const std::array bounds = {Bound{kContributionPrefix, windows}, Bound{kUploadKeyPrefix, windows},
                             Bound{kAcceptedContributionPrefix, windows * miners},
                             Bound{kCheckpointsPrefix, 60}};
  for (const auto& host : hosts_) {
    if (host->is_lost()) continue;
    for (const Bound& bound : bounds) {
      const auto objects = store_.list(host->identity().bucket, bound.prefix);
      if (objects && objects->size() > bound.most) {
        fail(fmt::format("{} keeps {} objects in {}, {} at the most were expected", host->identity().name,
                         objects->size(), bound.prefix, bound.most));
      }
    }
  }
}

// Checkpoints are evaluated soon after they are due.
void NetworkRules::check_evaluator() {
  const int64_t interval = plan_.spec.network.checkpoint_interval;
  const int64_t due = truth_.next_window().value_or(0) - interval - kWindowsBehind;
  for (const auto& host : hosts_) {
    if (host->is_lost() || host->identity().role != NodeRole::kEvaluator) continue;
    const auto evaluated = read_evaluated_windows(host->state_file());
    const int64_t newest = evaluated && !evaluated->empty() ? *evaluated->rbegin() : -1;
    if (newest >= due - due % interval || due <= *calm_from_) continue;
    fail(fmt::format("{} has evaluated window {} last, and window {} is the next one", host->identity().name,
                     newest, *truth_.next_window()));
  }
}

void NetworkRules::note_fatal_end(const NodeHost& node, const Error& error) {
  ++fatal_ends_;
  // What a fault has left behind may show a little later.
  if (calm_from_ && window_ >= *calm_from_ + plan_.windows_to_recover())
    fail(fmt::format("{} ends, and nothing fails since window {}: {}", node.identity().name, *calm_from_,
                     error.message));
}

}  // namespace templar
