// What a validator knows of the miners, and how it comes to know it: the scoreboard, the peer lists, and what
// each window's contributions do to the loss.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/keys/keys.h"
#include "node/validator/evidence_collector.h"
#include "node/validator/loss_meter.h"
#include "node/validator/validator_state.h"
#include "node/window/decide.h"
#include "node/window/window_timeline.h"
#include "ports/object_store.h"
#include "ports/signed_ledger.h"

namespace templar {

class Judge {
 public:
  // References must outlive it. start_copy: see LossMeter.
  Judge(const NodeEnvironment& environment, ObjectStore& store, LedgerWriter& ledger, StartCopy& start_copy,
        const KeyPair& key);

  // Reads what an earlier start has left in the validator's bucket, once. Fails (fatal) if it can't be used,
  // and says what to do.
  [[nodiscard]] Status load(const Registration& self);
  // The first window that has not been judged; nullopt before there is a state.
  [[nodiscard]] std::optional<int64_t> next_window() const;
  // The newest window that has been judged; nullopt if none has.
  [[nodiscard]] std::optional<int64_t> judged_window() const;

  // The replica has come into the run at a window. Its peers go on as the newest record before it names them,
  // where that is of the same stretch between two replacements of the lists. The state is stored if it is the
  // first. Fails (retry) where ledger or store was away.
  [[nodiscard]] Status come_into_run(const ChainView& view, const Registration& self, const Replica& replica);

  // The peers in force in a window of which there is no record yet.
  [[nodiscard]] const PeerSelection& peers_in(int64_t window) const { return state_.peers_in(window); }

  struct Judged {
    Evidence evidence;
    AdvanceResult result;
    double seconds = 0;  // that it took
  };
  // Judges the replica's window: measures, scores, sets the weights and stores the state. The replica's
  // parameters are the same before and after. nullopt if the window has been judged before. Where it fails
  // (retry) it may be repeated.
  [[nodiscard]] Result<std::optional<Judged>> judge(const DecidedWindow& decided, const Registration& self,
                                                    Replica& replica, WindowTimeline& timeline);

  [[nodiscard]] const Scoreboard& scoreboard() const { return state_.scoreboard; }

 private:
  // Who judges, and by what.
  struct Seat {
    const Registration& self;
    const RunSpec& spec;  // in force in the window
  };
  [[nodiscard]] Result<ValidatorState> read_state(const Registration& self) const;
  [[nodiscard]] Status settle(const AdvanceResult& result, std::optional<WindowDraw> draw,
                              const DecidedWindow& decided, const Seat& seat);
  [[nodiscard]] Status store_state(const Registration& self, const ValidatorState& state);

  const NodeEnvironment& environment_;
  ObjectStore& store_;
  LedgerWriter& ledger_;
  LossMeter meter_;
  const KeyPair key_;
  ValidatorState state_;
  // Of state_, in the bucket.
  enum class Stored { kUnknown, kNothing, kState };
  Stored stored_ = Stored::kUnknown;
};

}  // namespace templar
