// A node's two sides of the network's object stores: its own, which it writes to, and everybody's, to read.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "app/world/open_store.h"
#include "base/clock.h"
#include "core/run/run_spec.h"
#include "ports/ledger.h"
#include "ports/object_store.h"
#include "ports/store_address.h"

namespace templar {

struct OwnStoreOptions {
  std::string address;        // a folder, file:FOLDER or s3://...; empty: of a node that writes nothing, none
  std::string profile;        // see StoreAccess
  std::string read_key_file;  // ID:SECRET of the key that others read with; empty: all may read
  std::function<bool()> is_cancelled;  // see StoreAccess
};

// A path is the folder of that name. Fails (fatal) as parse_store_address does.
[[nodiscard]] Result<StoreAddress> parse_own_store(const std::string& text);
// Whether it is a folder, which all nodes of a network share and whose clock is the ledger's.
[[nodiscard]] bool is_folder(const StoreAddress& address);

class NetworkStore {
 public:
  // The ledger outlives it. Speaks to no store yet. Fails (fatal) where the own address can't be used: also
  // where the run's rules forbid it, so that others would refuse it.
  [[nodiscard]] static Result<std::unique_ptr<NetworkStore>> open(const OwnStoreOptions& options,
                                                                  const RunSpec& spec,
                                                                  const LedgerReader& ledger);
  ~NetworkStore();

  // nullptr where no address was given.
  [[nodiscard]] ObjectStore* own() const { return own_.get(); }
  [[nodiscard]] const ObjectReader& all() const { return *all_; }
  // What the node registers as its store; empty: it lies in the folder that all share.
  [[nodiscard]] const std::string& registered_address() const { return registered_address_; }
  // Whether asking costs a way through a network.
  [[nodiscard]] bool is_remote() const { return is_remote_; }

 private:
  NetworkStore();

  std::unique_ptr<const Clock> clock_;
  std::shared_ptr<ObjectStore> own_;
  std::shared_ptr<const ObjectReader> all_;
  std::string registered_address_;
  bool is_remote_ = true;
};

// Peers' addresses by the run's rules.
[[nodiscard]] PeerAddressRules peer_address_rules(const NetworkSpec& network);

}  // namespace templar
