#include "adapters/corpus/text_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "adapters/corpus/text_encoding.h"
#include "base/bytes.h"
#include "base/json/json_events.h"

namespace templar {
namespace {

constexpr size_t kReadBytes = 256 << 10;
constexpr size_t kBinaryCheckBytes = 64 << 10;

std::optional<std::string> why_no_text(std::string_view beginning) {
  if (!beginning.contains('\0')) return std::nullopt;
  if (const auto encoding = likely_encoding(beginning)) {
    return fmt::format("seems to be {} without a byte order mark; convert it with iconv -f {} -t UTF-8",
                       *encoding, *encoding);
  }
  return "binary";
}

Result<bool> read_plain(ByteSource& source, const TextSink& sink) {
  Bytes buffer(kReadBytes);
  bool has_text = false;
  for (bool first = true;; first = false) {
    TRY_ASSIGN(const size_t count, source.read(buffer));
    const std::string_view text = as_text(std::span(buffer).first(count));
    if (first) {
      if (auto why = why_no_text(text.substr(0, kBinaryCheckBytes))) return skip_error(*std::move(why));
    }
    const bool is_end = count < buffer.size();
    has_text = has_text || !text.empty();
    if (!has_text) return true;
    TRY_ASSIGN(const bool wants_more, sink(text, is_end));
    if (!wants_more || is_end) return wants_more;
  }
}

// "line 1, column 7: ..." of a text that is one line: "column 7: ...".
std::string_view without_line(std::string_view message) {
  constexpr std::string_view kLine = "line 1, ";
  if (message.starts_with(kLine)) message.remove_prefix(kLine.size());
  return message;
}

// Turns the lines of one file into documents.
class JsonLines {
 public:
  JsonLines(const std::string& name, const TextReaderOptions& options, uint64_t& bad_lines,
            const TextSink& sink)
      : name_(name), options_(options), bad_lines_(bad_lines), sink_(sink) {}

  // A complete line, or the rest of the file.
  [[nodiscard]] Result<bool> take_line(std::string_view line) {
    ++line_number_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const size_t start = line.find_first_not_of(" \t");
    if (start == std::string_view::npos) return true;
    const Result<std::string> text = json_text_field(line, options_.jsonl_field);
    if (text) return text->empty() ? true : sink_(*text, /*ends_document=*/true);
    constexpr std::string_view kNoJson = "not JSON: ";
    std::string_view what = text.error().message;
    std::string fault(what);
    if (what.starts_with(kNoJson)) {
      what.remove_prefix(kNoJson.size());
      fault = fmt::format("{}{}", kNoJson, without_line(what));
    }
    // What people have in such files instead is told apart by how it begins.
    if (line[start] == '[' || line.substr(start) == "{") {
      fault +=
          "; in JSON lines each line is one whole object: convert a list with jq -c '.[]', objects over "
          "several lines with jq -c .";
    }
    return take_bad(fault);
  }
  // A line of which only the beginning was kept.
  [[nodiscard]] Result<bool> take_long_line() {
    ++line_number_;
    return take_bad(fmt::format("longer than {} bytes", kMaxJsonLineBytes));
  }

 private:
  [[nodiscard]] Result<bool> take_bad(const std::string& fault) {
    if (!options_.skip_bad_lines)
      return fatal_error(fmt::format("{}, line {}: {}", name_, line_number_, fault));
    ++bad_lines_;
    return true;
  }

  const std::string& name_;
  const TextReaderOptions& options_;
  uint64_t& bad_lines_;
  const TextSink& sink_;
  uint64_t line_number_ = 0;
};

Result<bool> read_json_lines(ByteSource& source, const std::string& name, const TextReaderOptions& options,
                             uint64_t& bad_lines, const TextSink& sink) {
  JsonLines lines(name, options, bad_lines, sink);
  Bytes buffer(kReadBytes);
  std::string pending;  // the beginning of a line whose end has not been read
  bool is_too_long = false;
  const auto take = [&] {
    return std::exchange(is_too_long, false) ? lines.take_long_line()
                                             : lines.take_line(std::exchange(pending, {}));
  };
  // More of the line; of one that is too long nothing is kept.
  const auto add = [&](std::string_view part) {
    is_too_long = is_too_long || pending.size() + part.size() > kMaxJsonLineBytes;
    if (is_too_long) {
      pending = {};
    } else {
      pending += part;
    }
  };
  for (bool first = true;; first = false) {
    TRY_ASSIGN(const size_t count, source.read(buffer));
    std::string_view text = as_text(std::span(buffer).first(count));
    if (first && likely_encoding(text)) return skip_error(why_no_text(text).value_or(""));
    for (size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
      add(text.substr(0, end));
      text.remove_prefix(end + 1);
      TRY_ASSIGN(const bool wants_more, take());
      if (!wants_more) return false;
    }
    add(text);
    if (is_too_long && !options.skip_bad_lines) return take();
    if (count < buffer.size()) return pending.empty() && !is_too_long ? true : take();
  }
}

}  // namespace

Result<bool> read_text(ByteSource& source, const std::string& name, const TextReaderOptions& options,
                       uint64_t& bad_lines, const TextSink& sink) {
  if (options.jsonl_field.empty()) return read_plain(source, sink);
  return read_json_lines(source, name, options, bad_lines, sink);
}

}  // namespace templar
