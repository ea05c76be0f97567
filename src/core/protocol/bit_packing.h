// Numbers in few bits each, filled from the least significant bit of every byte up.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "base/bytes.h"

namespace templar {

// ceil(log2(values)): how many bits tell that many values apart; values >= 1.
[[nodiscard]] constexpr int bits_for(uint64_t values) {
  return static_cast<int>(std::bit_width(values - 1));
}

[[nodiscard]] constexpr uint64_t low_bits(int bits) {
  return bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
}

// Collects bits into bytes that it owns. take() fills the last, partly filled byte with zeros.
class BitWriter {
 public:
  // value < 2^bits, bits <= 64.
  void put(uint64_t value, int bits) {
    pending_ |= value << filled_;
    if (filled_ + bits < 64) {
      filled_ += bits;
      return;
    }
    append(8);
    const int written = 64 - filled_;
    pending_ = written == 64 ? 0 : value >> written;
    filled_ = filled_ + bits - 64;
  }
  [[nodiscard]] Bytes take() {
    append(static_cast<size_t>(filled_ + 7) / 8);
    pending_ = 0;
    filled_ = 0;
    return std::move(bytes_);
  }

 private:
  void append(size_t count) {
    const auto* begin = reinterpret_cast<const uint8_t*>(&pending_);
    bytes_.insert(bytes_.end(), begin, begin + count);
  }

  Bytes bytes_;
  uint64_t pending_ = 0;
  int filled_ = 0;
};

// Takes what a BitWriter takes and only counts it.
class BitCounter {
 public:
  void put(uint64_t /*value*/, int bits) { total_ += bits; }
  [[nodiscard]] int64_t total() const { return total_; }

 private:
  int64_t total_ = 0;
};

// Reads from bytes that it does not own. What lies behind the last byte reads as 0: whoever reads asks
// overran() when a unit is done, and bounds what it does until then.
class BitReader {
 public:
  static constexpr int kPeekBits = 57;

  BitReader() = default;
  explicit BitReader(ByteView bytes) : bytes_(bytes) {}

  // The next bits, of which at least kPeekBits are good.
  [[nodiscard]] uint64_t peek() const {
    const size_t byte = next_ >> 3;
    uint64_t word = 0;
    if (byte + 8 <= bytes_.size()) [[likely]] {
      std::memcpy(&word, bytes_.data() + byte, 8);
    } else if (byte < bytes_.size()) {
      std::memcpy(&word, bytes_.data() + byte, bytes_.size() - byte);
    }
    return word >> (next_ & 7);
  }
  void skip(int bits) { next_ += static_cast<size_t>(bits); }
  // bits <= 64.
  [[nodiscard]] uint64_t get(int bits) {
    if (bits > kPeekBits) [[unlikely]] {
      const uint64_t low = get(32);
      return low | get(bits - 32) << 32;
    }
    const uint64_t value = peek() & low_bits(bits);
    skip(bits);
    return value;
  }
  [[nodiscard]] bool overran() const { return next_ > bytes_.size() * 8; }
  [[nodiscard]] size_t bytes_begun() const { return (next_ + 7) / 8; }
  // Whether the rest of the byte that was begun is zero.
  [[nodiscard]] bool padding_is_zero() const {
    return (next_ & 7) == 0 || (peek() & low_bits(static_cast<int>(8 - (next_ & 7)))) == 0;
  }

 private:
  ByteView bytes_;
  size_t next_ = 0;  // in bits
};

// Rice codes: value / 2^parameter ones, a zero, then the low bits.
[[nodiscard]] constexpr int64_t rice_bits(uint64_t value, int parameter) {
  return static_cast<int64_t>(value >> parameter) + 1 + parameter;
}
inline void put_rice(uint64_t value, int parameter, BitWriter& writer) {
  uint64_t ones = value >> parameter;
  for (; ones >= 32; ones -= 32) writer.put(low_bits(32), 32);
  writer.put(low_bits(static_cast<int>(ones)), static_cast<int>(ones) + 1);
  writer.put(value & low_bits(parameter), parameter);
}
// The value, or some number above limit where it is more than limit.
[[nodiscard]] inline uint64_t get_rice(int parameter, uint64_t limit, BitReader& reader) {
  constexpr int kStep = BitReader::kPeekBits - 1;
  uint64_t ones = 0;
  while (true) {
    const int run = std::min(std::countr_one(reader.peek()), kStep);
    ones += static_cast<uint64_t>(run);
    if (run < kStep) {
      reader.skip(run + 1);
      break;
    }
    reader.skip(run);
    if (ones >> 1 > limit) return limit + 1;
  }
  return ones << parameter | reader.get(parameter);
}

}  // namespace templar
