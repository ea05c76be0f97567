#include "adapters/tokenizers/byte_pair_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <queue>
#include <utility>

#include "adapters/tokenizers/text_normalizer.h"
#include "base/utf8.h"
#include "ports/byte_level.h"

namespace templar {
namespace {

// Up to so many symbols the best pair is looked for among all of them, without a queue.
constexpr size_t kFewSymbols = 48;
constexpr uint32_t kNoRank = ~uint32_t{0};

size_t character_size(std::string_view text) {
  return std::max<size_t>(utf8_character_size(text), 1);
}

// A place where two neighbours may be merged.
struct Candidate {
  uint32_t rank = 0;
  uint32_t left = 0;  // index of the left symbol
  uint32_t merged = 0;

  // The queue gives the largest first.
  bool operator<(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : left > other.left;
  }
};

}  // namespace

BytePairEncoder::BytePairEncoder(const TokenizerJson& tokenizer, uint32_t never)
    : is_byte_level_(tokenizer.is_byte_level()),
      ignore_merges_(tokenizer.ignore_merges),
      fuse_unknown_(tokenizer.fuse_unknown),
      itself_(tokenizer.vocab.size()) {
  size_t bytes = 0;
  for (const auto& text : tokenizer.vocab) bytes += text ? text->size() : 0;
  texts_.reserve(tokenizer.vocab.size(), bytes);
  for (size_t i = 0; i < tokenizer.vocab.size(); ++i) {
    const auto id = static_cast<uint32_t>(i);
    if (!tokenizer.vocab[i] || id == never) continue;
    if (!is_byte_level_) {
      texts_.put(*tokenizer.vocab[i], id);
    } else if (const auto decoded = byte_level_bytes(*tokenizer.vocab[i])) {
      texts_.put(*decoded, id);
    }
  }
  merges_.reserve(tokenizer.merges.size());
  for (size_t rank = 0; rank < tokenizer.merges.size(); ++rank) {
    const TokenizerJson::Merge& merge = tokenizer.merges[rank];
    if (merge.left == never || merge.right == never || merge.merged == never) continue;
    merges_.put(merge.left, merge.right, {static_cast<uint32_t>(rank), merge.merged});
  }
  for (uint32_t byte = 0; byte < byte_symbols_.size(); ++byte) {
    const char character = static_cast<char>(byte);
    byte_symbols_[byte] = is_byte_level_            ? texts_.find({&character, 1})
                          : tokenizer.byte_fallback ? texts_.find(fmt::format("<0x{:02X}>", byte))
                                                    : std::nullopt;
    has_all_bytes_ &= byte_symbols_[byte].has_value();
  }
  if (tokenizer.unknown && *tokenizer.unknown != never) unknown_ = tokenizer.unknown;
  if (!is_byte_level_) find_seams(tokenizer);
}

void BytePairEncoder::find_seams(const TokenizerJson& tokenizer) {
  for (const TokenizerJson::Merge& merge : tokenizer.merges) {
    const char32_t before = last_character(*tokenizer.vocab[merge.left]);
    const char32_t after = first_character(*tokenizer.vocab[merge.right]);
    joints_.put(before, after, {});
    if (before < 128 && after < 128) ascii_joints_[before * 128 + after] = true;
  }
}

bool BytePairEncoder::is_seam(std::string_view before, std::string_view after) const {
  const auto first = static_cast<uint8_t>(before.front());
  const auto second = static_cast<uint8_t>(after.front());
  const bool joins = first < 128 && second < 128
                         ? ascii_joints_[first * size_t{128} + second]
                         : joints_.find(first_character(before), first_character(after)) != nullptr;
  // Unknown characters beside each other may become one token.
  return !joins && texts_.find(before) && texts_.find(after);
}

void BytePairEncoder::append(std::string_view piece, std::vector<uint32_t>& ids) const {
  if (ignore_merges_) {
    if (const auto id = texts_.find(piece)) {
      ids.push_back(*id);
      return;
    }
  }
  if (is_byte_level_) return append_section(piece, ids);
  std::string_view before;
  size_t begin = 0;
  for (size_t at = 0; at < piece.size();) {
    const std::string_view character = piece.substr(at, character_size(piece.substr(at)));
    if (!before.empty() && is_seam(before, character)) {
      append_section(piece.substr(begin, at - begin), ids);
      begin = at;
    }
    before = character;
    at += character.size();
  }
  append_section(piece.substr(begin), ids);
}

void BytePairEncoder::append_section(std::string_view section, std::vector<uint32_t>& ids) const {
  const auto id = texts_.find(section);
  if (!id) return append_merged(section, ids);
  std::atomic<Itself>& itself = itself_[*id];
  const Itself known = itself.load(std::memory_order_relaxed);
  if (known == Itself::kYes) {
    ids.push_back(*id);
    return;
  }
  const size_t before = ids.size();
  append_merged(section, ids);
  if (known == Itself::kUnknown) {
    const bool is_itself = ids.size() == before + 1 && ids.back() == *id;
    itself.store(is_itself ? Itself::kYes : Itself::kNo, std::memory_order_relaxed);
  }
}

void BytePairEncoder::append_merged(std::string_view section, std::vector<uint32_t>& ids) const {
  std::vector<uint32_t> symbols;
  symbols.reserve(section.size());
  append_symbols(section, symbols);
  if (symbols.size() <= kFewSymbols) {
    merge_few(symbols);
  } else {
    merge_many(symbols);
  }
  ids.insert(ids.end(), symbols.begin(), symbols.end());
}

void BytePairEncoder::append_symbols(std::string_view section, std::vector<uint32_t>& symbols) const {
  if (is_byte_level_ && has_all_bytes_) {
    for (const char byte : section) symbols.push_back(*byte_symbols_[static_cast<uint8_t>(byte)]);
    return;
  }
  std::optional<uint32_t> unknown;  // waits for the character that ends a row of unknown ones
  while (!section.empty()) {
    const std::string_view character = section.substr(0, is_byte_level_ ? 1 : character_size(section));
    section.remove_prefix(character.size());
    if (const auto id = texts_.find(character)) {
      if (unknown) symbols.push_back(*std::exchange(unknown, std::nullopt));
      symbols.push_back(*id);
    } else {
      append_bytes_or_unknown(character, unknown, symbols);
    }
  }
  if (unknown) symbols.push_back(*unknown);
}

// As the original does it, bytes overtake the unknown character that waits.
void BytePairEncoder::append_bytes_or_unknown(std::string_view character, std::optional<uint32_t>& unknown,
                                              std::vector<uint32_t>& symbols) const {
  const auto symbol = [&](char byte) { return byte_symbols_[static_cast<uint8_t>(byte)]; };
  if (!is_byte_level_ &&
      std::ranges::all_of(character, [&](char byte) { return symbol(byte).has_value(); })) {
    for (const char byte : character) symbols.push_back(*symbol(byte));
    return;
  }
  if (!unknown_) return;
  if (unknown && !fuse_unknown_) symbols.push_back(*unknown);
  unknown = unknown_;
}

void BytePairEncoder::merge_few(std::vector<uint32_t>& symbols) const {
  std::array<PairTable::Value, kFewSymbols> pairs;  // of a symbol and the next one
  const auto pair_at = [&](size_t i) {
    const auto* found = merges_.find(symbols[i], symbols[i + 1]);
    return found == nullptr ? PairTable::Value{kNoRank, 0} : *found;
  };
  size_t count = symbols.size();
  for (size_t i = 0; i + 1 < count; ++i) pairs[i] = pair_at(i);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == kNoRank) break;
    symbols[best] = pairs[best].merged;
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(best) + 1);
    std::copy(pairs.begin() + best + 1, pairs.begin() + count - 1, pairs.begin() + best);
    --count;
    if (best + 1 < count) pairs[best] = pair_at(best);
    if (best > 0) pairs[best - 1] = pair_at(best - 1);
  }
}

