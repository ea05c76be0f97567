// Reads the text of one input: a plain file is a document, of JSON lines each line is one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "adapters/corpus/byte_source.h"
#include "base/result.h"

namespace templar {

struct TextReaderOptions {
  std::string jsonl_field;  // the member of each line's object that holds the text; empty: plain text
  bool skip_bad_lines = false;
};

// Takes the next part of a document's text, which may be empty only where it ends the document; the view is
// valid during the call. Returns false when enough has been read.
using TextSink = std::function<Result<bool>(std::string_view text, bool ends_document)>;

inline constexpr size_t kMaxJsonLineBytes = 64 << 20;

// Reads the source, UTF-8 already, to its end (true) or until the sink has enough (false). Documents without
// text are left out. bad_lines counts the JSON lines that were skipped, of whatever fault or length. Fails
// (skip), before the sink is called, where a plain file has a NUL byte in its first 64 KiB, or JSON lines are
// in another encoding without a byte order mark, with what it is then. Fails (fatal) with the sink's or the
// source's error, or, unless they are to be skipped, with "F, line N: ..." where a JSON line is not an object
// with the text field, is not JSON (with the column) or is longer than kMaxJsonLineBytes.
[[nodiscard]] Result<bool> read_text(ByteSource& source, const std::string& name,
                                     const TextReaderOptions& options, uint64_t& bad_lines,
                                     const TextSink& sink);

}  // namespace templar
