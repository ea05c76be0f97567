// Any bytes go through the .npy header parser; what it accepts must be possible.
#include "adapters/shards/npy.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const templar::Result<templar::NpyHeader> header = templar::parse_npy_header({data, size});
  if (!header) {
    CHECK(!header.error().message.empty());
    return 0;
  }
  CHECK(header->data_offset <= size);
  CHECK(header->shape.size() <= 8);
  uint64_t count = 1;
  for (const uint64_t dimension : header->shape) count *= dimension;
  CHECK(count == header->count);
  return 0;
}
