// Whatever the bytes are, parsing them must end in a Result; and what is accepted must be the one encoding of
// its content.
#include <algorithm>
#include <array>

#include "base/check.h"
#include "core/protocol/ledger_entry.h"

namespace templar {
namespace {

constexpr size_t kAuthorOffset = 39;
constexpr size_t kContentOffset = 79;
constexpr size_t kSignatureBytes = 64;

void fuzz(ByteView input) {
  static const KeyPair key = KeyPair::from_seed(std::array<uint8_t, 32>{4, 5, 6});
  (void)parse_ledger_entry(input);

  // The same content, signed by an author that the fuzzer has the key of.
  if (input.size() < kContentOffset + kSignatureBytes) return;
  Bytes bytes(input.begin(), input.end() - kSignatureBytes);
  std::ranges::copy(key.public_key().bytes, bytes.begin() + kAuthorOffset);
  const Signature signature = key.sign(bytes);
  bytes.insert(bytes.end(), signature.bytes.begin(), signature.bytes.end());
  const auto entry = parse_ledger_entry(bytes);
  if (entry) CHECK(seal_ledger_entry(*entry, key) == bytes);
}

}  // namespace
}  // namespace templar

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  templar::fuzz({data, size});
  return 0;
}
