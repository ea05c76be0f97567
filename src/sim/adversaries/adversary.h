// A miner that attacks: the nodes' own miner, whose contribution is held back on its way to the store, and
// replaced by what the attack makes of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/keys/keys.h"
#include "core/protocol/sealed_upload.h"
#include "node/window/environment.h"
#include "ports/object_store.h"
#include "sim/adversaries/attack.h"
#include "sim/adversaries/forger.h"

namespace templar {

struct AdversaryOptions {
  Attack attack = Attack::kCopycat;
  PublicKey first;                   // of those who attack together
  std::optional<KeyPair> first_key;  // that one's, with which it shares what it has sealed
  std::vector<PublicKey> attackers;  // of all attacks: what they publish is nothing to copy
  uint64_t seed = 0;
};

// What the node of an adversary writes to, in place of its store. It behaves towards the node as if its
// contribution had been stored. One thread at a time.
class Adversary final : public ObjectStore {
 public:
  // environment: the node's; store: its own. Both must outlive it.
  Adversary(const NodeEnvironment& environment, ObjectStore& store, const KeyPair& key,
            const AdversaryOptions& options);

  // Publishes what is held back, where the attack has what it needs; to be called before each step of the
  // node. Fails (retry) where store or ledger were away.
  [[nodiscard]] Status act();

  [[nodiscard]] Result<std::optional<ObjectInfo>> head(std::string_view bucket,
                                                       std::string_view key) const override;
  [[nodiscard]] Result<Bytes> get(std::string_view bucket, std::string_view key,
                                  uint64_t max_bytes) const override;
  [[nodiscard]] Result<Bytes> get_range(std::string_view bucket, std::string_view key,
                                        ByteRange range) const override;
  [[nodiscard]] Result<std::vector<ObjectInfo>> list(std::string_view bucket,
                                                     std::string_view prefix) const override;
  [[nodiscard]] int useful_calls_at_once() const override { return store_.useful_calls_at_once(); }
  [[nodiscard]] Status put(std::string_view bucket, std::string_view key, ByteView content) override;
  [[nodiscard]] Result<bool> put_if(std::string_view bucket, std::string_view key, ByteView content,
                                    const PutCondition& condition) override;
  [[nodiscard]] Status remove(std::string_view bucket, std::string_view key) override;

 private:
  // An honest contribution of this node that is not published.
  struct Held {
    int64_t window = 0;
    std::string bucket;
    Bytes bytes;
  };
  // What is published in its place.
  struct Forged {
    int64_t window = 0;
    Bytes bytes;
    bool is_object = false;  // as it is stored; else a contribution, which is sealed where the run's are
  };
  // A key that its node wants to publish, and that is replaced by another miner's.
  struct HeldKey {
    int64_t window = 0;
    std::string bucket;
  };
  struct Needed {
    std::vector<Contribution> contributions;
    std::vector<Bytes> objects;  // as they are stored
  };
  // What the attack needs; nullopt while one of them is not there.
  [[nodiscard]] Result<std::optional<Needed>> needed() const;
  // The miners of whom it needs something.
  [[nodiscard]] Result<std::vector<Registration>> victims() const;
  [[nodiscard]] Result<std::optional<Bytes>> stored_by(const Registration& miner, int64_t window) const;
  [[nodiscard]] Result<std::optional<CipherKey>> key_to(const Registration& miner,
                                                        const UploadHeader& header) const;
  // Nothing while there is no key to it.
  [[nodiscard]] Result<std::optional<Contribution>> published(const Registration& miner) const;
  // Of its own.
  [[nodiscard]] Result<Bytes> opened(ByteView stored) const;
  [[nodiscard]] Result<Contribution> own_contribution(const Held& held) const;
  [[nodiscard]] Bytes object_of(Forged forged, const Contribution& own) const;
  [[nodiscard]] Status publish_foreign_key();
  [[nodiscard]] bool gives_foreign_key() const;
  [[nodiscard]] Result<bool> is_time() const;
  // nullopt: nothing is published.
  [[nodiscard]] Result<std::optional<Forged>> forge(const Contribution& own, const Needed& others);
  [[nodiscard]] Result<Bytes> forged_values(const Contribution& own, const std::vector<Contribution>& others);
  [[nodiscard]] Result<Bytes> forged_header(const Contribution& own);
  [[nodiscard]] Bytes forged_bytes(const Contribution& own);
  // Sums of the others' values and squares become mean and standard deviation.
  struct Spread {
    ParameterBuffers mean;
    ParameterBuffers deviation;
  };
  [[nodiscard]] Spread spread_of(const std::vector<Contribution>& others);
  [[nodiscard]] Random chance() const;  // of the window

  const NodeEnvironment& environment_;
  ObjectStore& store_;
  const KeyPair key_;
  const AdversaryOptions options_;
  Forger forger_;
  std::optional<Held> held_;
  std::optional<Held> before_;  // of the window before
  std::optional<HeldKey> held_key_;
};

}  // namespace templar
