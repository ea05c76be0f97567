// The rules of a ledger of our own: who may write which notice, and which notices count. One implementation
// for every kind of board.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/threads/mutex.h"
#include "ports/ledger.h"
#include "ports/notice_board.h"

namespace templar {

// Reads. What was once seen of an author is never taken back: an older entry that turns up in its place is
// passed over. Thread-safe. The board must outlive it.
class SignedLedger final : public LedgerReader {
 public:
  // owner: whose word counts in this run, as the run spec names it.
  SignedLedger(const NoticeBoard& board, const Hash256& run_id, const PublicKey& owner);
  ~SignedLedger() override;

  [[nodiscard]] Result<std::optional<Block>> latest_block() const override;
  [[nodiscard]] Result<std::optional<Block>> block(int64_t number) const override;
  [[nodiscard]] Result<std::vector<Registration>> registrations() const override;
  [[nodiscard]] Result<std::vector<WeightEntry>> weights(uint32_t validator_uid) const override;
  [[nodiscard]] Result<std::vector<Heartbeat>> heartbeats() const override;
  [[nodiscard]] Result<std::vector<Term>> terms() const override;
  [[nodiscard]] Result<std::optional<Decision>> decision(int64_t window, int64_t term) const override;
  [[nodiscard]] Result<std::vector<Amendment>> amendments() const override;
  // What the owner has said of each key, also of those that have not registered yet.
  [[nodiscard]] Result<std::map<PublicKey, StandingEntry>> standings() const;
  // The last of each registered node, ascending by uid: for people, and for who is about to join.
  [[nodiscard]] Result<std::vector<NodeStart>> starts() const;
  [[nodiscard]] Result<int64_t> revision() const override;
  [[nodiscard]] bool wait_for_change(int64_t since, std::chrono::milliseconds at_most) const override;

  struct State;  // internal: signed_ledger_state.h

 private:
  friend class LedgerWriter;
  friend class OwnerWriter;
  friend class Timekeeper;
  const std::unique_ptr<State> state_;
};

// What a node says. Not thread-safe.
class LedgerWriter {
 public:
  // Board and ledger, which reads that board, must outlive it.
  LedgerWriter(NoticeBoard& board, const SignedLedger& ledger, const KeyPair& key);

  // Registers this key's node; once more updates its role, bucket and store and keeps its uid. Returns the
  // uid, the lowest that is free, or not below `least`: for keys that may write one uid alone. Fails (fatal)
  // on a bucket that another key has, a name that no bucket can have, or a store that is no S3 address. Key,
  // stake and standing of wanted are not looked at.
  [[nodiscard]] Result<uint32_t> register_node(const Registration& wanted, uint32_t least = 0);
  // Replaces all weights of this validator. Fails (fatal) if the key is not registered as a validator's, or
  // if a weight is negative, not finite or for one uid twice.
  [[nodiscard]] Status set_weights(const std::vector<WeightEntry>& weights);
  // Fails (fatal) if the key is not registered as a validator's. heartbeat.uid is not looked at.
  [[nodiscard]] Status beat(const Heartbeat& heartbeat);
  // Says that this key's node begins to work, with that software. Fails (fatal) if the key is not registered.
  // start.uid is not looked at.
  [[nodiscard]] Status start(const NodeStart& start);
  // Begins a term; true also where an earlier call has begun it just so. False if somebody else has begun one
  // of that number, if the term before has decided the first window, or if the owner has removed this key or
  // taken its stake. Fails (fatal) if this key is no validator's, or is to begin the run and may not.
  // term.leader and ended_after are not looked at.
  [[nodiscard]] Result<bool> begin_term(const Term& term);
  // Decides the record's window, which signs the record; true also where an earlier call has decided it just
  // so. False if this term has decided it otherwise, or is over. Fails (fatal) if this key does not lead that
  // term. record.run_id and leader are not looked at.
  [[nodiscard]] Result<bool> decide(const Decision& decision);

 private:
  struct UidSlot {
    uint32_t uid = 0;
    std::optional<LedgerEntry> entry;
    NoticeCondition unchanged;
  };
  // The ledger's state must be locked.
  [[nodiscard]] Result<UidSlot> find_uid_slot(const std::vector<Registration>& registered,
                                              uint32_t least) const NO_THREAD_SAFETY_ANALYSIS;
  [[nodiscard]] Result<Registration> own_registration() const;
  [[nodiscard]] Result<uint32_t> validator_uid() const;
  // In place of what this key has said there before.
  [[nodiscard]] Status write_own(const std::string& key, EntryContent content);

  NoticeBoard& board_;
  const SignedLedger& ledger_;
  const KeyPair key_;
};

// What the owner says. Not thread-safe.
class OwnerWriter {
 public:
  // Likewise. Fails in every call (fatal) if the key is not the owner's.
  OwnerWriter(NoticeBoard& board, const SignedLedger& ledger, const KeyPair& key);

  struct Standing {
    double stake = 0;
    bool is_removed = false;
    bool is_founder = false;
  };
  // In place of what was said of that key before.
  [[nodiscard]] Status set_standing(const PublicKey& subject, const Standing& standing);
  // Ends a term after what it has decided so far, or after that window: what it has decided of later ones is
  // taken back then, for where a leader has decided what nobody can follow. Fails (fatal) if there is no such
  // term.
  [[nodiscard]] Status end_term(int64_t number, std::optional<int64_t> after = {});
  // Changes the run spec from that window on; changes: of canonical_changes(). Returns the amendment, also
  // where an earlier call has made it just so as the last one. Fails (skip) where that block is made already,
  // or the last amendment begins later. Fails (retry) where somebody was faster.
  [[nodiscard]] Result<Amendment> amend(int64_t first_window, int64_t before_block,
                                        const std::vector<std::string>& changes);

 private:
  [[nodiscard]] Status check_owner() const;

  NoticeBoard& board_;
  const SignedLedger& ledger_;
  const KeyPair key_;
};

// Makes blocks, once it has taken over the making of them. Not thread-safe.
class Timekeeper final : public BlockMaker {
 public:
  // Likewise.
  Timekeeper(NoticeBoard& board, const SignedLedger& ledger, const KeyPair& key);

  // Takes over from the next block on: the blocks of who made them before count no more from there. False if
  // somebody else was faster. Fails (fatal) unless the key is the owner's or that of a validator with stake.
  [[nodiscard]] Result<bool> take_over();
  // Whether blocks are this one's to make.
  [[nodiscard]] Result<bool> keeps_time() const;
  // Takes over where nobody has made a block yet. Fails (skip) where somebody else makes the blocks. After a
  // failure (retry) the block may have been made: a call with the same time returns it then.
  [[nodiscard]] Result<Block> make_block(TimestampMs time_ms) override;

 private:
  struct Attempt {
    int64_t number = 0;
    TimestampMs time_ms = 0;
  };
  // nullopt if blocks are not this one's to make, or somebody was faster.
  [[nodiscard]] Result<std::optional<Block>> try_to_make_block(TimestampMs time_ms);

  NoticeBoard& board_;
  const SignedLedger& ledger_;
  const KeyPair key_;
  std::optional<Attempt> attempt_;  // that may have succeeded
};

}  // namespace templar
