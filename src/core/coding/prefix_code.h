// Prefix codes for small alphabets. Their lengths are part of the protocol: doubles are only added and
// compared, in a fixed order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/coding/bit_packing.h"

namespace templar {

// No code is longer: weights are at least 2^-12 of their sum.
constexpr int kMaxPrefixBits = 18;

// Huffman's code for these weights, each raised to at least 2^-12 of their sum; the two smallest are joined
// again and again, of equal ones a symbol before a joined one and a lower before a higher. At least two.
[[nodiscard]] std::vector<uint32_t> prefix_code_lengths(std::vector<double> weights);

// Canonical codes for lengths: ascending by length, then by symbol. The first bit is the lowest.
[[nodiscard]] std::vector<uint32_t> prefix_codes(std::span<const uint32_t> lengths);

// One of the codes that a PrefixCodes holds: where its parts begin.
struct PrefixTable {
  uint32_t lookup = 0;  // by the next bits
  uint32_t mask = 0;    // of the bits that are looked up
  uint32_t codes = 0;   // by symbol
  uint32_t symbols = 0;
};

// Codes for several alphabets, ready for writing and reading. Immutable after the last add().
class PrefixCodes {
 public:
  // 1 .. 256 symbols; a single one takes no bits. Codes of up to lookup_bits bits (at most 12) are read with
  // one look, longer ones by a search: few bits keep the table in the nearest cache.
  PrefixTable add(std::vector<double> weights, int lookup_bits);

  // Sink is BitWriter or BitCounter.
  template <typename Sink>
  void put(const PrefixTable& table, uint32_t symbol, Sink& sink) const {
    const Code& code = codes_[table.codes + symbol];
    sink.put(code.bits, code.length);
  }
  // For reading many symbols: what a loop keeps in registers.
  class Reader {
   public:
    explicit Reader(const PrefixCodes& codes) : codes_(codes), lookup_(codes.lookup_.data()) {}
    // The next symbol. kMaxPrefixBits must be ready. Every bit pattern begins with a code.
    [[gnu::always_inline]] uint32_t get(const PrefixTable& table, BitReader& reader) const {
      const uint32_t entry = lookup_[table.lookup + (reader.ready() & table.mask)];
      if (entry == kLongCode) [[unlikely]]
        return codes_.get_long(table, reader);
      reader.skip(entry & 15);
      return entry >> 4;
    }

   private:
    const PrefixCodes& codes_;
    const uint16_t* lookup_;
  };

 private:
  struct Code {
    uint32_t bits;
    uint32_t length;
  };
  static constexpr uint16_t kLongCode = 0xffff;

  [[gnu::noinline]] uint32_t get_long(const PrefixTable& table, BitReader& reader) const;
  void fill_lookup(PrefixTable& table, int lookup_bits);

  std::vector<uint16_t> lookup_;  // symbol * 16 + length
  std::vector<Code> codes_;
};

}  // namespace templar
