// What a validator does for the others: it says where it stands, decides windows while it leads, takes over
// from a leader that is lost, and keeps copies of what was decided.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/keys/keys.h"
#include "node/window/decide.h"
#include "node/window/window_timeline.h"
#include "ports/object_store.h"
#include "ports/signed_ledger.h"

namespace templar {

// A validator's standpoint for one call: what the ledger says, who it is itself, and its model at a window's
// start.
struct OfficeCall {
  const ChainView& view;
  const Registration& self;
  const Replica& replica;
};

class Office {
 public:
  // References must outlive it. software: its version, for heartbeats.
  Office(const NodeEnvironment& environment, ObjectStore& store, LedgerWriter& ledger, const KeyPair& key,
         std::string software)
      : environment_(environment),
        store_(store),
        ledger_(ledger),
        key_(key),
        software_(std::move(software)) {}

  // Begins the run at the replica's window with the replica's model, which is the first. False if somebody
  // else has begun it.
  [[nodiscard]] Result<bool> begin_run(const Replica& replica);
  // Says where the validator stands, once a window that it comes to, and once a window of the ledger's time.
  [[nodiscard]] Status beat(const OfficeCall& call);

  // Whether it is this validator that decides the replica's window.
  [[nodiscard]] bool leads(const OfficeCall& call) const;
  struct Lead {
    PeerSelection peers;  // in force in the window
    // The window before was known to be decided while this one was going on. If not, and nobody has sent
    // anything, then nobody could train in it: it is a null round in which nobody is asked.
    bool could_train = false;
    std::shared_ptr<const DownloadedUploads> uploads = {};  // as GatherRequest has them
  };
  struct MadeRecord {
    AggregateRecord record;
    std::vector<Contribution> contributions;  // that it accepts
  };
  // Decides the replica's window, whose put window is over: gathers, puts copies of what it accepts into the
  // bucket, then decides on the ledger. False if another term has been faster. made: what an earlier call for
  // this window has left there. Fails (retry) where ledger or store was away: a repetition goes on from made.
  [[nodiscard]] Result<bool> decide(const OfficeCall& call, const Lead& lead, WindowTimeline& timeline,
                                    std::optional<MadeRecord>& made);
  // Begins a new term at the replica's window, which is not decided, if it is this validator's turn. False if
  // it is not, or somebody else was faster. newest_closed_window: whose put window is over.
  [[nodiscard]] Result<bool> take_over(const OfficeCall& call, int64_t newest_closed_window);

  // Copies of the contributions that were decided, in the validator's bucket, unless they are there.
  [[nodiscard]] Status keep_copies(const Registration& self, const DecidedWindow& decided);
  // Removes the copies of windows before keep_from. What can't be removed now is logged, and removed the next
  // time.
  void drop_copies(const Registration& self, int64_t keep_from);

 private:
  struct Spoken {
    int64_t window = -1;          // that it stood at
    int64_t ledgers_window = -1;  // by the ledger's time
    int64_t term = -1;
    Hash256 state_root;
    bool operator==(const Spoken&) const = default;
  };

  [[nodiscard]] Result<bool> begin_term(const OfficeCall& call);
  [[nodiscard]] Result<MadeRecord> make_record(const OfficeCall& call, const Lead& lead);

  const NodeEnvironment& environment_;
  ObjectStore& store_;
  LedgerWriter& ledger_;
  const KeyPair key_;
  const std::string software_;
  Spoken spoken_;  // by the last heartbeat
};

// What a validator that does not lead gathers itself, for the record to be compared with: where they differ,
// it goes to the log. Returns what it accepted. uploads: as GatherRequest has them. Fails as gather() does.
[[nodiscard]] Result<std::vector<Contribution>> compare_with_own_gather(
    const NodeEnvironment& environment, const OfficeCall& call, const AggregateRecord& record,
    std::shared_ptr<const DownloadedUploads> uploads = {});

}  // namespace templar
