// Small numbers in a fixed count of bits each, filled from the least significant bit of every byte up.
#pragma once

#include <bit>
#include <cstdint>

#include "base/bytes.h"

namespace templar {

// ceil(log2(values)): how many bits tell that many values apart; values >= 1.
[[nodiscard]] constexpr int bits_for(int64_t values) {
  return std::bit_width(static_cast<uint64_t>(values - 1));
}

[[nodiscard]] constexpr int64_t packed_size(int64_t count, int bits) {
  return (count * bits + 7) / 8;
}

// bits <= 16 for each number. finish() writes the last, partly filled byte, its other bits 0.
class BitWriter {
 public:
  explicit BitWriter(ByteWriter& writer) : writer_(writer) {}
  void put(uint32_t value, int bits) {
    pending_ |= static_cast<uint64_t>(value) << filled_;
    filled_ += bits;
    while (filled_ >= 8) {
      writer_.put(static_cast<uint8_t>(pending_));
      pending_ >>= 8;
      filled_ -= 8;
    }
  }
  void finish() {
    if (filled_ > 0) writer_.put(static_cast<uint8_t>(pending_));
    pending_ = 0;
    filled_ = 0;
  }

 private:
  ByteWriter& writer_;
  uint64_t pending_ = 0;
  int filled_ = 0;
};

// Reads from a given bit on. What lies behind the last byte reads as 0: callers have checked the size.
class BitReader {
 public:
  BitReader(ByteView bytes, int64_t first_bit) : bytes_(bytes), next_(static_cast<size_t>(first_bit / 8)) {
    if (first_bit % 8 != 0) (void)get(static_cast<int>(first_bit % 8));
  }
  [[nodiscard]] uint32_t get(int bits) {
    while (available_ < bits) {
      const uint64_t byte = next_ < bytes_.size() ? bytes_[next_] : 0;
      ++next_;
      pending_ |= byte << available_;
      available_ += 8;
    }
    const auto value = static_cast<uint32_t>(pending_ & ((uint64_t{1} << bits) - 1));
    pending_ >>= bits;
    available_ -= bits;
    return value;
  }
  // The bits of the current byte that have not been read.
  [[nodiscard]] uint64_t rest_of_byte() const { return pending_; }

 private:
  ByteView bytes_;
  size_t next_;
  uint64_t pending_ = 0;
  int available_ = 0;
};

}  // namespace templar
