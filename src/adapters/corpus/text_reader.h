// Cuts byte streams into the pieces of text that preparation works with.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "adapters/corpus/byte_source.h"
#include "base/result.h"

namespace templar {

struct TextReaderOptions {
  // A document longer than this is cut, at a line's end where there is one, into sections that count as
  // documents of their own: memory stays bounded, and one large file can be split into training and held-out
  // text. >= 4.
  size_t section_bytes = 1 << 20;
  std::string jsonl_field;  // empty: plain text, a file is a document; else a line is
  bool skip_bad_lines = false;
};

struct TextReaderCounts {
  uint64_t binary_files = 0;
  uint64_t bad_lines = 0;
};

// Takes one section, never empty; the view is valid during the call. Returns false when enough has been read.
using SectionSink = std::function<Result<bool>(std::string_view section)>;

inline constexpr size_t kMaxJsonLineBytes = 64 << 20;

// Reads the source to its end (true) or until the sink has enough (false). A plain file with a NUL byte in
// its first 64 KiB is binary: counted and passed over. Fails (fatal) with the sink's or the source's error,
// or "F, line N: ..." where a JSON line is not an object with the text field, is not valid JSON, or is longer
// than kMaxJsonLineBytes.
[[nodiscard]] Result<bool> read_text(ByteSource& source, const std::string& name,
                                     const TextReaderOptions& options, TextReaderCounts& counts,
                                     const SectionSink& sink);

}  // namespace templar
