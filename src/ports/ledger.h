// The ledger (chain): who takes part, with what stake, what they are worth, and what time it is.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/keys/keys.h"
#include "base/result.h"
#include "base/threads/mutex.h"

namespace templar {

struct Block {
  int64_t number = 0;
  TimestampMs time_ms = 0;  // the ledger's own time
  // Of a chain: known to nobody before the block is made. Of a ledger of our own: follows from the ledger's
  // seed and the number, so whoever knows the seed knows it before.
  Hash256 hash;
  bool operator==(const Block&) const = default;
};

enum class NodeRole { kMiner, kValidator, kEvaluator };

// "miner", "validator", "evaluator": in measurements, on the log, as a verb of the program.
[[nodiscard]] constexpr std::string_view name_of(NodeRole role) {
  constexpr std::array<std::string_view, 3> kNames = {"miner", "validator", "evaluator"};
  return kNames[static_cast<size_t>(role)];
}

struct Registration {
  uint32_t uid = 0;
  NodeRole role = NodeRole::kMiner;
  PublicKey key;
  std::string bucket;  // where the node's objects are
  // Of the store that the bucket lies in, an S3 address (store_address.h) that says all that its readers
  // need; empty: the one that all nodes share.
  std::string store;
  double stake = 0;  // of validators; the leader is the one with the most, of equals the lowest uid
  bool operator==(const Registration&) const = default;
};

struct WeightEntry {
  uint32_t uid = 0;
  double weight = 0;  // >= 0
  bool operator==(const WeightEntry&) const = default;
};

// All calls of both are thread-safe. Every call fails (retry) if the ledger could not be asked.
class LedgerReader {
 public:
  virtual ~LedgerReader() = default;

  // The newest block; nothing before the first is made.
  [[nodiscard]] virtual Result<std::optional<Block>> latest_block() const = 0;
  // Nothing if no such block has been made yet.
  [[nodiscard]] virtual Result<std::optional<Block>> block(int64_t number) const = 0;
  // Ascending by uid.
  [[nodiscard]] virtual Result<std::vector<Registration>> registrations() const = 0;
  // What a validator set last, ascending by uid; empty if it never did.
  [[nodiscard]] virtual Result<std::vector<WeightEntry>> weights(uint32_t validator_uid) const = 0;
};

class LedgerWriter {
 public:
  virtual ~LedgerWriter() = default;

  // Registers a node; the same key again updates its role, bucket, store and stake and keeps its uid. Returns
  // the uid, the lowest that is free. Fails (fatal) on a bucket that another key has, a name that no bucket
  // can have, a store that is no S3 address, or a stake that is negative or not finite.
  [[nodiscard]] virtual Result<uint32_t> register_node(const Registration& wanted) = 0;
  // Replaces all weights of that validator. Fails (fatal) if no validator has that uid, or if a weight is
  // negative, not finite or for one uid twice.
  [[nodiscard]] virtual Status set_weights(uint32_t validator_uid,
                                           const std::vector<WeightEntry>& weights) = 0;
};

// Makes blocks: only for ledgers of our own, and only one maker at a time.
class BlockMaker {
 public:
  virtual ~BlockMaker() = default;

  // Appends the next block (the first has number 0) with that time. Its hash follows from the ledger's seed
  // and its number. Fails (fatal) if the time is before the newest block's.
  [[nodiscard]] virtual Result<Block> make_block(TimestampMs time_ms) = 0;
};

// The hash of a block of a ledger of our own.
[[nodiscard]] Hash256 local_block_hash(uint64_t seed, int64_t number);
// Checks what LedgerWriter::set_weights demands of the values themselves.
[[nodiscard]] Status check_weights(const std::vector<WeightEntry>& weights);
// The rules of a ledger of our own, for its implementations. registered is ascending by uid.
[[nodiscard]] Result<uint32_t> assign_uid(const std::vector<Registration>& registered,
                                          const Registration& wanted);
[[nodiscard]] Status check_is_validator(const std::vector<Registration>& registered, uint32_t uid);
[[nodiscard]] Status check_block_time(const std::optional<Block>& latest, TimestampMs time_ms);

class MemoryLedger final : public LedgerReader, public LedgerWriter, public BlockMaker {
 public:
  explicit MemoryLedger(uint64_t seed) : seed_(seed) {}

  [[nodiscard]] Result<std::optional<Block>> latest_block() const override;
  [[nodiscard]] Result<std::optional<Block>> block(int64_t number) const override;
  [[nodiscard]] Result<std::vector<Registration>> registrations() const override;
  [[nodiscard]] Result<std::vector<WeightEntry>> weights(uint32_t validator_uid) const override;
  [[nodiscard]] Result<uint32_t> register_node(const Registration& wanted) override;
  [[nodiscard]] Status set_weights(uint32_t validator_uid, const std::vector<WeightEntry>& weights) override;
  [[nodiscard]] Result<Block> make_block(TimestampMs time_ms) override;

 private:
  const uint64_t seed_;
  mutable Mutex mutex_;
  std::vector<Block> blocks_ GUARDED_BY(mutex_);
  std::vector<Registration> registrations_ GUARDED_BY(mutex_);  // ascending by uid
  std::map<uint32_t, std::vector<WeightEntry>> weights_ GUARDED_BY(mutex_);
};

}  // namespace templar
