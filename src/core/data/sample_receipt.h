// What a miner says about the samples it trained on, so that a validator can compare it with what was
// assigned.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace templar {

struct SampleReceipt {
  std::array<uint8_t, 16> digest{};  // BLAKE2b-128 over the ascending 64-bit sample ids, little-endian
  uint64_t count = 0;                // ids, repeated ones included

  bool operator==(const SampleReceipt&) const = default;
};

// The same for any order of the ids.
[[nodiscard]] SampleReceipt make_receipt(std::span<const uint64_t> sample_ids);

}  // namespace templar
