#include "adapters/tokenizers/pre_tokenizer.h"

#include <algorithm>
#include <utility>

namespace templar {
namespace {

using Behaviour = TokenizerJson::SplitBehaviour;

constexpr const char* kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// A match goes to the span before it, unless that is a match too.
std::vector<TextSpan> merged_with_previous(std::span<const TextSpan> spans) {
  std::vector<TextSpan> merged;
  bool was_match = false;
  for (const TextSpan& span : spans) {
    if (span.is_match && !was_match && !merged.empty()) {
      merged.back().end = span.end;
    } else {
      merged.push_back(span);
    }
    was_match = span.is_match;
  }
  return merged;
}

std::vector<TextSpan> merged_with_next(std::span<const TextSpan> spans) {
  std::vector<TextSpan> merged;
  bool was_match = false;
  for (size_t i = spans.size(); i > 0; --i) {
    const TextSpan& span = spans[i - 1];
    if (span.is_match && !was_match && !merged.empty()) {
      merged.back().begin = span.begin;
    } else {
      merged.push_back(span);
    }
    was_match = span.is_match;
  }
  std::ranges::reverse(merged);
  return merged;
}

std::vector<TextSpan> contiguous(std::span<const TextSpan> spans) {
  std::vector<TextSpan> merged;
  bool was_match = false;
  for (const TextSpan& span : spans) {
    if (span.is_match == was_match && !merged.empty()) {
      merged.back().end = span.end;
    } else {
      merged.push_back(span);
    }
    was_match = span.is_match;
  }
  return merged;
}

std::vector<TextSpan> rearranged(std::vector<TextSpan> spans, Behaviour behaviour) {
  switch (behaviour) {
    case Behaviour::kRemoved:
      std::erase_if(spans, [](const TextSpan& span) { return span.is_match; });
      return spans;
    case Behaviour::kIsolated:
      return spans;
    case Behaviour::kMergedWithPrevious:
      return merged_with_previous(spans);
    case Behaviour::kMergedWithNext:
      return merged_with_next(spans);
    case Behaviour::kContiguous:
      return contiguous(spans);
  }
  return spans;
}

void append_spans(std::string_view text, std::span<const TextSpan> spans,
                  std::vector<std::string_view>& pieces) {
  for (const TextSpan& span : spans) {
    if (span.end > span.begin) pieces.push_back(text.substr(span.begin, span.end - span.begin));
  }
}

std::string with_metaspaces(std::string_view text, const std::string& replacement) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  for (const char c : text) {
    if (c == ' ') {
      out += replacement;
    } else {
      out += c;
    }
  }
  return out;
}

// Matches are the places of the literal.
std::vector<TextSpan> literal_spans(std::string_view text, std::string_view literal) {
  std::vector<TextSpan> spans;
  size_t done = 0;
  for (size_t at = text.find(literal); at != std::string_view::npos; at = text.find(literal, done)) {
    if (at > done) spans.push_back({done, at, false});
    done = at + literal.size();
    spans.push_back({at, done, true});
  }
  if (done < text.size()) spans.push_back({done, text.size(), false});
  return spans;
}

}  // namespace

Result<PreTokenizer> PreTokenizer::make(std::span<const TokenizerJson::PreTokenizer> steps) {
  PreTokenizer result;
  for (const auto& step : steps) {
    if (const auto* split = std::get_if<TokenizerJson::Split>(&step)) {
      TRY(result.add_split(*split));
    } else if (const auto* metaspace = std::get_if<TokenizerJson::Metaspace>(&step)) {
      result.steps_.emplace_back(*metaspace);
    } else if (const auto* bytes = std::get_if<TokenizerJson::ByteLevel>(&step)) {
      if (bytes->add_prefix_space) result.steps_.emplace_back(AddPrefixSpace{});
      if (bytes->use_regex) TRY(result.add_split({{kGpt2Pattern, true}, Behaviour::kIsolated, false}));
    }
  }
  return result;
}

Status PreTokenizer::add_split(const TokenizerJson::Split& split) {
  TRY_ASSIGN(TokenPattern pattern, TokenPattern::compile(split.pattern));
  steps_.emplace_back(SplitStep{std::move(pattern), split.behaviour, split.invert});
  return {};
}

TextPieces PreTokenizer::cut(std::string_view text, bool begins_document) const {
  TextPieces result;
  if (!text.empty()) result.pieces.push_back(text);
  for (const Step& step : steps_) {
    std::vector<std::string_view> pieces;
    for (size_t i = 0; i < result.pieces.size(); ++i) {
      const std::string_view piece = result.pieces[i];
      if (const auto* split = std::get_if<SplitStep>(&step)) {
        std::vector<TextSpan> spans = split->pattern.spans(piece);
        if (split->invert) {
          for (TextSpan& span : spans) span.is_match = !span.is_match;
        }
        append_spans(piece, rearranged(std::move(spans), split->behaviour), pieces);
      } else if (const auto* metaspace = std::get_if<TokenizerJson::Metaspace>(&step)) {
        std::string& own = result.own_texts.emplace_back(with_metaspaces(piece, metaspace->replacement));
        const bool prepends =
            metaspace->prepend_scheme == TokenizerJson::PrependScheme::kAlways ||
            (metaspace->prepend_scheme == TokenizerJson::PrependScheme::kFirst && begins_document && i == 0);
        if (prepends && !own.starts_with(metaspace->replacement)) own.insert(0, metaspace->replacement);
        if (metaspace->split) {
          append_spans(own, merged_with_next(literal_spans(own, metaspace->replacement)), pieces);
        } else {
          pieces.push_back(own);
        }
      } else {
        pieces.push_back(piece.starts_with(' ') ? piece
                                                : result.own_texts.emplace_back(" " + std::string(piece)));
      }
    }
    result.pieces = std::move(pieces);
  }
  return result;
}

}  // namespace templar
