// A ready set of what nodes speak through: run spec, ledger, store and keys, all in memory, with some nodes
// registered.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/keys.h"
#include "core/protocol/contribution.h"
#include "ports/ledger.h"
#include "ports/ledger_clock.h"
#include "ports/metrics_sink.h"
#include "ports/object_store.h"
#include "support/small_model.h"

namespace templar::testing {

struct CommunicationsOptions {
  RunSpec spec = small_run_spec();
  uint32_t miners = 3;
  uint32_t validators = 1;
};

// Uids: the validators first, from 0, the one before with more stake than the next; then the miners. The
// bucket of uid u is "node-u". The first block of window 0 is made, at time 0; the store's clock is the
// ledger's.
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

  [[nodiscard]] const std::vector<uint32_t>& validator_uids() const { return validators_; }
  [[nodiscard]] const std::vector<uint32_t>& miner_uids() const { return miners_; }
  [[nodiscard]] const KeyPair& key(uint32_t uid) const { return keys_.at(uid); }
  [[nodiscard]] Registration registration(uint32_t uid) const;

  // Makes blocks until the first one of that window is there, each spec.network.block_seconds after the one
  // before.
  void enter_window(int64_t window);

  // A contribution of that node for that window, as the codec and the protocol make it: random values that
  // follow from uid and window, root and proof of model.parameters (the run's first model, as at window 0),
  // no samples.
  [[nodiscard]] Bytes sealed_contribution(uint32_t uid, int64_t window) const;
  // Puts it where the other nodes look for it.
  void publish_contribution(uint32_t uid, int64_t window);

 private:
  uint32_t register_node(NodeRole role, double stake);

  std::vector<KeyPair> keys_;  // by uid
  std::vector<uint32_t> validators_;
  std::vector<uint32_t> miners_;
};

}  // namespace templar::testing
