#include "adapters/tokenizers/token_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <array>

#include "adapters/tokenizers/oniguruma_pattern.h"
#include "base/check.h"
#include "base/utf8.h"

namespace templar {
namespace {

struct FreeMatch {
  void operator()(pcre2_match_data* match) const { pcre2_match_data_free(match); }
};
struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};

PCRE2_SPTR units(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR>(text.data());
}

std::string message_of(int error) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  pcre2_get_error_message(error, buffer.data(), buffer.size());
  return reinterpret_cast<const char*>(buffer.data());
}

class Spans {
 public:
  explicit Spans(size_t text_size) : text_size_(text_size) { spans_.reserve(text_size / 4 + 2); }

  void add_match(size_t begin, size_t end) {
    if (begin > done_) spans_.push_back({done_, begin, false});
    spans_.push_back({begin, end, true});
    done_ = end;
  }
  [[nodiscard]] std::vector<TextSpan> finish() && {
    if (done_ < text_size_) spans_.push_back({done_, text_size_, false});
    return std::move(spans_);
  }

 private:
  size_t text_size_;
  size_t done_ = 0;
  std::vector<TextSpan> spans_;
};

}  // namespace

struct TokenPattern::Compiled {
  std::unique_ptr<pcre2_code, FreeCode> code;
  bool has_machine_code = false;

  // Whether there is a match at or after `from`; it is in the match data then.
  [[nodiscard]] bool search(std::string_view text, size_t from, pcre2_match_data* match) const {
    int found = PCRE2_ERROR_JIT_STACKLIMIT;
    if (has_machine_code)
      found = pcre2_jit_match(code.get(), units(text), text.size(), from, 0, match, nullptr);
    // Machine code has a small stack; the interpreter takes what memory it needs.
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
      found = pcre2_match(code.get(), units(text), text.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                          match, nullptr);
    return found > 0;
  }
};

TokenPattern::TokenPattern(std::string literal) : literal_(std::move(literal)) {}
TokenPattern::TokenPattern(TokenPattern&& other) noexcept = default;
TokenPattern& TokenPattern::operator=(TokenPattern&& other) noexcept = default;
TokenPattern::~TokenPattern() = default;

Result<TokenPattern> TokenPattern::compile(const TokenizerJson::Pattern& pattern) {
  if (!pattern.is_regex) return TokenPattern(pattern.text);
  const auto translated = translate_oniguruma(pattern.text);
  if (!translated) return annotate(translated.error(), "the pattern " + pattern.text);
  int error = 0;
  size_t position = 0;
  auto compiled = std::make_unique<Compiled>();
  compiled->code.reset(pcre2_compile(units(*translated), translated->size(),
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NO_AUTO_CAPTURE, &error,
                                     &position, nullptr));
  if (compiled->code == nullptr) return fatal_error("the pattern " + pattern.text + ": " + message_of(error));
  compiled->has_machine_code = pcre2_jit_compile(compiled->code.get(), PCRE2_JIT_COMPLETE) == 0;
  TokenPattern result{std::string()};
  result.compiled_ = std::move(compiled);
  return result;
}

std::vector<TextSpan> TokenPattern::spans(std::string_view text) const {
  Spans spans(text.size());
  if (compiled_ == nullptr) {
    for (size_t at = text.find(literal_); at != std::string_view::npos;
         at = text.find(literal_, at + literal_.size()))
      spans.add_match(at, at + literal_.size());
    return std::move(spans).finish();
  }
  const std::unique_ptr<pcre2_match_data, FreeMatch> match(
      pcre2_match_data_create_from_pattern(compiled_->code.get(), nullptr));
  CHECK(match != nullptr);
  const size_t* ends = pcre2_get_ovector_pointer(match.get());
  std::optional<size_t> last_end;
  size_t from = 0;
  while (from <= text.size() && compiled_->search(text, from, match.get())) {
    const size_t begin = ends[0];
    const size_t end = std::max(ends[0], ends[1]);
    if (begin == end && last_end == end) {
      // An empty match right behind another one counts as none: the search goes on a character later.
      if (end == text.size()) break;
      from = end + std::max<size_t>(utf8_character_size(text.substr(end)), 1);
      continue;
    }
    spans.add_match(begin, end);
    from = end;
    last_end = end;
  }
  return std::move(spans).finish();
}

}  // namespace templar
