// Which sections are held out: chosen by a hash of their text, so that the choice is the same wherever a
// section stands, and its copies stay on one side.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <string_view>
#include <vector>

#include "adapters/corpus/sections.h"
#include "base/result.h"

namespace templar {

// A section's position in the draw, uniform over 64 bits: the smallest are held out.
[[nodiscard]] uint64_t held_out_draw(uint64_t seed, std::string_view text);

struct HeldOutRule {
  double fraction = 0;  // sections whose draw is below this share of the range are held out
  // Where those hold fewer tokens than this, sections with the next smallest draws are added,
  uint64_t wanted_tokens = 0;
  // but of a small text no more than a quarter, or this many tokens where a quarter is less.
  uint64_t least_tokens = 0;
};

// Takes sections as tokens, in order, and passes each one on to the one side or the other. Keeps the sections
// with the smallest draws back while it can't be known yet whether they are needed: memory for wanted_tokens
// and one section.
class HeldOutSplit {
 public:
  using Sink = std::function<Status(const TokenRun& run)>;
  // fraction in [0, 1].
  HeldOutSplit(const HeldOutRule& rule, Sink train, Sink heldout);

  // Whether the fraction alone holds this section out.
  [[nodiscard]] bool is_below_fraction(uint64_t draw) const;
  // Fail with a sink's error.
  [[nodiscard]] Status add(uint64_t draw, TokenRun run);
  // Passes on what was kept back; call once, after the last section.
  [[nodiscard]] Status finish();

 private:
  struct Kept {
    uint64_t draw = 0;
    uint64_t order = 0;
    TokenRun run;
    bool operator<(const Kept& other) const {
      return draw != other.draw ? draw < other.draw : order < other.order;
    }
  };
  // Passes on to training what is kept back and not needed for so many held-out tokens.
  [[nodiscard]] Status release_beyond(uint64_t tokens);

  HeldOutRule rule_;
  Sink train_;
  Sink heldout_;
  std::priority_queue<Kept> kept_;  // the largest draw on top
  uint64_t kept_tokens_ = 0;
  uint64_t held_out_tokens_ = 0;
  uint64_t all_tokens_ = 0;
  uint64_t order_ = 0;
};

}  // namespace templar
