// The second level of the test world: everything that nodes speak through, in memory, with some nodes
// registered and a clock that a test moves. It stands on test_run.h; test_world.h stands on it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/keys/keys.h"
#include "core/protocol/aggregate_record.h"
#include "core/protocol/contribution.h"
#include "core/protocol/object_keys.h"
#include "core/protocol/sealed_upload.h"
#include "ports/ledger.h"
#include "ports/ledger_clock.h"
#include "ports/metrics_sink.h"
#include "ports/notice_board.h"
#include "ports/object_store.h"
#include "ports/shard_source.h"
#include "ports/signed_ledger.h"
#include "support/test_key.h"
#include "support/test_run.h"

namespace templar::testing {

// Validators have the first uids, each with more stake than the next, so that uid 0 leads; miners have the
// uids after them.
inline constexpr uint32_t kLeader = 0;
// Where there is one validator:
inline constexpr uint32_t kMiner = 1;
inline constexpr uint32_t kSecondMiner = 2;
inline constexpr uint32_t kThirdMiner = 3;
// Where there are two, and miners from uid 2 on:
inline constexpr uint32_t kFollower = 1;

struct TestPortsOptions {
  uint32_t miners = 3;
  uint32_t validators = 1;
  RunSpec spec = node_run_spec();
  // Whether uid 0 has begun the run: leads term 0 from window 0 on, with the initial model.
  bool begins_run = true;
};

// Node u has the key test_key(u) and the bucket test_bucket(u). Validators have stake by the word of the
// owner, whose key is test_owner(), and uid 0 is a founder. The first block of window 0 is made, at time 0;
// the store's clock is the ledger's. What a method can't do, by a mistake of the test's, ends the test
// program.
class TestPorts {
 public:
  explicit TestPorts(const TestPortsOptions& options = {});
  TestPorts(const TestPorts&) = delete;
  TestPorts& operator=(const TestPorts&) = delete;

  const TestRun run;
  MemoryNoticeBoard board;
  SignedLedger ledger;
  Timekeeper timekeeper;  // the owner
  LedgerClock clock{ledger};
  MemoryObjectStore store{clock};
  MemoryMetricsSink metrics;
  const std::unique_ptr<const ShardSource> shards;  // one shard of random samples, and some held out

  [[nodiscard]] const RunSpec& spec() const { return run.spec; }
  [[nodiscard]] Hash256 initial_root() const { return run.state_root(); }  // of the model at the run's start

  [[nodiscard]] const std::vector<uint32_t>& validator_uids() const { return validators_; }
  [[nodiscard]] const std::vector<uint32_t>& miner_uids() const { return miners_; }
  [[nodiscard]] const KeyPair& key(uint32_t uid) const { return keys_.at(uid); }
  [[nodiscard]] PublicKey public_key(uint32_t uid) const { return key(uid).public_key(); }
  [[nodiscard]] std::vector<Registration> roster() const;
  [[nodiscard]] Registration registration(uint32_t uid) const { return roster().at(uid); }

  // What that node, and the owner, say on the ledger.
  [[nodiscard]] LedgerWriter writer(uint32_t uid) { return {board, ledger, key(uid)}; }
  [[nodiscard]] OwnerWriter owner() { return {board, ledger, test_owner()}; }
  // The newest term that has been begun.
  [[nodiscard]] Term newest_term() const;

  // One block, spec.network.block_seconds after the latest.
  void make_block();
  // Makes blocks until the first one of that window is there.
  void enter_window(int64_t window);
  // Makes blocks until no contribution to that window counts any more.
  void close_window(int64_t window);

  // A node's objects.
  void put(uint32_t uid, std::string_view key, ByteView content);
  void remove(uint32_t uid, std::string_view key);
  void remove_all(uint32_t uid, std::string_view prefix);
  [[nodiscard]] bool has(uint32_t uid, std::string_view key) const;
  [[nodiscard]] Bytes object(uint32_t uid, std::string_view key) const;
  [[nodiscard]] std::vector<std::string> keys(uint32_t uid, std::string_view prefix = "") const;

  // A contribution of that node for that window, as the codec and the protocol make it: random values that
  // follow from uid and window, the receipt of the samples that the window assigns to it, root and proof of
  // the given parameters, or of the model that the run starts from if none are given.
  [[nodiscard]] Bytes sealed_contribution(uint32_t uid, int64_t window,
                                          ConstParameterSpans parameters = {}) const;
  // Puts it where the other nodes look for it; where uploads are sealed, sealed and with its key.
  void publish_contribution(uint32_t uid, int64_t window, ConstParameterSpans parameters = {});
  void publish_contributions(const std::vector<uint32_t>& uids, int64_t window,
                             ConstParameterSpans parameters = {});
  // The bytes of a contribution of that node, sealed; and the key to what it has stored sealed.
  void publish_upload(uint32_t uid, int64_t window, ByteView contribution);
  [[nodiscard]] CipherKey upload_key_of(uint32_t uid, int64_t window) const;
  void publish_upload_key(uint32_t uid, int64_t window);
  // What the node has published for that window, opened.
  [[nodiscard]] Bytes contribution_bytes(uint32_t uid, int64_t window) const;
  [[nodiscard]] Contribution contribution(uint32_t uid, int64_t window) const;
  // Its content hash; nullopt if the node has published none.
  [[nodiscard]] std::optional<Hash256> contribution_hash(uint32_t uid, int64_t window) const;

  // The leader's record of a window that began with that root, if it accepted what these miners have stored.
  [[nodiscard]] AggregateRecord record_of(int64_t window, int64_t outer_step, const Hash256& root,
                                          const std::vector<uint32_t>& accepted) const;
  // The record of window 0 of a run that begins there.
  [[nodiscard]] AggregateRecord record_of_first_window(const std::vector<uint32_t>& accepted) const {
    return record_of(0, 0, initial_root(), accepted);
  }
  // Decides the record's window with it, in the newest term.
  void publish_record(const AggregateRecord& record);
  // The record that decides that window, in whichever term; nullopt if none does.
  [[nodiscard]] std::optional<AggregateRecord> decided_record(int64_t window) const;

  // The field "window" of every measurement of that name, in the order in which they were written.
  [[nodiscard]] std::vector<int64_t> windows_measured(std::string_view measurement) const;

 private:
  uint32_t register_node(NodeRole role, double stake);
  [[nodiscard]] SampleReceipt receipt_of(uint32_t uid, int64_t window) const;
  [[nodiscard]] Block latest_block() const;
  [[nodiscard]] Hash256 block_hash(int64_t number) const;

  std::vector<KeyPair> keys_;  // by uid
  mutable std::vector<Hash256> block_hashes_;
  std::vector<uint32_t> validators_;
  std::vector<uint32_t> miners_;
};

}  // namespace templar::testing
