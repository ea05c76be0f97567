// A ready set of what nodes speak through: run spec, ledger, store, data and keys, all in memory, with some
// nodes registered.
#pragma once

#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/keys.h"
#include "core/protocol/contribution.h"
#include "ports/ledger.h"
#include "ports/ledger_clock.h"
#include "ports/metrics_sink.h"
#include "ports/object_store.h"
#include "ports/shard_source.h"
#include "support/small_model.h"

namespace templar::testing {

struct CommunicationsOptions {
  RunSpec spec = small_run_spec();
  uint32_t miners = 3;
  uint32_t validators = 1;
};

// Uids: the validators first, from 0, each with more stake than the next; then the miners. Uid u has the key
// test_key(u) and the bucket "node-u". The first block of window 0 is made, at time 0; the store's clock is
// the ledger's.
class Communications {
 public:
  explicit Communications(const CommunicationsOptions& options = {});
  Communications(const Communications&) = delete;
  Communications& operator=(const Communications&) = delete;

  const SmallModel model;  // model.spec is the run's spec
  MemoryLedger ledger;
  LedgerClock clock{ledger};
  MemoryObjectStore store{clock};
  MemoryMetricsSink metrics;
  const std::unique_ptr<const ShardSource> shards;  // one shard of random samples, and some held out

  [[nodiscard]] const std::vector<uint32_t>& validator_uids() const { return validators_; }
  [[nodiscard]] const std::vector<uint32_t>& miner_uids() const { return miners_; }
  [[nodiscard]] const KeyPair& key(uint32_t uid) const { return keys_.at(uid); }
  [[nodiscard]] Registration registration(uint32_t uid) const;

  // Makes blocks, spec.network.block_seconds apart, until the first one of that window is there.
  void enter_window(int64_t window);
  // Makes blocks until no contribution to that window counts any more.
  void close_window(int64_t window);

  // A contribution of that node for that window, as the codec and the protocol make it: random values that
  // follow from uid and window, the receipt of the samples that the window assigns to it, root and proof of
  // the given parameters.
  [[nodiscard]] Bytes sealed_contribution(uint32_t uid, int64_t window, ConstParameterSpans parameters) const;
  // As above, of the model that the run starts from.
  [[nodiscard]] Bytes sealed_contribution(uint32_t uid, int64_t window) const {
    return sealed_contribution(uid, window, model.parameters.spans());
  }
  // Puts it where the other nodes look for it.
  void publish_contribution(uint32_t uid, int64_t window, ConstParameterSpans parameters);
  void publish_contribution(uint32_t uid, int64_t window) {
    publish_contribution(uid, window, model.parameters.spans());
  }

 private:
  uint32_t register_node(NodeRole role, double stake);
  [[nodiscard]] SampleReceipt receipt_of(uint32_t uid, int64_t window) const;
  [[nodiscard]] Block latest_block() const;
  void make_next_block();

  std::vector<KeyPair> keys_;  // by uid
  std::vector<uint32_t> validators_;
  std::vector<uint32_t> miners_;
};

}  // namespace templar::testing
