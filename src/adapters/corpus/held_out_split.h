// Which documents are held out: chosen by a hash of their text, so that the choice is the same wherever a
// document stands, and its copies stay on one side.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace templar {

// A document's position in the draw, uniform over 64 bits: the smallest are held out.
[[nodiscard]] uint64_t held_out_draw(uint64_t seed, std::string_view text);

struct HeldOutRule {
  double fraction = 0;  // documents whose draw is below this share of the range are held out
  // Where those hold fewer tokens than this, documents with the next smallest draws are added.
  uint64_t least_tokens = 0;
};

// Takes documents as token lists, in order, and passes each one on to the one side or the other. Keeps the
// documents with the smallest draws back while it can't be known yet whether they are needed: memory for
// least_tokens and one document.
class HeldOutSplit {
 public:
  using Sink = std::function<Status(const std::vector<uint32_t>& tokens)>;
  // fraction in [0, 1].
  HeldOutSplit(const HeldOutRule& rule, Sink train, Sink heldout);

  // Whether the fraction alone holds this document out.
  [[nodiscard]] bool is_below_fraction(uint64_t draw) const;
  // Fail with a sink's error.
  [[nodiscard]] Status add(uint64_t draw, std::vector<uint32_t> tokens);
  // Passes on what was kept back; call once, after the last document.
  [[nodiscard]] Status finish();

 private:
  struct Kept {
    uint64_t draw = 0;
    uint64_t order = 0;
    std::vector<uint32_t> tokens;
    bool operator<(const Kept& other) const {
      return draw != other.draw ? draw < other.draw : order < other.order;
    }
  };
  [[nodiscard]] Status release_largest();
  [[nodiscard]] bool has_enough() const { return held_out_tokens_ >= rule_.least_tokens; }

  HeldOutRule rule_;
  Sink train_;
  Sink heldout_;
  std::priority_queue<Kept> kept_;  // the largest draw on top
  uint64_t kept_tokens_ = 0;
  uint64_t held_out_tokens_ = 0;
  uint64_t order_ = 0;
};

}  // namespace templar
