#include "adapters/tokenizers/text_part.h"

#include <algorithm>
#include <iterator>

namespace templar {

PlacedTokens::const_iterator first_from(const PlacedTokens& tokens, size_t position) {
  return std::ranges::lower_bound(tokens, position, {}, &PlacedToken::begin);
}

TextPart::TextPart(std::string_view before, std::string_view text, std::string_view after)
    : begin_(before.size()), end_(before.size() + text.size()) {
  whole_ = before;
  whole_ += text;
  whole_ += after;
}

EncodedText TextPart::of(const PlacedTokens& tokens) const {
  const auto first = begin_ == 0 ? tokens.begin() : first_from(tokens, begin_);
  const auto last = end_ == whole_.size() ? tokens.end() : first_from(tokens, end_);
  EncodedText encoded;
  // What stands before the first id, such as dropped spaces or the rest of a token that began earlier, counts
  // to it.
  size_t counted = begin_;
  for (auto token = first; token < last; ++token) {
    const auto next = std::next(token);
    const size_t until = next == tokens.end() ? end_ : std::clamp(next->begin, counted, end_);
    encoded.ids.push_back(token->id);
    encoded.source_bytes.push_back(static_cast<uint32_t>(until - counted));
    counted = until;
  }
  return encoded;
}

}  // namespace templar
