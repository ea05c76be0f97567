// Cuts documents into the sections among which the held-out text is chosen, and joins the sections' tokens to
// documents again.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace templar {

// Where a section stands among all.
struct SectionPlace {
  uint64_t document = 0;  // counted from 0
  uint64_t index = 0;     // in its document, from 0
  bool ends_document = false;

  bool operator==(const SectionPlace&) const = default;
};

struct Section {
  std::string text;  // never empty
  // The document's text right before and behind it, at most kContextBytes each.
  std::string before;
  std::string after;
  SectionPlace place;
};

// A large file can so be split into training and held-out text. The sections' size follows from how much text
// there is, not from how it comes (file, pipe, compressed): so much of it is kept back until that is known.
class SectionCutter {
 public:
  // Returns false when enough has been read.
  using Sink = std::function<Result<bool>(Section section)>;

  static constexpr uint64_t kSectionsOfText = 64;      // a section is at most this part of a small text,
  static constexpr size_t kSmallestSection = 1 << 10;  // but not smaller than this,
  static constexpr size_t kLargestSection = 1 << 20;   // nor larger than this
  static constexpr size_t kContextBytes = 4096;

  explicit SectionCutter(Sink sink) : sink_(std::move(sink)) {}

  // The next part of a document. False when the sink has enough. Fails with the sink's error.
  [[nodiscard]] Result<bool> add(std::string_view text, bool ends_document);
  // Call once, after the last part. Fails with the sink's error.
  [[nodiscard]] Status finish();

 private:
  struct Part {
    std::string text;
    bool ends_document = false;
  };

  [[nodiscard]] Result<bool> release();
  [[nodiscard]] Result<bool> cut(std::string_view text, bool ends_document);
  [[nodiscard]] Result<bool> pass_on(size_t size, bool ends_document);

  Sink sink_;
  std::vector<Part> waiting_;  // until section_bytes_ is known
  uint64_t waiting_bytes_ = 0;
  size_t section_bytes_ = 0;  // 0: not known yet
  std::string pending_;       // of the document: what no section holds yet
  std::string before_;        // the end of what its sections hold
  SectionPlace next_;
};

// Tokens of a section, and how many bytes of its text each stands for.
struct TokenRun {
  std::vector<uint32_t> tokens;
  std::vector<uint32_t> source_bytes;  // as many
  SectionPlace place;
};

// Puts runs one behind the other with a separator at each document's end, and where a document breaks off
// because its next section does not follow.
class DocumentJoiner {
 public:
  using Sink = std::function<Status(const TokenRun& run)>;
  DocumentJoiner(uint32_t separator, Sink sink) : separator_(separator), sink_(std::move(sink)) {}

  // Fail with the sink's error.
  [[nodiscard]] Status add(const TokenRun& run);
  // Ends a document that has not ended. Call once, after the last run.
  [[nodiscard]] Status finish();

 private:
  [[nodiscard]] Status separate();

  uint32_t separator_;
  Sink sink_;
  bool is_open_ = false;
  SectionPlace last_;
};

// The beginning of the text, at most that many bytes, cut between characters where it is UTF-8.
[[nodiscard]] std::string_view beginning_of(std::string_view text, size_t bytes);

}  // namespace templar
