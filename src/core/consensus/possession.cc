#include "core/consensus/possession.h"

#include <algorithm>
#include <vector>

#include "base/check.h"

namespace templar {
namespace {

constexpr std::string_view kKey = "templar possession v1";

uint64_t selected_block(const Hash256& block_hash, uint32_t i, uint64_t block_count) {
  const Hash256 hash = Blake2b(32, as_bytes(kKey)).update(block_hash.bytes).update_value(i).finish256();
  uint64_t number;
  std::memcpy(&number, hash.bytes.data(), sizeof(number));
  return number % block_count;
}

// Feeds bytes [begin, end) of the parameters laid one after the other.
void hash_range(Blake2b& hash, ConstParameterSpans parameters, uint64_t begin, uint64_t end) {
  uint64_t start = 0;  // of the current parameter
  for (const std::span<const float> values : parameters) {
    const uint64_t stop = start + values.size_bytes();
    const uint64_t from = std::max(begin, start);
    const uint64_t to = std::min(end, stop);
    if (from < to) hash.update(as_bytes(values).subspan(from - start, to - from));
    start = stop;
  }
}

}  // namespace

Hash256 prove_possession(ConstParameterSpans parameters, const Hash256& block_hash, uint32_t uid,
                         int64_t window) {
  uint64_t size = 0;
  for (const std::span<const float> values : parameters) size += values.size_bytes();
  CHECK(size > 0);
  const uint64_t block_count = (size + kPossessionBlockBytes - 1) / kPossessionBlockBytes;

  ByteWriter key;
  key.put_bytes(as_bytes(kKey));
  key.put(uid);
  key.put<uint64_t>(window);
  Blake2b proof(32, key.view());
  proof.update(block_hash.bytes);
  for (uint32_t i = 0; i < kPossessionBlocks; ++i) {
    const uint64_t begin = selected_block(block_hash, i, block_count) * kPossessionBlockBytes;
    hash_range(proof, parameters, begin, std::min(size, begin + kPossessionBlockBytes));
  }
  return proof.finish256();
}

}  // namespace templar
