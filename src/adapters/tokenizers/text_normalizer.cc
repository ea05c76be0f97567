#include "adapters/tokenizers/text_normalizer.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/uniset.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <utility>

#include "adapters/tokenizers/new_characters.h"
#include "base/check.h"

namespace templar {
namespace {

constexpr char32_t kCapitalIWithDot = 0x130;  // the only letter whose small form is two characters

// ICU takes lengths of 31 bits; NFKD makes a character up to eleven times as long.
constexpr size_t kLargestPart = size_t{1} << 26;

void append_character(std::string& text, char32_t character) {
  std::array<char, 4> bytes{};
  int32_t size = 0;
  U8_APPEND_UNSAFE(bytes.data(), size, character);
  text.append(bytes.data(), static_cast<size_t>(size));
}

// The character at `at`, which moves behind it.
char32_t next_character(std::string_view text, size_t& at) {
  char32_t character = 0;
  U8_NEXT_UNSAFE(text.data(), at, character);
  return character;
}

const icu::Normalizer2* newest_form(TokenizerJson::UnicodeForm form, UErrorCode& error) {
  switch (form) {
    case TokenizerJson::UnicodeForm::kNfc:
      return icu::Normalizer2::getNFCInstance(error);
    case TokenizerJson::UnicodeForm::kNfd:
      return icu::Normalizer2::getNFDInstance(error);
    case TokenizerJson::UnicodeForm::kNfkc:
      return icu::Normalizer2::getNFKCInstance(error);
    case TokenizerJson::UnicodeForm::kNfkd:
      return icu::Normalizer2::getNFKDInstance(error);
  }
  return nullptr;
}

// As of Unicode 9, which is what the tokenizers library counts by: later characters stay as they are.
const icu::Normalizer2& form_of(TokenizerJson::UnicodeForm form) {
  static const auto kCharacters = [] {
    UErrorCode error = U_ZERO_ERROR;
    auto set = std::make_unique<icu::UnicodeSet>(u"[:age=9.0:]", error);
    CHECK(U_SUCCESS(error));  // ICU's own data are in its library
    set->freeze();
    return set;
  }();
  static const auto kForms = [] {
    std::map<TokenizerJson::UnicodeForm, icu::FilteredNormalizer2> forms;
    using enum TokenizerJson::UnicodeForm;
    for (const TokenizerJson::UnicodeForm each : {kNfc, kNfd, kNfkc, kNfkd}) {
      UErrorCode error = U_ZERO_ERROR;
      const icu::Normalizer2* newest = newest_form(each, error);
      CHECK(U_SUCCESS(error) && newest != nullptr);
      forms.try_emplace(each, *newest, *kCharacters);
    }
    return forms;
  }();
  return kForms.at(form);
}

bool is_ascii(char byte) {
  return static_cast<signed char>(byte) >= 0;
}

// Bytes of the text that can be brought into a form by themselves: no form reaches across the begin of an
// ASCII character. Where a large part has none, it ends with any character.
size_t part_size(std::string_view text) {
  if (text.size() <= kLargestPart) return text.size();
  size_t size = kLargestPart;
  while (size > 0 && !is_ascii(text[size])) --size;
  if (size > 0) return size;
  for (size = kLargestPart; (text[size] & 0xc0) == 0x80;) --size;
  return size;
}

std::string in_form(TokenizerJson::UnicodeForm form, std::string_view text) {
  if (std::ranges::all_of(text, is_ascii)) return std::string(text);
  const icu::Normalizer2& normalizer = form_of(form);
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::string_view part = text.substr(0, part_size(text));
    UErrorCode error = U_ZERO_ERROR;
    icu::StringByteSink<std::string> sink(&out);
    normalizer.normalizeUTF8(0, {part.data(), static_cast<int32_t>(part.size())}, sink, nullptr, error);
    CHECK(U_SUCCESS(error));
    text.remove_prefix(part.size());
  }
  return out;
}

std::string in_small_letters(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const char32_t character = next_character(text, at);
    if (character == kCapitalIWithDot) {
      out += "i\xcc\x87";
    } else if (const char32_t small = new_small_letter(character); small != 0) {
      append_character(out, small);
    } else {
      append_character(out, static_cast<char32_t>(u_tolower(static_cast<UChar32>(character))));
    }
  }
  return out;
}

