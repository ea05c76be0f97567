// Codes the levels of a chunk's kept values, a few of them by one prefix code, whose lengths follow from how
// often the whole block's values reach each level. docs/protocol.md, "Block".
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "core/coding/prefix_code.h"
#include "core/run/run_spec.h"

namespace templar {

struct BlockCoding {
  Quantiser quantiser = Quantiser::kMean4;
  int64_t bins = 0;  // 2 .. 256; even for kBlockLog; without a meaning where there is no quantiser

  [[nodiscard]] bool has_signs() const { return quantiser == Quantiser::kBlockLog; }
  // Bits of a value that is sent as it is; 0: a code stands for it.
  [[nodiscard]] int value_bits() const {
    return quantiser == Quantiser::kNone ? 32 : quantiser == Quantiser::kNoneBf16 ? 16 : 0;
  }
  [[nodiscard]] bool has_codebook() const { return quantiser == Quantiser::kMean4; }
  [[nodiscard]] int64_t levels() const { return value_bits() != 0 ? 1 : has_signs() ? bins / 2 : bins; }
  bool operator==(const BlockCoding&) const = default;
};

// Odds are in 64ths: of the values that reach level l - 1, how many reach level l.
constexpr uint8_t kMaxLevelOdds = 63;

// One for each level from 1 on, 1 .. kMaxLevelOdds, from how many values have each level; half is rounded up,
// and 1 if no value reaches the level before.
[[nodiscard]] std::vector<uint8_t> level_odds(std::span<const int64_t> level_counts);

class LevelCode {
 public:
  // So many levels are written behind the last one that was asked for.
  static constexpr size_t kLevelSlack = 8;

  // The code for those levels (1 .. 256) and odds. Immutable, shared and remembered; any thread.
  [[nodiscard]] static std::shared_ptr<const LevelCode> of(int64_t levels, std::span<const uint8_t> odds);

  LevelCode(int64_t levels, std::span<const uint8_t> odds);

  // All levels of a chunk, each below levels. Sink is BitWriter or BitCounter.
  template <typename Sink>
  void put(std::span<const uint8_t> levels, Sink& sink) const {
    size_t i = 0;
    for (; i + arity_ <= levels.size(); i += arity_)
      codes_.put(table_, symbol_of(levels.data() + i, arity_), sink);
    if (i < levels.size()) codes_.put(table_, symbol_of(levels.data() + i, levels.size() - i), sink);
  }
  // Writes count levels, and up to kLevelSlack more. False if the last symbol has levels beyond count.
  [[nodiscard, gnu::always_inline]] bool get(BitReader& reader, uint8_t* levels, size_t count) const {
    const PrefixCodes::Reader codes(codes_);
    const PrefixTable table = table_;
    const uint64_t* const tuples = tuples_.data();
    const size_t arity = arity_;
    uint64_t tuple = 0;
    size_t i = 0;
    for (; i < count; i += arity) {
      reader.refill();
      tuple = tuples[codes.get(table, reader)];
      std::memcpy(levels + i, &tuple, sizeof(tuple));
    }
    const size_t asked_for = count + arity - i;  // of the last tuple
    return asked_for >= sizeof(tuple) || tuple >> 8 * asked_for == 0;
  }

 private:
  [[nodiscard]] uint32_t symbol_of(const uint8_t* levels, size_t count) const {
    uint32_t symbol = 0;
    for (size_t i = count; i-- > 0;) symbol = symbol * level_count_ + levels[i];
    return symbol;
  }

  uint32_t level_count_;
  size_t arity_ = 1;  // levels of a symbol
  PrefixCodes codes_;
  PrefixTable table_;
  std::vector<uint64_t> tuples_;  // a symbol's levels, one a byte
};

}  // namespace templar
