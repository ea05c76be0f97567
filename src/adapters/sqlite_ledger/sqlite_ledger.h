// A ledger of our own in one SQLite file, for networks on one machine.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include "ports/ledger.h"

namespace templar {

struct SqliteLedgerOptions {
  // Who tries again by itself, and says so, waits here for moments alone.
  std::chrono::milliseconds busy_timeout = std::chrono::seconds(10);
};

// Any number of processes may have the file open at once, each with a SqliteLedger of its own that it made
// itself (it must not be used across a fork); threads share one. Thread-safe. A call waits for other writers
// as long as the options say and fails (retry) after that; so it does where the disk is full, with nothing
// changed; it fails (fatal) if the file is corrupt. What a call has written survives a power cut.
class SqliteLedger final : public LedgerReader, public LedgerWriter, public BlockMaker {
 public:
  // Opens the ledger, or makes it with that seed. Fails (fatal) if the file is something else, is corrupt, is
  // of another version of the schema or has another seed; such a file stays as it is.
  [[nodiscard]] static Result<std::unique_ptr<SqliteLedger>> open(const std::filesystem::path& path,
                                                                  uint64_t seed);
  // Likewise, with the seed that it was made with; fails (fatal) if it does not exist.
  [[nodiscard]] static Result<std::unique_ptr<SqliteLedger>> open_existing(
      const std::filesystem::path& path, const SqliteLedgerOptions& options = {});
  ~SqliteLedger() override;

  [[nodiscard]] uint64_t seed() const;

  [[nodiscard]] Result<std::optional<Block>> latest_block() const override;
  [[nodiscard]] Result<std::optional<Block>> block(int64_t number) const override;
  [[nodiscard]] Result<std::vector<Registration>> registrations() const override;
  [[nodiscard]] Result<std::vector<WeightEntry>> weights(uint32_t validator_uid) const override;
  [[nodiscard]] Result<uint32_t> register_node(const Registration& wanted) override;
  [[nodiscard]] Status set_weights(uint32_t validator_uid, const std::vector<WeightEntry>& weights) override;
  [[nodiscard]] Result<Block> make_block(TimestampMs time_ms) override;

 private:
  struct Database;
  explicit SqliteLedger(std::unique_ptr<Database> database);

  std::unique_ptr<Database> database_;
};

}  // namespace templar
