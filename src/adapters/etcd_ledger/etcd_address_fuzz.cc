// Whatever somebody gives as a ledger's address: what is taken comes back from its own text, and holds
// nothing that requests could not carry.
#include "adapters/etcd_ledger/etcd_address.h"
#include "base/bytes.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto address = templar::parse_etcd_address(templar::as_text({data, size}));
  if (!address) return 0;
  const auto again = templar::parse_etcd_address(templar::to_text(*address));
  CHECK(again && *again == *address);
  CHECK(!address->endpoints.empty() && !address->prefix.empty());
  std::string sent = address->prefix + address->user;
  for (const std::string& endpoint : address->endpoints) sent += endpoint;
  for (const char c : sent) CHECK(c > 0x20 && c < 0x7f);
  return 0;
}
