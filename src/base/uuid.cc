#include "base/uuid.h"

#include <sodium.h>

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/check.h"

namespace templar {

std::string random_uuid() {
  CHECK(sodium_init() >= 0);
  std::array<uint8_t, 16> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3F) | 0x80);
  const std::string hex = to_hex(bytes);
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) + "-" +
         hex.substr(20);
}

}  // namespace templar
