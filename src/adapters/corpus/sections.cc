#include "adapters/corpus/sections.h"

#include <algorithm>

#include "base/utf8.h"

namespace templar {
namespace {

// The largest cut of at most `limit` bytes between characters. A character of UTF-8 has at most three bytes
// that continue it; where there are more the text is no UTF-8, and any cut does.
size_t cut_between_characters(std::string_view text, size_t limit) {
  size_t cut = limit;
  while (cut > 0 && cut + 3 > limit && continues_character(text[cut])) --cut;
  return cut == 0 || continues_character(text[cut]) ? limit : cut;
}

// Where to cut a text of more than `limit` bytes: behind the last line's end in the first `limit`, else
// between characters.
size_t cut_position(std::string_view text, size_t limit) {
  const size_t line_end = text.substr(0, limit).rfind('\n');
  return line_end != std::string_view::npos ? line_end + 1 : cut_between_characters(text, limit);
}

// The last bytes of the text, from a character's beginning on.
std::string_view end_of(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return text;
  text.remove_prefix(text.size() - bytes);
  for (int i = 0; i < 3 && !text.empty() && continues_character(text.front()); ++i) text.remove_prefix(1);
  return text;
}

}  // namespace

std::string_view beginning_of(std::string_view text, size_t bytes) {
  return text.size() <= bytes ? text : text.substr(0, cut_between_characters(text, bytes));
}

Result<bool> SectionCutter::add(std::string_view text, bool ends_document) {
  if (section_bytes_ != 0) return cut(text, ends_document);
  waiting_.push_back({std::string(text), ends_document});
  waiting_bytes_ += text.size();
  // From here on, more text changes nothing.
  return waiting_bytes_ < kSectionsOfText * kLargestSection ? true : release();
}

Status SectionCutter::finish() {
  if (section_bytes_ != 0) return {};
  TRY(release());
  return {};
}

Result<bool> SectionCutter::release() {
  section_bytes_ = std::clamp<uint64_t>(waiting_bytes_ / kSectionsOfText, kSmallestSection, kLargestSection);
  for (const Part& part : std::exchange(waiting_, {})) {
    TRY_ASSIGN(const bool wants_more, cut(part.text, part.ends_document));
    if (!wants_more) return false;
  }
  return true;
}

Result<bool> SectionCutter::cut(std::string_view text, bool ends_document) {
  pending_ += text;
  // A section goes when the text behind it is there too.
  const size_t enough = section_bytes_ + (ends_document ? 0 : kContextBytes);
  while (pending_.size() > enough) {
    TRY_ASSIGN(const bool wants_more, pass_on(cut_position(pending_, section_bytes_), false));
    if (!wants_more) return false;
  }
  if (!ends_document) return true;
  if (!pending_.empty()) {
    TRY_ASSIGN(const bool wants_more, pass_on(pending_.size(), true));
    if (!wants_more) return false;
  }
  before_.clear();
  next_ = {.document = next_.document + 1};
  return true;
}

Result<bool> SectionCutter::pass_on(size_t size, bool ends_document) {
  const std::string_view pending = pending_;
  Section section{.text = std::string(pending.substr(0, size)),
                  .before = before_,
                  .after = std::string(beginning_of(pending.substr(size), kContextBytes)),
                  .place = next_};
  section.place.ends_document = ends_document;
  ++next_.index;
  // A section may be shorter than what stands before the next one.
  before_ += section.text;
  before_ = std::string(end_of(before_, kContextBytes));
  pending_.erase(0, size);
  return sink_(std::move(section));
}

Status DocumentJoiner::separate() {
  is_open_ = false;
  return sink_({.tokens = {separator_}, .source_bytes = {0}});
}

Status DocumentJoiner::add(const TokenRun& run) {
  const bool follows = run.place.document == last_.document && run.place.index == last_.index + 1;
  if (is_open_ && !follows) TRY(separate());
  TRY(sink_(run));
  is_open_ = true;
  last_ = run.place;
  return run.place.ends_document ? separate() : Status{};
}

Status DocumentJoiner::finish() {
  return is_open_ ? separate() : Status{};
}

}  // namespace templar
