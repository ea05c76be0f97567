#include "node/catch_up/checkpoint_trust.h"

#include <fmt/format.h>

#include <string>
#include <vector>

namespace templar {
namespace {

std::string state_text(const Hash256& root, int64_t outer_step) {
  return fmt::format("state root {} after {} outer steps", root.brief(), outer_step);
}

}  // namespace

Status check_counts(const NodeEnvironment& environment, const ChainView& view,
                    const CheckpointManifest& manifest) {
  const double behind =
      stake_behind_root(view.roster, view.heartbeats, manifest.window, manifest.state_root, manifest.signer);
  if (behind > total_stake(view.roster) / 2) return {};
  const std::string ours = state_text(manifest.state_root, manifest.outer_step);
  const Term* term = view.term_of(manifest.window);
  if (term != nullptr) {
    TRY_ASSIGN(const std::optional<Decision> decision,
               environment.ledger.decision(manifest.window, term->number));
    const bool is_named = decision && decision->record.state_root == manifest.state_root &&
                          decision->record.outer_step == manifest.outer_step;
    // Not where who has decided it vouches for its own checkpoint, against validators with more stake.
    double against = 0;
    for (const Heartbeat& heartbeat : view.heartbeats) {
      if (heartbeat.window == manifest.window && heartbeat.state_root != manifest.state_root) {
        const std::vector<Heartbeat> one = {heartbeat};
        against += stake_behind_root(view.roster, one, manifest.window, heartbeat.state_root);
      }
    }
    if (is_named && against > behind) {
      return skip_error(fmt::format("{}: validators with more stake stand at window {} with another root",
                                    ours, manifest.window));
    }
    if (is_named) return {};
    if (decision) {
      return skip_error(fmt::format("{}, the decision of window {} names {}", ours, manifest.window,
                                    state_text(decision->record.state_root, decision->record.outer_step)));
    }
  }
  return skip_error(fmt::format("{}: window {} is not decided, and not more than half of the stake says so",
                                ours, manifest.window));
}

}  // namespace templar
