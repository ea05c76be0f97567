#include "support/wallet.h"

#include <cstdlib>
#include <iostream>
#include <string>

#include "base/file.h"
#include "base/random.h"

namespace templar::testing {
namespace {

void end_unless(const Status& status) {
  if (status) return;
  std::cerr << status.error().message << '\n';
  std::exit(1);
}

}  // namespace

KeyPair test_key(uint32_t number) {
  Random random(number, "test-key");
  std::array<uint8_t, 32> seed;
  for (uint8_t& byte : seed) byte = static_cast<uint8_t>(random.below(256));
  return KeyPair::from_seed(seed);
}

std::filesystem::path write_wallet(const std::filesystem::path& folder, uint32_t number) {
  const std::filesystem::path path = folder / ("key-" + std::to_string(number));
  end_unless(test_key(number).save(path));
  return path;
}

std::filesystem::path write_config(const std::filesystem::path& folder, const RunSpec& spec) {
  const std::filesystem::path path = folder / "run.json";
  end_unless(write_file_atomically(path, pretty_json(spec)));
  return path;
}

}  // namespace templar::testing
