// Any bytes as a whole safetensors file: either refused, or its tensors fill it.
#include <algorithm>

#include "base/check.h"
#include "formats/safetensors/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace templar;
  const ByteView file(data, size);
  const auto header_bytes =
      safetensors_header_bytes(file.first(std::min<size_t>(size, kSafetensorsPrefixBytes)), size);
  if (!header_bytes) return 0;
  const auto header = parse_safetensors_header(file.subspan(kSafetensorsPrefixBytes, *header_bytes), size);
  if (!header) return 0;
  uint64_t position = header->data_begin;
  for (const SafetensorsEntry& entry : header->tensors) {
    CHECK(header->data_begin + entry.begin == position);
    position = header->data_begin + entry.end;
    CHECK(position <= size);
  }
  CHECK(position == size);
  return 0;
}
