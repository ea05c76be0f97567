#include "adapters/tokenizers/token_places.h"

#include <algorithm>

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

// Where the ids begin in the decoded text, and its size at last.
std::vector<size_t> decoded_begins(const Tokenizer& tokenizer, std::span<const uint32_t> sizes,
                                   std::span<const uint32_t> ids) {
  std::vector<size_t> begins;
  begins.reserve(ids.size() + 1);
  size_t at = 0;
  for (const uint32_t id : ids) {
    begins.push_back(at);
    at += id < sizes.size() ? sizes[id] : 0;
  }
  begins.push_back(at);
  // A space that is put before a text does not come back.
  const size_t decoded = tokenizer.decode(ids).size();
  if (decoded >= at) return begins;
  const size_t missing = at - decoded;
  for (size_t& begin : begins) begin -= std::min(begin, missing);
  return begins;
}

// Of positions in the decoded text, in their order, those in the text itself.
class WordMap {
 public:
  WordMap(const Tokenizer& tokenizer, std::string_view text) : text_size_(text.size()) {
    size_t source = 0;
    while (source < text.size()) {
      words_.push_back({decoded_size_, source});
      const std::string_view word = text.substr(source, word_size(text.substr(source)));
      decoded_size_ += tokenizer.decode(tokenizer.encode(word)).size();
      source += word.size();
    }
    words_.push_back({decoded_size_, text.size()});
  }

  [[nodiscard]] size_t decoded_size() const { return decoded_size_; }
  [[nodiscard]] size_t source_of(size_t decoded) {
    while (next_ < words_.size() && words_[next_].decoded <= decoded) ++next_;
    const Word& word = words_[next_ - 1];
    const size_t end = next_ < words_.size() ? words_[next_].source : text_size_;
    return std::min(word.source + (decoded - word.decoded), end);
  }

 private:
  struct Word {
    size_t decoded = 0;
    size_t source = 0;
  };

  std::vector<Word> words_;
  size_t next_ = 0;
  size_t decoded_size_ = 0;
  size_t text_size_;
};

}  // namespace

std::vector<size_t> token_begins(const Tokenizer& tokenizer, std::span<const uint32_t> sizes,
                                 std::string_view text, std::span<const uint32_t> ids) {
  std::vector<size_t> begins = decoded_begins(tokenizer, sizes, ids);
  const size_t decoded_size = begins.back();
  begins.pop_back();
  if (decoded_size == text.size()) return begins;
  WordMap words(tokenizer, text);
  for (size_t& begin : begins) {
    begin = words.decoded_size() == decoded_size ? words.source_of(begin)
                                                 : begin * text.size() / std::max<size_t>(decoded_size, 1);
    begin = std::min(begin, text.size());
  }
  return begins;
}

}  // namespace templar
