// Where an address becomes a store.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "adapters/s3/address_guard.h"
#include "base/clock.h"
#include "ports/object_store.h"
#include "ports/store_address.h"

namespace templar {

struct StoreAccess {
  // The address is a peer's: it is checked by these rules, asked without keys of ours, and a no from there
  // means that peer alone (skip). nullopt: it is our own.
  std::optional<PeerAddressRules> peer_rules;
  bool without_keys = false;  // as everybody may, also where the address is our own
  // Of the files that AWS_PROFILE may name one of, in its place and in that of keys in variables; empty:
  // none.
  std::string profile;
  std::function<bool()> is_cancelled;  // see TransferOptions; empty: never
  int most_retries = 7;                // of each request, over about half a minute
};

// The store that the address names. What an S3 address leaves open the environment says (see S3Settings);
// else it is Amazon's service in us-east-1. All stores of this process at one endpoint slow down together.
// Speaks to nobody yet. Fails (fatal) where the environment can't be used, (skip) where the address is none
// that a peer may have. The clock must outlive the store.
[[nodiscard]] Result<std::unique_ptr<ObjectStore>> open_store(const StoreAddress& address,
                                                              const StoreAccess& access, const Clock& clock);

// The address with what the environment (or that profile) adds to it, so that it says the same to everybody
// anywhere. Fails (fatal) as open_store does.
[[nodiscard]] Result<S3Address> completed_address(const S3Address& address, const std::string& profile);

// Makes the address' bucket; see make_bucket in adapters/s3/s3_bucket.h.
[[nodiscard]] Status make_store_bucket(const S3Address& address, const StoreAccess& access, bool is_public,
                                       const Clock& clock);

// The same service with S3's buckets as the port's: what lies in the address' bucket may have any name there.
[[nodiscard]] Result<std::unique_ptr<ObjectStore>> open_s3_service(const S3Address& address,
                                                                   const StoreAccess& access,
                                                                   const Clock& clock);

}  // namespace templar
