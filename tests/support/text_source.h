// A text as a file's bytes.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "adapters/corpus/byte_source.h"

namespace templar::testing {

class TextSource final : public ByteSource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] Result<size_t> read(std::span<uint8_t> out) override {
    const size_t count = std::min(out.size(), text_.size() - position_);
    std::copy_n(text_.begin() + static_cast<std::ptrdiff_t>(position_), count, out.begin());
    position_ += count;
    return count;
  }
  [[nodiscard]] uint64_t raw_bytes() const override { return position_; }

 private:
  std::string text_;
  size_t position_ = 0;
};

}  // namespace templar::testing
