// What the reader and the writers of a signed ledger share. Internal to both.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ports/signed_ledger.h"

namespace templar {

// Where on the board each kind of entry lies. Behind the prefix stands a number of ten digits (a uid, a
// window, ...) or a key.
constexpr std::string_view kNodeNotices = "nodes/";
constexpr std::string_view kWeightsNotices = "weights/";
constexpr std::string_view kHeartbeatNotices = "heartbeats/";
constexpr std::string_view kStandingNotices = "standings/";
constexpr std::string_view kTermNotices = "terms/";
constexpr std::string_view kTermEndNotices = "ended/";
constexpr std::string_view kDecisionNotices = "decisions/";
constexpr std::string_view kTimekeeperNotices = "timekeepers/";
constexpr std::string_view kBlockNotices = "blocks/";
constexpr std::string_view kStartNotices = "starts/";
constexpr std::string_view kAmendmentNotices = "amendments/";

[[nodiscard]] std::string numbered_notice(std::string_view prefix, int64_t number);
[[nodiscard]] std::string decision_notice(int64_t window, int64_t term);
[[nodiscard]] std::string standing_notice(const PublicKey& subject);

struct SignedLedger::State {
  struct Keeper {
    PublicKey key;
    int64_t first_block = 0;
  };

  State(const NoticeBoard& notices, const Hash256& run, const PublicKey& run_owner)
      : board(notices), run_id(run), owner(run_owner) {}

  // What a notice says; nullopt if it is no entry of this run.
  [[nodiscard]] std::optional<LedgerEntry> understand(const Notice& notice) REQUIRES(mutex);
  template <typename Content>
  [[nodiscard]] std::pair<std::optional<LedgerEntry>, std::optional<Content>> content_of(const Notice& notice)
      REQUIRES(mutex) {
    std::optional<LedgerEntry> entry = understand(notice);
    const Content* content = entry ? std::get_if<Content>(&entry->content) : nullptr;
    if (content == nullptr) return {};
    return {entry, *content};
  }
  // What is under a key and counts for somebody, and the condition that nothing has been written there since.
  template <typename Content>
  [[nodiscard]] Result<std::pair<std::optional<LedgerEntry>, NoticeCondition>> read_slot(
      const std::string& key) REQUIRES(mutex) {
    TRY_ASSIGN(const std::optional<Notice> notice, board.read(key));
    NoticeCondition unchanged{key, notice ? notice->revision : 0};
    if (!notice) return std::pair(std::optional<LedgerEntry>(), std::move(unchanged));
    return std::pair(content_of<Content>(*notice).first, std::move(unchanged));
  }

  // To be called first: forgets what was read of a board that has changed since.
  [[nodiscard]] Status refresh() REQUIRES(mutex);
  // Each reads once, and remembers until the board changes.
  [[nodiscard]] Result<std::map<PublicKey, StandingEntry>> standings() REQUIRES(mutex);
  [[nodiscard]] Result<std::vector<Registration>> registrations() REQUIRES(mutex);
  [[nodiscard]] Result<std::vector<Term>> terms() REQUIRES(mutex);
  [[nodiscard]] Result<std::optional<Decision>> decision(int64_t window, int64_t number) REQUIRES(mutex);
  [[nodiscard]] Result<std::vector<Keeper>> keepers() REQUIRES(mutex);
  [[nodiscard]] Result<std::vector<Amendment>> amendments() REQUIRES(mutex);
  [[nodiscard]] Result<std::map<PublicKey, StandingEntry>> read_standings() REQUIRES(mutex);
  [[nodiscard]] Result<std::vector<Registration>> read_registrations() REQUIRES(mutex);
  [[nodiscard]] Result<std::vector<Term>> read_terms() REQUIRES(mutex);
  [[nodiscard]] Result<std::vector<Keeper>> read_keepers() REQUIRES(mutex);
  [[nodiscard]] Status read_amendments() REQUIRES(mutex);
  // Whether it was written after that block was made.
  [[nodiscard]] Result<bool> is_too_late(const Notice& amendment, int64_t before_block) REQUIRES(mutex);
  [[nodiscard]] Result<std::optional<Block>> block(int64_t number) REQUIRES(mutex);
  [[nodiscard]] Result<std::optional<Block>> check_block(const Notice& notice) REQUIRES(mutex);
  [[nodiscard]] Result<std::optional<Block>> latest_block() REQUIRES(mutex);
  [[nodiscard]] Result<std::optional<Block>> read_latest_block() REQUIRES(mutex);
  [[nodiscard]] Result<std::vector<Notice>> heartbeats() REQUIRES(mutex);
  void remember(const Block& block) REQUIRES(mutex);
  void forget_old(std::string_view prefix) REQUIRES(mutex);

  static constexpr size_t kMostKnownBlocks = 4096;
  static constexpr std::ptrdiff_t kMostKnownDecisions = 1024;
  // Whole, with their records: who waits asks for the same few, who catches up for each once.
  static constexpr size_t kMostRememberedDecisions = 16;

  struct Understood {
    int64_t revision = 0;
    std::optional<LedgerEntry> entry;       // that counts
    std::optional<AggregateRecord> record;  // of a decision, if that is one of its window and author
    std::optional<LedgerEntry> newest;      // of its author, by sequence, whatever lies there now
  };

  const NoticeBoard& board;
  const Hash256 run_id;
  const PublicKey owner;
  Mutex mutex;
  // Signatures are checked once. Of blocks only what they come to is kept.
  std::map<std::string, Understood, std::less<>> understood GUARDED_BY(mutex);
  std::map<int64_t, Block> blocks GUARDED_BY(mutex);
  std::optional<Block> latest GUARDED_BY(mutex);
  int64_t revision GUARDED_BY(mutex) = -1;  // of the board when the following were read, or before
  std::optional<std::map<PublicKey, StandingEntry>> known_standings GUARDED_BY(mutex);
  std::optional<std::vector<Registration>> known_registrations GUARDED_BY(mutex);
  std::optional<std::vector<Term>> known_terms GUARDED_BY(mutex);
  std::optional<std::vector<Keeper>> known_keepers GUARDED_BY(mutex);
  bool knows_amendments GUARDED_BY(mutex) = false;
  std::vector<Amendment> amended GUARDED_BY(mutex);  // what was once read of them stays
  std::optional<std::optional<Block>> known_latest GUARDED_BY(mutex);
  std::optional<std::vector<Notice>> known_heartbeats GUARDED_BY(mutex);
  std::map<std::string, std::optional<Notice>, std::less<>> known_decisions GUARDED_BY(mutex);
};

}  // namespace templar