void BytePairEncoder::merge_many(std::vector<uint32_t>& symbols) const {
  constexpr uint32_t kNone = ~uint32_t{0};
  const auto count = static_cast<uint32_t>(symbols.size());
  std::vector<uint32_t> previous(count);
  std::vector<uint32_t> next(count);
  for (uint32_t i = 0; i < count; ++i) {
    previous[i] = i == 0 ? kNone : i - 1;
    next[i] = i + 1 < count ? i + 1 : kNone;
  }
  std::vector<Candidate> storage;
  storage.reserve(symbols.size());
  std::priority_queue<Candidate> queue(std::less<Candidate>(), std::move(storage));
  const auto consider = [&](uint32_t left) {
    if (left == kNone || next[left] == kNone) return;
    if (const auto* found = merges_.find(symbols[left], symbols[next[left]]))
      queue.push({found->rank, left, found->merged});
  };
  for (uint32_t i = 0; i + 1 < count; ++i) consider(i);
  constexpr uint32_t kGone = kNone;
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    if (symbols[best.left] == kGone || next[best.left] == kNone) continue;
    // One of the two may have been merged with another since.
    const auto* found = merges_.find(symbols[best.left], symbols[next[best.left]]);
    if (found == nullptr || found->rank != best.rank) continue;
    const uint32_t right = next[best.left];
    symbols[best.left] = best.merged;
    symbols[right] = kGone;
    next[best.left] = next[right];
    if (next[right] != kNone) previous[next[right]] = best.left;
    consider(best.left);
    consider(previous[best.left]);
  }
  std::erase(symbols, kGone);
}

}  // namespace templar
