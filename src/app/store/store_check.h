// Whether a node could work with a store, found out by doing what a node does.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "adapters/s3/address_guard.h"
#include "base/clock.h"
#include "ports/store_address.h"

namespace templar {

enum class CheckVerdict { kGood, kWarning, kBad };

struct CheckedProperty {
  CheckVerdict verdict = CheckVerdict::kGood;
  std::string name;  // "write", "latency", ...
  std::string text;  // what was found, and what to do about what is wrong
};

struct StoreCheckOptions {
  uint64_t sample_bytes = 8'000'000;   // how much goes up and down for the throughput
  std::function<bool()> is_cancelled;  // see TransferOptions
  int most_retries = 4;                // see StoreAccess
  std::string profile;                 // the same
  // The address that peers are told, and what it may be; nullopt: the store's own, by the rules of a run that
  // says nothing of addresses.
  std::optional<S3Address> for_peers;
  PeerAddressRules peer_rules;
};

// Writes a small and a large object to the bucket "templar-check" of the store, reads and lists them,
// compares clocks, looks what others may do (without keys, but a read key of the
// address) and whether peers would take the address, and
// removes what it has written. Ends early where nothing can be written. Each property is also handed to
// `seen` at once. Fails only where the store can't be opened.
[[nodiscard]] Result<std::vector<CheckedProperty>> check_store(
    const StoreAddress& address, const StoreCheckOptions& options, const Clock& clock,
    const std::function<void(const CheckedProperty&)>& seen);

}  // namespace templar
