#include "adapters/corpus/held_out_split.h"

#include <algorithm>
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

Status HeldOutSplit::release_beyond(uint64_t tokens) {
  // Those on top are not needed as long as the ones below them suffice.
  while (!kept_.empty() && held_out_tokens_ + kept_tokens_ - kept_.top().run.tokens.size() >= tokens) {
    // priority_queue gives its top only for reading; it is popped right after.
    const TokenRun run = std::move(const_cast<Kept&>(kept_.top()).run);
    kept_.pop();
    kept_tokens_ -= run.tokens.size();
    TRY(train_(run));
  }
  return {};
}

Status HeldOutSplit::add(uint64_t draw, TokenRun run) {
  all_tokens_ += run.tokens.size();
  if (is_below_fraction(draw)) {
    held_out_tokens_ += run.tokens.size();
    TRY(heldout_(run));
  } else if (held_out_tokens_ >= rule_.wanted_tokens) {
    TRY(train_(run));
  } else {
    kept_tokens_ += run.tokens.size();
    kept_.push({draw, order_++, std::move(run)});
  }
  return release_beyond(rule_.wanted_tokens);
}

Status HeldOutSplit::finish() {
  constexpr uint64_t kMostShare = 4;
  TRY(release_beyond(std::min(rule_.wanted_tokens, std::max(all_tokens_ / kMostShare, rule_.least_tokens))));
  while (!kept_.empty()) {
    const TokenRun run = std::move(const_cast<Kept&>(kept_.top()).run);
    kept_.pop();
    TRY(heldout_(run));
  }
  return {};
}

}  // namespace templar
