#include "core/data/make_receipt.h"

#include <algorithm>
#include <vector>

#include "base/hash.h"

namespace templar {

SampleReceipt make_receipt(std::span<const uint64_t> sample_ids) {
  std::vector<uint64_t> ascending(sample_ids.begin(), sample_ids.end());
  std::sort(ascending.begin(), ascending.end());
  SampleReceipt receipt;
  Blake2b(receipt.digest.size())
      .update(as_bytes(std::span<const uint64_t>(ascending)))
      .finish(receipt.digest);
  receipt.count = ascending.size();
  return receipt;
}

}  // namespace templar
