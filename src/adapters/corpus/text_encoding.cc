#include "adapters/corpus/text_encoding.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/bytes.h"

namespace templar {
namespace {

constexpr size_t kEncodedBytes = 64 << 10;
constexpr std::string_view kMark = "\xef\xbb\xbf";  // U+FEFF in UTF-8
constexpr uint32_t kReplacementCharacter = 0xfffd;

struct Encoding {
  size_t unit_bytes = 1;  // 1: UTF-8
  bool is_big_endian = false;
  size_t mark_bytes = 0;
};

// The mark of UTF-32LE begins with that of UTF-16LE: the longer ones are looked for first.
Encoding encoding_of(ByteView beginning) {
  const std::string_view text = as_text(beginning);
  if (text.starts_with(std::string_view("\xff\xfe\0\0", 4))) return {4, false, 4};
  if (text.starts_with(std::string_view("\0\0\xfe\xff", 4))) return {4, true, 4};
  if (text.starts_with("\xff\xfe")) return {2, false, 2};
  if (text.starts_with("\xfe\xff")) return {2, true, 2};
  return {};
}

void append_utf8(std::string& out, uint32_t code_point) {
  if (code_point > 0x10ffff || (code_point & 0xfffff800) == 0xd800) code_point = kReplacementCharacter;
  const auto put = [&out](uint32_t byte) { out += static_cast<char>(byte); };
  const auto put_rest = [&](int shift) {
    for (; shift >= 0; shift -= 6) put(0x80 | ((code_point >> shift) & 0x3f));
  };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xc0 | (code_point >> 6));
    put_rest(0);
  } else if (code_point < 0x10000) {
    put(0xe0 | (code_point >> 12));
    put_rest(6);
  } else {
    put(0xf0 | (code_point >> 18));
    put_rest(12);
  }
}

// Turns units of two or four bytes into UTF-8, call after call.
class Transcoder {
 public:
  explicit Transcoder(Encoding encoding) : encoding_(encoding) {}

  void add(ByteView bytes, bool is_end, std::string& out) {
    for (const uint8_t byte : bytes) {
      unit_[unit_size_++] = byte;
      if (unit_size_ < encoding_.unit_bytes) continue;
      unit_size_ = 0;
      add_unit(unit(), out);
    }
    if (!is_end) return;
    if (high_surrogate_ != 0 || unit_size_ != 0) append_utf8(out, kReplacementCharacter);
  }

 private:
  [[nodiscard]] uint32_t unit() const {
    uint32_t value = 0;
    for (size_t i = 0; i < encoding_.unit_bytes; ++i) {
      const size_t byte = encoding_.is_big_endian ? encoding_.unit_bytes - 1 - i : i;
      value |= uint32_t{unit_[byte]} << (8 * i);
    }
    return value;
  }
  void add_unit(uint32_t unit, std::string& out) {
    if (encoding_.unit_bytes == 4) return append_utf8(out, unit);
    const bool is_low = (unit & 0xfc00) == 0xdc00;
    if (const uint32_t high = std::exchange(high_surrogate_, 0); high != 0) {
      if (is_low) return append_utf8(out, 0x10000 + ((high & 0x3ff) << 10) + (unit & 0x3ff));
      append_utf8(out, kReplacementCharacter);
    }
    if ((unit & 0xfc00) == 0xd800) {
      high_surrogate_ = unit;
    } else {
      append_utf8(out, unit);
    }
  }

  Encoding encoding_;
  std::array<uint8_t, 4> unit_{};
  size_t unit_size_ = 0;
  uint32_t high_surrogate_ = 0;  // 0: none waits for its other half
};

// Leaves out byte order marks at the beginning of lines, call after call.
class MarkFilter {
 public:
  void add(std::string_view text, bool is_end, std::string& out) {
    const std::string joined = std::exchange(held_back_, {}) + std::string(text);
    std::string_view rest = joined;
    while (!rest.empty()) {
      if (at_line_start_ && rest.starts_with(kMark)) {
        rest.remove_prefix(kMark.size());
        continue;
      }
      if (at_line_start_ && !is_end && kMark.starts_with(rest)) {
        held_back_ = rest;
        return;
      }
      const size_t line_end = rest.find('\n');
      at_line_start_ = line_end != std::string_view::npos;
      const size_t count = at_line_start_ ? line_end + 1 : rest.size();
      out += rest.substr(0, count);
      rest.remove_prefix(count);
    }
  }

