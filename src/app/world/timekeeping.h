// A validator's share in keeping the network's time, beside its other work.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "app/world/open_ledger.h"
#include "base/clock.h"
#include "base/keys/keys.h"
#include "node/validator/wall_timekeeper.h"
#include "ports/object_store.h"

namespace templar {

// On a thread of its own: a window's work may take longer than a block. A ledger that is away is tried again;
// what a person has to mend goes to the log, and the node's own work goes on.
class Timekeeping {
 public:
  // key: of a validator. store_time: see WallTimekeeper. The ledger must outlive it.
  Timekeeping(const OpenedLedger& ledger, const NetworkSpec& network, const KeyPair& key,
              std::function<std::optional<TimestampMs>()> store_time = {});
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

// What the store's clock says, by a small object that is put there for that; nullopt where it could not be
// asked.
[[nodiscard]] std::optional<TimestampMs> time_of_store(ObjectStore& store, const std::string& bucket);

}  // namespace templar
