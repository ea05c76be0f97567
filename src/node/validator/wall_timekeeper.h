// Keeps a network's time by wall clocks: a block every network.block_seconds. One validator does so; where no
// block comes, another takes over.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "core/run/run_spec.h"
#include "ports/signed_ledger.h"

namespace templar {

class WallTimekeeper {
 public:
  // How far the wall clock may be from the ledger's time before it is not believed any more.
  static constexpr int64_t kToleranceMs = 10'000;
  // So many blocks may be missed before the first in rank takes over; each further one waits as long again.
  static constexpr int64_t kMissedBlocks = 3;

  // What a store's clock says now; nullopt: it could not be asked.
  using StoreTime = std::function<std::optional<TimestampMs>()>;

  // self: the key that timekeeper signs with. wall is the machine's time, steady one that never jumps. All
  // references must outlive it.
  WallTimekeeper(Timekeeper& timekeeper, const LedgerReader& ledger, const NetworkSpec& network,
                 const PublicKey& self, const Clock& wall, const Clock& steady, StoreTime store_time = {})
      : timekeeper_(timekeeper),
        ledger_(ledger),
        network_(network),
        self_(self),
        wall_(wall),
        steady_(steady),
        store_time_(std::move(store_time)) {}

  // Makes the block that is due, or takes over. Returns after how many milliseconds it should be called again
  // at the latest. The first block is made by a founder or by the owner. Block times run as the steady clock
  // does, and lean towards the wall clock. Where that is further from the ledger's time than the tolerance, a
  // store's clock decides, since contributions' times are the stores': if it agrees with the wall clock, the
  // ledger's time goes there, at once or, where it is ahead, by standing still until it is caught up; if not,
  // it goes on without the wall clock, and this is logged once. Without a store the wall clock is believed
  // once after a start or a takeover, where it is ahead: the time has gone on while nobody made blocks. Fails
  // (retry) where the ledger was away.
  [[nodiscard]] Result<int64_t> advance();

 private:
  struct Seen {
    Block block;
    int64_t at_ms = 0;  // by the steady clock
  };

  [[nodiscard]] Result<bool> may_begin() const;
  // 0 for the first that may take over, by stake.
  [[nodiscard]] Result<int64_t> rank() const;
  [[nodiscard]] TimestampMs next_time(int64_t now_ms);
  // Whether the wall clock is to be followed although the ledger's time is far from it.
  [[nodiscard]] bool wall_is_right(int64_t ahead_ms) const;
  [[nodiscard]] int64_t block_ms() const { return network_.block_seconds * 1000; }

  Timekeeper& timekeeper_;
  const LedgerReader& ledger_;
  const NetworkSpec network_;
  const PublicKey self_;
  const Clock& wall_;
  const Clock& steady_;
  const StoreTime store_time_;
  std::optional<Seen> seen_;  // the newest block
  bool believes_wall_ = true;
  bool said_jump_ = false;
  bool said_setting_ = false;
};

}  // namespace templar
