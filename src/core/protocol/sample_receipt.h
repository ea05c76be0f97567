// What a miner says about the samples it trained on, so that everybody can compare it with what was assigned.
#pragma once

#include <array>
#include <cstdint>

namespace templar {

struct SampleReceipt {
  std::array<uint8_t, 16> digest{};  // BLAKE2b-128 over the ascending 64-bit sample ids, little-endian
  uint32_t count = 0;                // ids, repeated ones included

  bool operator==(const SampleReceipt&) const = default;
};

}  // namespace templar
