// A validator's share in keeping the network's time, beside its other work.
#pragma once

#include <thread>

#include "app/world/open_ledger.h"
#include "base/clock.h"
#include "base/keys/keys.h"
#include "node/validator/wall_timekeeper.h"

namespace templar {

// On a thread of its own: a window's work may take longer than a block. A ledger that is away is tried again;
// what a person has to mend goes to the log, and the node's own work goes on.
class Timekeeping {
 public:
  // key: of a validator. The ledger must outlive it.
  Timekeeping(const OpenedLedger& ledger, const NetworkSpec& network, const KeyPair& key);
  ~Timekeeping();
  Timekeeping(const Timekeeping&) = delete;
  Timekeeping& operator=(const Timekeeping&) = delete;

 private:
  void work(const std::stop_token& stop);

  const SystemClock wall_;
  const SteadyClock steady_;
  Timekeeper timekeeper_;
  WallTimekeeper keeper_;
  std::jthread thread_;
};

}  // namespace templar
