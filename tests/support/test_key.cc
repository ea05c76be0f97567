#include "support/test_key.h"

#include "base/random.h"

namespace templar::testing {

namespace {

KeyPair pair_of(uint64_t number, const char* purpose) {
  Random random(number, purpose);
  std::array<uint8_t, 32> seed;
  for (uint8_t& byte : seed) byte = static_cast<uint8_t>(random.below(256));
  return KeyPair::from_seed(seed);
}

}  // namespace

KeyPair test_key(uint32_t number) {
  return pair_of(number, "test-key");
}

KeyPair test_owner() {
  return pair_of(0, "test-owner");
}

std::string test_bucket(uint32_t uid) {
  return "node-" + std::to_string(uid);
}

}  // namespace templar::testing