 private:
  bool at_line_start_ = true;
  std::string held_back_;  // the beginning of what may be a mark
};

class Utf8Source final : public ByteSource {
 public:
  Utf8Source(std::unique_ptr<ByteSource> source, Encoding encoding, Bytes beginning)
      : source_(std::move(source)),
        encoding_(encoding),
        transcoder_(encoding),
        bytes_(std::move(beginning)),
        is_end_(bytes_.size() < kEncodedBytes) {
    convert(ByteView(bytes_).subspan(encoding.mark_bytes));
  }

  [[nodiscard]] uint64_t raw_bytes() const override { return source_->raw_bytes(); }
  [[nodiscard]] Result<size_t> read(std::span<uint8_t> out) override {
    size_t filled = 0;
    while (filled < out.size()) {
      if (position_ == text_.size()) {
        if (is_end_) break;
        bytes_.resize(kEncodedBytes);
        TRY_ASSIGN(const size_t count, source_->read(bytes_));
        is_end_ = count < bytes_.size();
        convert(ByteView(bytes_).first(count));
        continue;
      }
      const size_t count = std::min(text_.size() - position_, out.size() - filled);
      std::copy_n(text_.begin() + static_cast<std::ptrdiff_t>(position_), count,
                  out.begin() + static_cast<std::ptrdiff_t>(filled));
      position_ += count;
      filled += count;
    }
    return filled;
  }

 private:
  void convert(ByteView bytes) {
    text_.clear();
    position_ = 0;
    if (encoding_.unit_bytes == 1) return marks_.add(as_text(bytes), is_end_, text_);
    std::string utf8;
    transcoder_.add(bytes, is_end_, utf8);
    marks_.add(utf8, is_end_, text_);
  }

  std::unique_ptr<ByteSource> source_;
  Encoding encoding_;
  Transcoder transcoder_;
  MarkFilter marks_;
  Bytes bytes_;
  std::string text_;  // converted, not yet given out from position_ on
  size_t position_ = 0;
  bool is_end_ = false;  // of the source
};

}  // namespace

Result<std::unique_ptr<ByteSource>> as_utf8(std::unique_ptr<ByteSource> source) {
  Bytes beginning(kEncodedBytes);
  TRY_ASSIGN(const size_t count, source->read(beginning));
  beginning.resize(count);
  const Encoding encoding = encoding_of(beginning);
  return std::make_unique<Utf8Source>(std::move(source), encoding, std::move(beginning));
}

std::optional<std::string> likely_encoding(std::string_view beginning) {
  constexpr size_t kFewestUnits = 4;
  constexpr size_t kFewestZeros = 8;
  constexpr size_t kFewestRatio = 8;  // of zeros in upper halves to zeros in lower ones
  const size_t units = beginning.size() / 4;
  if (units < kFewestUnits) return std::nullopt;
  // How many of the bytes at each place of four are zero. Of UTF-32 the uppermost byte always is, and nearly
  // always the one beside it; of UTF-16 the upper half of spaces, line ends and all Latin letters, and hardly
  // any lower half.
  std::array<size_t, 4> zeros{};
  for (size_t i = 0; i < units * 4; ++i) zeros[i % 4] += beginning[i] == '\0' ? 1 : 0;
  const auto all = [&](size_t place) { return zeros[place] == units; };
  const auto mostly = [&](size_t place) { return zeros[place] * 4 > units * 3; };
  const auto rarely = [&](size_t place) { return zeros[place] * 20 < units; };
  if (all(3) && mostly(2) && rarely(0)) return "UTF-32LE";
  if (all(0) && mostly(1) && rarely(3)) return "UTF-32BE";
  const size_t even = zeros[0] + zeros[2];
  const size_t odd = zeros[1] + zeros[3];
  if (odd >= kFewestZeros && even * kFewestRatio <= odd) return "UTF-16LE";
  if (even >= kFewestZeros && odd * kFewestRatio <= even) return "UTF-16BE";
  return std::nullopt;
}

}  // namespace templar
