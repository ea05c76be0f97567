#include "app/terminal/text_stream.h"

#include <algorithm>

namespace templar {
namespace {

constexpr size_t kContextTokens = 8;
constexpr std::string_view kReplacement =
    "\xef\xbf\xbd";  // what decoders write for bytes that are no character
constexpr size_t kMaxCharacterBytes = 4;

bool ends_inside_character(std::string_view text) {
  if (text.ends_with(kReplacement)) return true;
  for (size_t back = 1; back <= std::min(text.size(), kMaxCharacterBytes - 1); ++back) {
    const auto byte = static_cast<uint8_t>(text[text.size() - back]);
    if ((byte & 0xc0) == 0x80) continue;
    const size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back;
  }
  return false;
}

}  // namespace

TextStream::TextStream(const Tokenizer& tokenizer, std::span<const uint32_t> prompt) : tokenizer_(tokenizer) {
  const auto context = prompt.last(std::min(prompt.size(), kContextTokens));
  window_.assign(context.begin(), context.end());
  given_ = window_.size();
}

std::string TextStream::pending() const {
  const std::string before = tokenizer_.decode(std::span(window_).first(given_));
  std::string all = tokenizer_.decode(window_);
  const auto parting = std::ranges::mismatch(before, all);
  all.erase(all.begin(), parting.in2);
  return all;
}

std::string TextStream::append(uint32_t token) {
  window_.push_back(token);
  std::string text = pending();
  const size_t taken = window_.size() - given_;
  // More tokens than a character has bytes are no character any more.
  if (ends_inside_character(text) && taken <= kMaxCharacterBytes) return {};
  const size_t kept = std::min(given_, kContextTokens);
  window_.erase(window_.begin(), window_.begin() + static_cast<std::ptrdiff_t>(given_ - kept));
  given_ = kept + taken;
  return text;
}

std::string TextStream::finish() {
  std::string text = pending();
  given_ = window_.size();
  return text;
}

}  // namespace templar
