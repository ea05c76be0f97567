// Any bytes go through the parser of a data set's manifest; what it accepts is written as it was read.
#include "adapters/shards/data_manifest.h"
#include "base/bytes.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto manifest = templar::parse_manifest(templar::as_text({data, size}));
  if (!manifest) {
    CHECK(!manifest.error().message.empty());
    return 0;
  }
  CHECK(!manifest->shards.empty() && manifest->sequence_length > 0);
  const auto again = templar::parse_manifest(templar::write_manifest(*manifest));
  CHECK(again && *again == *manifest);
  return 0;
}
