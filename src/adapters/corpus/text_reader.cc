#include "adapters/corpus/text_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "base/json/json_events.h"

namespace templar {
namespace {

constexpr size_t kReadBytes = 256 << 10;
constexpr size_t kBinaryCheckBytes = 64 << 10;

// Where to cut a text of more than `limit` bytes: behind the last line's end in the first `limit`, else
// between characters.
size_t cut_position(std::string_view text, size_t limit) {
  const size_t line_end = text.substr(0, limit).rfind('\n');
  if (line_end != std::string_view::npos) return line_end + 1;
  size_t cut = limit;
  const auto continues_character = [&](size_t i) { return (static_cast<uint8_t>(text[i]) & 0xc0) == 0x80; };
  // A character of UTF-8 has at most three bytes that continue it; where there are more the text is no UTF-8,
  // and any cut does.
  while (cut > limit - 3 && continues_character(cut)) --cut;
  return continues_character(cut) ? limit : cut;
}

// Collects a document and passes it on in sections.
class Sections {
 public:
  Sections(size_t limit, const SectionSink& sink) : limit_(limit), sink_(sink) { CHECK(limit >= 4); }

  [[nodiscard]] Result<bool> add(std::string_view text) {
    pending_ += text;
    size_t position = 0;
    while (pending_.size() - position > limit_) {
      const std::string_view rest = std::string_view(pending_).substr(position);
      const size_t cut = cut_position(rest, limit_);
      TRY_ASSIGN(const bool wants_more, sink_(rest.substr(0, cut)));
      if (!wants_more) return false;
      position += cut;
    }
    pending_.erase(0, position);
    return true;
  }
  [[nodiscard]] Result<bool> end_document() {
    const std::string last = std::exchange(pending_, {});
    return last.empty() ? true : sink_(last);
  }

 private:
  size_t limit_;
  const SectionSink& sink_;
  std::string pending_;
};

Result<bool> read_plain(ByteSource& source, const TextReaderOptions& options, TextReaderCounts& counts,
                        const SectionSink& sink) {
  Sections sections(options.section_bytes, sink);
  Bytes buffer(kReadBytes);
  for (bool first = true;; first = false) {
    TRY_ASSIGN(const size_t count, source.read(buffer));
    const std::string_view text = as_text(std::span(buffer).first(count));
    if (first && text.substr(0, kBinaryCheckBytes).find('\0') != std::string_view::npos) {
      ++counts.binary_files;
      return true;
    }
    TRY_ASSIGN(const bool wants_more, sections.add(text));
    if (!wants_more) return false;
    if (count < buffer.size()) return sections.end_document();
  }
}

// Turns the lines of one file into documents.
class JsonLines {
 public:
  JsonLines(const std::string& name, const TextReaderOptions& options, TextReaderCounts& counts,
            const SectionSink& sink)
      : name_(name), options_(options), counts_(counts), sections_(options.section_bytes, sink) {}

  // Complete lines, or the rest of the file.
  [[nodiscard]] Result<bool> take_line(std::string_view line) {
    ++line_number_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") == std::string_view::npos) return true;
    const Result<std::string> text = json_text_field(line, options_.jsonl_field);
    if (!text) {
      if (!options_.skip_bad_lines) return bad_line(text.error().message);
      ++counts_.bad_lines;
      return true;
    }
    TRY_ASSIGN(const bool wants_more, sections_.add(*text));
    if (!wants_more) return false;
    return sections_.end_document();
  }
  [[nodiscard]] std::unexpected<Error> too_long() const {
    return fatal_error(
        fmt::format("{}, line {}: longer than {} bytes", name_, line_number_ + 1, kMaxJsonLineBytes));
  }

 private:
  [[nodiscard]] std::unexpected<Error> bad_line(const std::string& what) const {
    return fatal_error(fmt::format("{}, line {}: {}", name_, line_number_, what));
  }

  const std::string& name_;
  const TextReaderOptions& options_;
  TextReaderCounts& counts_;
  Sections sections_;
  uint64_t line_number_ = 0;
};

Result<bool> read_json_lines(ByteSource& source, const std::string& name, const TextReaderOptions& options,
                             TextReaderCounts& counts, const SectionSink& sink) {
  JsonLines lines(name, options, counts, sink);
  Bytes buffer(kReadBytes);
  std::string pending;  // the beginning of a line whose end has not been read
  for (;;) {
    TRY_ASSIGN(const size_t count, source.read(buffer));
    std::string_view text = as_text(std::span(buffer).first(count));
    for (size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
      pending += text.substr(0, end);
      text.remove_prefix(end + 1);
      TRY_ASSIGN(const bool wants_more, lines.take_line(pending));
      if (!wants_more) return false;
      pending.clear();
    }
    pending += text;
    if (pending.size() > kMaxJsonLineBytes) return lines.too_long();
    if (count < buffer.size()) return pending.empty() ? true : lines.take_line(pending);
  }
}

}  // namespace

Result<bool> read_text(ByteSource& source, const std::string& name, const TextReaderOptions& options,
                       TextReaderCounts& counts, const SectionSink& sink) {
  if (options.jsonl_field.empty()) return read_plain(source, options, counts, sink);
  return read_json_lines(source, name, options, counts, sink);
}

}  // namespace templar
