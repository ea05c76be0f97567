#include "adapters/corpus/held_out_split.h"

#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/hash.h"

namespace templar {

uint64_t held_out_draw(uint64_t seed, std::string_view text) {
  std::array<uint8_t, 16> digest{};
  Blake2b(digest.size())
      .update_value(seed)
      .update(as_bytes("held out"))
      .update(as_bytes(text))
      .finish(digest);
  uint64_t draw;
  std::memcpy(&draw, digest.data(), sizeof(draw));
  return draw;
}

HeldOutSplit::HeldOutSplit(const HeldOutRule& rule, Sink train, Sink heldout)
    : rule_(rule), train_(std::move(train)), heldout_(std::move(heldout)) {
  CHECK(rule.fraction >= 0 && rule.fraction <= 1);
}

bool HeldOutSplit::is_below_fraction(uint64_t draw) const {
  return static_cast<double>(draw >> 11) * 0x1.0p-53 < rule_.fraction;
}

Status HeldOutSplit::release_largest() {
  // priority_queue gives its top only for reading; it is popped right after.
  const std::vector<uint32_t> tokens = std::move(const_cast<Kept&>(kept_.top()).tokens);
  kept_.pop();
  kept_tokens_ -= tokens.size();
  return train_(tokens);
}

Status HeldOutSplit::add(uint64_t draw, std::vector<uint32_t> tokens) {
  if (is_below_fraction(draw)) {
    held_out_tokens_ += tokens.size();
    TRY(heldout_(tokens));
  } else if (has_enough()) {
    TRY(train_(tokens));
  } else {
    kept_tokens_ += tokens.size();
    kept_.push({draw, order_++, std::move(tokens)});
  }
  // Those on top are not needed as long as the ones below them suffice.
  while (!kept_.empty() &&
         held_out_tokens_ + kept_tokens_ - kept_.top().tokens.size() >= rule_.least_tokens) {
    TRY(release_largest());
  }
  return {};
}

Status HeldOutSplit::finish() {
  while (!kept_.empty()) {
    const std::vector<uint32_t> tokens = std::move(const_cast<Kept&>(kept_.top()).tokens);
    kept_.pop();
    held_out_tokens_ += tokens.size();
    TRY(heldout_(tokens));
  }
  return {};
}

}  // namespace templar
