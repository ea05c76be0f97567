// What a validator measures: the loss with and without one contribution, on samples that its miner was
// assigned and on others.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "core/protocol/contribution.h"
#include "core/scoring/evidence.h"
#include "node/validator/start_copy.h"
#include "node/window/replica.h"

namespace templar {

// Measures contributions one by one against the model at the window's start.
class LossMeter {
 public:
  // Both must outlive it. start_copy: what the parameters are put back from.
  LossMeter(const NodeEnvironment& environment, StartCopy& start_copy)
      : environment_(environment), start_copy_(start_copy) {}

  // sampling_key: bytes that miners don't know; they choose the unassigned samples. accepted: the window's
  // and all others that can be rated (MinerEvidence::can_be_rated), ascending uid; clip factors are those of
  // this whole list. uids: which of them to measure. The result has one evaluation for each of uids, in their
  // order. The replica's parameters are the same, bit for bit, before and after. Fails (fatal) where the
  // window's shard is missing or corrupt, or the engine can't evaluate its samples.
  [[nodiscard]] Result<std::vector<Evaluation>> measure(Replica& replica, ContributionList accepted,
                                                        std::span<const uint32_t> uids,
                                                        ByteView sampling_key);

 private:
  const NodeEnvironment& environment_;
  StartCopy& start_copy_;
};

}  // namespace templar
