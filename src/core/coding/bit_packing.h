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
  return std::bit_width(values - 1);
}

[[nodiscard]] constexpr uint64_t low_bits(int bits) {
  return bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
}

// Collects bits into bytes that it owns. take() fills the last, partly filled byte with zeros.
class BitWriter {
 public:
  // value < 2^bits, bits <= 64.
  void put(uint64_t value, int bits) {
    if (bits > kMaxPutBits) [[unlikely]] {
      put_short(value & low_bits(32), 32);
      put_short(value >> 32, bits - 32);
      return;
    }
    put_short(value, bits);
  }
  [[nodiscard]] Bytes take() {
    bytes_.resize(size_ + static_cast<size_t>(filled_ + 7) / 8);
    if (filled_ > 0) bytes_[size_] = static_cast<uint8_t>(pending_);
    pending_ = 0;
    filled_ = 0;
    size_ = 0;
    return std::move(bytes_);
  }

 private:
  static constexpr int kMaxPutBits = 56;

  void put_short(uint64_t value, int bits) {
    pending_ |= value << filled_;
    if (bytes_.size() < size_ + sizeof(pending_)) [[unlikely]]
      bytes_.resize(2 * bytes_.size() + 256);
    std::memcpy(bytes_.data() + size_, &pending_, sizeof(pending_));
    filled_ += bits;
    size_ += filled_ >> 3;
    pending_ >>= filled_ & ~7;
    filled_ &= 7;
  }

  Bytes bytes_;      // those that are full, and room
  size_t size_ = 0;  // of the full ones
  uint64_t pending_ = 0;
  int filled_ = 0;  // bits of pending_: less than 8 between calls
};

// Takes what a BitWriter takes and only counts it.
class BitCounter {
 public:
  void put(uint64_t /*value*/, int bits) { total_ += bits; }
  [[nodiscard]] int64_t total() const { return total_; }

 private:
  int64_t total_ = 0;
};

// Reads the bytes [begin, end) of a memory that it does not own. To read past end is no error here: it gives
// the bits that are there, and 0 behind the memory. So callers bound their loops, and ask overran() after
// each unit, such as a chunk.
class BitReader {
 public:
  // So many bits are good after refill().
  static constexpr int kReadyBits = 56;

  BitReader() = default;
  explicit BitReader(ByteView bytes) : BitReader(bytes, 0, bytes.size()) {}
  BitReader(ByteView memory, size_t begin, size_t end) : memory_(memory), next_(begin), end_(end) {}

  [[gnu::always_inline]] void refill() {
    if (next_ + sizeof(word_) <= memory_.size()) [[likely]] {
      uint64_t loaded;
      std::memcpy(&loaded, memory_.data() + next_, sizeof(loaded));
      word_ |= loaded << filled_;
      next_ += (63 - filled_) >> 3;
      filled_ |= kReadyBits;
    } else {
      refill_at_end();
    }
  }
  // The next bits, of which those that refill() made ready and skip() has not passed are good.
  [[nodiscard]] uint64_t ready() const { return word_; }
  // No more than are ready.
  [[gnu::always_inline]] void skip(int bits) {
    word_ >>= bits;
    filled_ -= bits;
  }
  // bits <= 64.
  [[nodiscard]] uint64_t get(int bits) {
    if (bits > kReadyBits) [[unlikely]] {
      const uint64_t low = get(32);
      return low | get(bits - 32) << 32;
    }
    refill();
    const uint64_t value = word_ & low_bits(bits);
    skip(bits);
    return value;
  }

  // Where the next bit lies, counted from the memory's first.
  [[nodiscard]] size_t position() const { return next_ * 8 - filled_; }
  // At least 57 bits from any position on, without moving there.
  [[nodiscard, gnu::always_inline]] uint64_t look_at(size_t position) const {
    const size_t byte = position >> 3;
    uint64_t word = 0;
    if (byte + sizeof(word) <= memory_.size()) [[likely]] {
      std::memcpy(&word, memory_.data() + byte, sizeof(word));
    } else if (byte < memory_.size()) {
      std::memcpy(&word, memory_.data() + byte, memory_.size() - byte);
    }
    return word >> (position & 7);
  }
  [[gnu::always_inline]] void move_to(size_t position) {
    next_ = position >> 3;
    word_ = 0;
    filled_ = 0;
    refill();
    skip(position & 7);
  }

  [[nodiscard]] bool overran() const { return position() > end_ * 8; }
  // The first byte of which nothing has been read.
  [[nodiscard]] size_t next_byte() const { return (position() + 7) / 8; }
  // Whether the rest of the byte that was begun is zero.
  [[nodiscard]] bool padding_is_zero() const {
    const size_t begun = position() & 7;
    return begun == 0 || (look_at(position()) & low_bits(8 - begun)) == 0;
  }

 private:
  void refill_at_end() {
    for (; filled_ < kReadyBits; filled_ += 8, ++next_) {
      if (next_ < memory_.size()) word_ |= uint64_t{memory_[next_]} << filled_;
    }
  }

  ByteView memory_;
  size_t next_ = 0;  // byte that is loaded next
  size_t end_ = 0;
  // Loaded bits. The lowest filled_ of them count. Higher ones may be set already, to what the memory holds
  // there, and are loaded again.
  uint64_t word_ = 0;
  int filled_ = 0;
};

// Rice codes: value / 2^parameter ones, a zero, then the low bits.
[[nodiscard]] constexpr int64_t rice_bits(uint64_t value, int parameter) {
  return (value >> parameter) + 1 + parameter;
}
inline void put_rice(uint64_t value, int parameter, BitWriter& writer) {
  uint64_t ones = value >> parameter;
  for (; ones >= 32; ones -= 32) writer.put(low_bits(32), 32);
  writer.put(low_bits(ones), ones + 1);
  writer.put(value & low_bits(parameter), parameter);
}
// The value, or some number above limit where it is more than limit.
[[nodiscard]] inline uint64_t get_rice(int parameter, uint64_t limit, BitReader& reader) {
  constexpr int kStep = BitReader::kReadyBits - 1;
  uint64_t ones = 0;
  while (true) {
    reader.refill();
    const int run = std::min(std::countr_one(reader.ready()), kStep);
    ones += run;
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
