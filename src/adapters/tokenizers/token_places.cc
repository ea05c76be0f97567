#include "adapters/tokenizers/token_places.h"

#include <algorithm>
#include <string>
#include <utility>

#include "adapters/tokenizers/text_normalizer.h"
#include "base/utf8.h"

namespace templar {
namespace {

bool separates_words(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// A word with the space before it: what a tokenizer changes it changes within.
size_t word_size(std::string_view text) {
  size_t size = 0;
  while (size < text.size() && separates_words(text[size])) ++size;
  while (size < text.size() && !separates_words(text[size])) ++size;
  return size;
}

// A character with the marks upon it: within a word, most changes are within one.
size_t cluster_size(std::string_view text) {
  const auto next_size = [&](size_t at) { return std::max<size_t>(utf8_character_size(text.substr(at)), 1); };
  size_t size = next_size(0);
  while (size < text.size() && is_mark(text.substr(size))) size += next_size(size);
  return size;
}

// Where the ids begin in the decoded text, and its size at last.
std::vector<size_t> decoded_begins(std::span<const uint32_t> sizes, std::span<const uint32_t> ids,
                                   size_t decoded_size) {
  std::vector<size_t> begins;
  begins.reserve(ids.size() + 1);
  size_t at = 0;
  for (const uint32_t id : ids) {
    begins.push_back(at);
    at += id < sizes.size() ? sizes[id] : 0;
  }
  begins.push_back(at);
  // A space that is put before a text does not come back.
  if (decoded_size >= at) return begins;
  const size_t missing = at - decoded_size;
  for (size_t& begin : begins) begin -= std::min(begin, missing);
  return begins;
}

// Of positions in the decoded text, in their order, those in the text itself.
class WordMap {
 public:
  WordMap(const Tokenizer& tokenizer, std::string_view text) {
    size_t source = 0;
    while (source < text.size()) {
      const std::string_view word = text.substr(source, word_size(text.substr(source)));
      const std::string decoded = decoded_of(tokenizer, word);
      if (decoded == word || !add_clusters(tokenizer, word, decoded.size(), source))
        add(word, decoded, source);
      source += word.size();
    }
    add({}, {}, source);
  }

  [[nodiscard]] size_t decoded_size() const { return decoded_size_; }
  [[nodiscard]] size_t source_of(size_t decoded) {
    while (next_ < words_.size() && words_[next_].decoded <= decoded) ++next_;
    const Word& word = words_[next_ - 1];
    const size_t offset = decoded - word.decoded;
    if (offset + word.suffix >= word.decoded_size)
      return word.source + word.source_size - std::min(word.decoded_size - offset, word.source_size);
    return word.source + std::min(offset, word.source_size - std::max<size_t>(word.suffix, 1));
  }

 private:
  struct Word {
    size_t decoded = 0;  // where it begins
    size_t decoded_size = 0;
    size_t source = 0;
    size_t source_size = 0;
    size_t suffix = 0;  // bytes that it ends with in both
  };

  static std::string decoded_of(const Tokenizer& tokenizer, std::string_view text) {
    return tokenizer.decode(tokenizer.encode(text));
  }

  // False, and nothing is added, where they don't decode to what the word does.
  [[nodiscard]] bool add_clusters(const Tokenizer& tokenizer, std::string_view word, size_t decoded_size,
                                  size_t source) {
    std::vector<std::pair<std::string_view, std::string>> clusters;
    size_t total = 0;
    for (std::string_view rest = word; !rest.empty(); rest.remove_prefix(clusters.back().first.size())) {
      const std::string_view cluster = rest.substr(0, cluster_size(rest));
      clusters.emplace_back(cluster, decoded_of(tokenizer, cluster));
      total += clusters.back().second.size();
    }
    if (total != decoded_size) return false;
    for (const auto& [cluster, decoded] : clusters) {
      add(cluster, decoded, source);
      source += cluster.size();
    }
    return true;
  }

  void add(std::string_view word, std::string_view decoded, size_t source) {
    const size_t most = std::min(word.size(), decoded.size());
    size_t suffix = 0;
    while (suffix < most && word[word.size() - 1 - suffix] == decoded[decoded.size() - 1 - suffix]) ++suffix;
    words_.push_back({.decoded = decoded_size_,
                      .decoded_size = decoded.size(),
                      .source = source,
                      .source_size = word.size(),
                      .suffix = suffix});
    decoded_size_ += decoded.size();
  }

  std::vector<Word> words_;
  size_t next_ = 0;
  size_t decoded_size_ = 0;
};

}  // namespace

std::vector<size_t> token_begins(const Tokenizer& tokenizer, std::span<const uint32_t> sizes,
                                 std::string_view text, std::span<const uint32_t> ids) {
  if (text.empty()) return std::vector<size_t>(ids.size(), 0);
  const std::string decoded = tokenizer.decode(ids);
  std::vector<size_t> begins = decoded_begins(sizes, ids, decoded.size());
  const size_t decoded_size = begins.back();
  begins.pop_back();
  if (decoded != text || decoded_size != text.size()) {
    WordMap words(tokenizer, text);
    for (size_t& begin : begins) {
      begin = words.decoded_size() == decoded_size ? words.source_of(begin)
                                                   : begin * text.size() / std::max<size_t>(decoded_size, 1);
    }
  }
  // Each begins within the text, also one that stands for nothing of it.
  for (size_t& begin : begins) begin = std::min(begin, text.size() - 1);
  return begins;
}

}  // namespace templar
