#include "support/test_key.h"

#include "base/random.h"

namespace templar::testing {

KeyPair test_key(uint32_t number) {
  Random random(number, "test-key");
  std::array<uint8_t, 32> seed;
  for (uint8_t& byte : seed) byte = static_cast<uint8_t>(random.below(256));
  return KeyPair::from_seed(seed);
}

std::string test_bucket(uint32_t uid) {
  return "node-" + std::to_string(uid);
}

}  // namespace templar::testing
