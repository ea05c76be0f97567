// A ledger in memory for tests that need no whole network: its blocks are the owner's to make.
#pragma once

#include <string>

#include "base/check.h"
#include "ports/notice_board.h"
#include "ports/roster.h"
#include "ports/signed_ledger.h"
#include "support/test_key.h"

namespace templar::testing {

class TestLedger final : public LedgerReader, public BlockMaker {
 public:
  [[nodiscard]] Result<std::optional<Block>> latest_block() const override { return ledger_.latest_block(); }
  [[nodiscard]] Result<std::optional<Block>> block(int64_t number) const override {
    return ledger_.block(number);
  }
  [[nodiscard]] Result<std::vector<Registration>> registrations() const override {
    return ledger_.registrations();
  }
  [[nodiscard]] Result<std::vector<WeightEntry>> weights(uint32_t uid) const override {
    return ledger_.weights(uid);
  }
  [[nodiscard]] Result<std::vector<Heartbeat>> heartbeats() const override { return ledger_.heartbeats(); }
  [[nodiscard]] Result<std::vector<Term>> terms() const override { return ledger_.terms(); }
  [[nodiscard]] Result<std::optional<Decision>> decision(int64_t window, int64_t term) const override {
    return ledger_.decision(window, term);
  }
  [[nodiscard]] Result<std::vector<Amendment>> amendments() const override { return ledger_.amendments(); }
  [[nodiscard]] Result<int64_t> revision() const override { return ledger_.revision(); }
  [[nodiscard]] bool wait_for_change(int64_t since, std::chrono::milliseconds at_most) const override {
    return ledger_.wait_for_change(since, at_most);
  }
  [[nodiscard]] Result<Block> make_block(TimestampMs time_ms) override {
    return timekeeper_.make_block(time_ms);
  }

  // Of the node with test_key(number), in the bucket test_bucket(number). A validator's stake is the owner's
  // word. The node as it is registered.
  Registration add(uint32_t number, NodeRole role, const std::string& store = "", double stake = 0) {
    LedgerWriter writer(board_, ledger_, test_key(number));
    const auto uid =
        writer.register_node({.role = role, .key = {}, .bucket = test_bucket(number), .store = store});
    CHECK(uid.has_value());
    if (role == NodeRole::kValidator) {
      OwnerWriter owner(board_, ledger_, test_owner());
      const Status said =
          owner.set_standing(test_key(number).public_key(), {.stake = stake, .is_founder = true});
      CHECK(said.has_value());
    }
    const auto roster = ledger_.registrations();
    CHECK(roster.has_value());
    return *find_uid(*roster, *uid);
  }

 private:
  MemoryNoticeBoard board_;
  SignedLedger ledger_{board_, Hash256{}, test_owner().public_key()};
  Timekeeper timekeeper_{board_, ledger_, test_owner()};
};

}  // namespace templar::testing