std::string_view stripped_as(const TokenizerJson::Strip& strip, std::string_view text) {
  if (strip.left) text.remove_prefix(leading_space_bytes(text));
  if (strip.right) text.remove_suffix(trailing_space_bytes(text));
  return text;
}

std::string with_replaced(const TokenPattern& pattern, std::string_view content, std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const TextSpan& span : pattern.spans(text))
    out += span.is_match ? content : text.substr(span.begin, span.end - span.begin);
  return out;
}

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

}  // namespace

Result<TextNormalizer> TextNormalizer::make(std::span<const TokenizerJson::Normalizer> steps) {
  TextNormalizer normalizer;
  for (const auto& step : steps) {
    if (const auto* replace = std::get_if<TokenizerJson::Replace>(&step)) {
      TRY_ASSIGN(TokenPattern pattern, TokenPattern::compile(replace->pattern));
      normalizer.steps_.emplace_back(Replacement{std::move(pattern), replace->content});
    } else if (const auto* form = std::get_if<TokenizerJson::UnicodeForm>(&step)) {
      normalizer.steps_.emplace_back(*form);
    } else if (const auto* prepend = std::get_if<TokenizerJson::Prepend>(&step)) {
      normalizer.steps_.emplace_back(*prepend);
    } else if (const auto* strip = std::get_if<TokenizerJson::Strip>(&step)) {
      normalizer.steps_.emplace_back(*strip);
    } else {
      normalizer.steps_.emplace_back(TokenizerJson::Lowercase{});
    }
  }
  return normalizer;
}

std::string TextNormalizer::normalized(std::string_view text) const {
  std::string result(text);
  for (const Step& step : steps_) {
    result = std::visit(
        Overloaded{
            [&](TokenizerJson::UnicodeForm form) { return in_form(form, result); },
            [&](const TokenizerJson::Lowercase&) { return in_small_letters(result); },
            [&](const TokenizerJson::Prepend& prepend) {
              return result.empty() ? result : prepend.text + result;
            },
            [&](const Replacement& replace) {
              return with_replaced(replace.pattern, replace.content, result);
            },
            [&](const TokenizerJson::Strip& strip) { return std::string(stripped_as(strip, result)); },
        },
        step);
  }
  return result;
}

std::string with_replacements(std::string_view text) {
  constexpr char32_t kReplacement = 0xfffd;
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (size_t at = 0; at < text.size();) {
    UChar32 character = 0;
    U8_NEXT(text.data(), at, text.size(), character);
    append_character(out, character < 0 ? kReplacement : static_cast<char32_t>(character));
  }
  return out;
}

size_t leading_space_bytes(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    size_t next = at;
    if (!u_isUWhiteSpace(static_cast<UChar32>(next_character(text, next)))) break;
    at = next;
  }
  return at;
}

size_t trailing_space_bytes(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    size_t before = end;
    char32_t character = 0;
    U8_PREV_UNSAFE(text.data(), before, character);
    if (!u_isUWhiteSpace(static_cast<UChar32>(character))) break;
    end = before;
  }
  return text.size() - end;
}

char32_t first_character(std::string_view text) {
  size_t at = 0;
  return text.empty() ? 0 : next_character(text, at);
}

char32_t last_character(std::string_view text) {
  size_t end = text.size();
  char32_t character = 0;
  if (!text.empty()) U8_PREV_UNSAFE(text.data(), end, character);
  return character;
}

bool is_mark(std::string_view text) {
  UChar32 character = 0;
  size_t at = 0;
  U8_NEXT(text.data(), at, text.size(), character);
  return character >= 0 && (U_GET_GC_MASK(character) & U_GC_M_MASK) != 0;
}

bool is_word_character(char32_t character) {
  const auto code_point = static_cast<UChar32>(character);
  constexpr uint32_t kMarksDigitsConnectors = U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK;
  return u_isUAlphabetic(code_point) || (U_GET_GC_MASK(code_point) & kMarksDigitsConnectors) != 0 ||
         u_hasBinaryProperty(code_point, UCHAR_JOIN_CONTROL);
}

}  // namespace templar
