// Whatever a peer registers as its store's address: what is taken comes back from its own text, and holds
// nothing that requests could not carry.
#include "base/bytes.h"
#include "base/check.h"
#include "ports/store_address.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto address = templar::parse_store_address(templar::as_text({data, size}));
  if (!address) return 0;
  const auto again = templar::parse_store_address(templar::to_text(*address));
  CHECK(again && *again == *address);
  if (const auto* s3 = std::get_if<templar::S3Address>(&*address)) {
    for (const char c : s3->endpoint.host + s3->region + s3->bucket + s3->prefix) CHECK(c > 0x20 && c < 0x7f);
  }
  return 0;
}
