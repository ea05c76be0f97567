// The gather: which contributions of a window count. The leader gathers to make the window's record; the
// other validators gather to compare with it. All do it by the same rule from the same stores. Where a store
// answers one of them and not another, the record decides. Whoever follows fetches just what a record names.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/hash.h"
#include "core/protocol/aggregate_record.h"
#include "core/protocol/contribution.h"
#include "core/run/window_plan.h"
#include "core/scoring/peers.h"
#include "node/window/environment.h"
#include "node/window/stored_contribution.h"

namespace templar {

struct GatherRequest {
  WindowPlan plan;
  std::shared_ptr<const RunSpec> spec;  // in force in this window
  PeerSelection peers;                  // in force in this window
  std::vector<Registration> roster;     // the ledger's registrations
  PutWindow times;
  Hash256 block_hash;                  // of the window's first block
  Hash256 state_root;                  // of our model at the window's start
  std::vector<Hash256> older_roots{};  // of the models before it (Replica::older_roots)
  ConstParameterSpans parameters;      // that model
  // What was downloaded before the put window was over; empty: nothing.
  std::shared_ptr<const DownloadedUploads> uploads{};
};

struct Gathered {
  std::vector<Contribution> accepted;          // ascending uid
  std::vector<RejectedContribution> rejected;  // ascending uid
  // Uids of rejected ones that could not be read because their store was away. Asked again later, it may have
  // them.
  std::vector<uint32_t> unanswered;
};

struct MissingContribution {
  AcceptedContribution wanted;
  std::string reason;  // names window and uid
};
struct NamedContributions {
  std::vector<Contribution> found;  // ascending uid
  // Ascending uid. found and missing together are what the record names.
  std::vector<MissingContribution> missing;
};

// The peers' contributions of the window, in the order of the uids, each or why it does not count. A
// contribution counts if it was stored in time (and its key, where uploads are sealed), parses, is of this
// run, window and registered key, starts from our state root with a fitting possession proof, and its receipt
// is that of the samples that the window assigns to its uid. shard: the window's active one.
[[nodiscard]] std::vector<std::variant<Contribution, Verdict>> read_contributions(
    const NodeEnvironment& environment, const GatherRequest& request, const Shard& shard,
    std::span<const uint32_t> uids);

// A contribution that does not count for its state root alone: that of a model of the run which is older than
// the window's.
struct StaleContribution {
  Contribution contribution;
  int64_t steps_behind = 0;  // outer steps, at least 1
};

// Which of these peers' contributions are stale, in the order of the uids; those that count, can't be read,
// or have something else wrong with them are left out. Whether their makers hold the old model can't be
// checked: their possession proofs are over a model that is no longer here.
[[nodiscard]] std::vector<StaleContribution> read_stale_contributions(const NodeEnvironment& environment,
                                                                      const GatherRequest& request,
                                                                      const Shard& shard,
                                                                      std::span<const uint32_t> uids);

// When the contribution that each of these registered miners has for the window was stored, by its store's
// clock; none: there is none. Fails (retry) for a miner whose store was away. Reads no contribution.
[[nodiscard]] std::vector<Result<std::optional<int64_t>>> stored_times(const NodeEnvironment& environment,
                                                                       const GatherRequest& request,
                                                                       std::span<const uint32_t> uids);

// Of a window whose uploads have ended, with sealed ones: what these miners have stored in time, before their
// keys are out. What can't be had now is left out.
[[nodiscard]] std::shared_ptr<const DownloadedUploads> download_uploads(const NodeEnvironment& environment,
                                                                        const RunSpec& spec, int64_t window,
                                                                        const PutWindow& times,
                                                                        std::span<const Registration> roster,
                                                                        std::span<const uint32_t> uids);

// The gather peers' contributions, each hole filled with that of the next reserve peer whose own counts. A
// wrong or missing one is rejected with its reason and stops nobody. Fails only if the active shard can't be
// opened.
[[nodiscard]] Result<Gathered> gather(const NodeEnvironment& environment, const GatherRequest& request);

// The contributions that a record names, by content hash. What is among at_hand is taken from there. Any
// other one is read from its miner's bucket or, if that does not have it or has something else in its place,
// from the copies of the sources, one source after the other. If one was not found and a store that may have
// it was away, it fails (retry) if it waits for stores, and else counts as missing.
[[nodiscard]] Result<NamedContributions> fetch_named(
    const NodeEnvironment& environment, const AggregateRecord& record, std::span<const Registration> roster,
    std::span<const Registration> sources, std::vector<Contribution> at_hand, bool waits_for_stores = true);

}  // namespace templar
