// Little-endian byte strings: writing them, and reading them with every bound checked.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace templar {

static_assert(std::endian::native == std::endian::little,
              "formats are little-endian and written without conversion");

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;

[[nodiscard]] inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
template <typename T>
[[nodiscard]] ByteView as_bytes(std::span<const T> values) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<const uint8_t*>(values.data()), values.size_bytes()};
}
[[nodiscard]] inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Bytes that somebody keeps alive: a string on the heap, a map of a file. Copies share them.
class SharedBytes {
 public:
  SharedBytes() = default;
  SharedBytes(Bytes bytes) {  // NOLINT: a string is what most have
    const auto owned = std::make_shared<const Bytes>(std::move(bytes));
    view_ = *owned;
    owner_ = owned;
  }
  SharedBytes(ByteView view, std::shared_ptr<const void> owner) : view_(view), owner_(std::move(owner)) {}
  [[nodiscard]] ByteView view() const { return view_; }

 private:
  ByteView view_;
  std::shared_ptr<const void> owner_;
};

// Lower-case hexadecimal, two digits a byte.
[[nodiscard]] std::string to_hex(ByteView bytes);
// Fails (skip) on an odd length or a digit that is not 0-9a-f: one spelling for one value.
[[nodiscard]] Result<Bytes> from_hex(std::string_view text);

// Appends to a byte string that it owns.
class ByteWriter {
 public:
  template <typename T>
  void put(T value) {
    static_assert(std::is_arithmetic_v<T>);
    const auto* begin = reinterpret_cast<const uint8_t*>(&value);
    bytes_.insert(bytes_.end(), begin, begin + sizeof(T));
  }
  void put_bytes(ByteView bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  [[nodiscard]] size_t size() const { return bytes_.size(); }
  [[nodiscard]] ByteView view() const { return bytes_; }
  [[nodiscard]] Bytes take() { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

// Reads from bytes that it does not own. A read past the end fails (skip) and names the field.
class ByteReader {
 public:
  // Starts at position, which must not lie behind the end.
  explicit ByteReader(ByteView bytes, size_t position = 0) : bytes_(bytes), position_(position) {}

  template <typename T>
  [[nodiscard]] Result<T> get(const char* field) {
    static_assert(std::is_arithmetic_v<T>);
    if (remaining() < sizeof(T)) return truncated(field, sizeof(T));
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }
  // A view into the bytes that are read, valid as long as they are.
  [[nodiscard]] Result<ByteView> get_bytes(size_t size, const char* field);
  [[nodiscard]] ByteView bytes() const { return bytes_; }
  [[nodiscard]] size_t position() const { return position_; }
  [[nodiscard]] size_t remaining() const { return bytes_.size() - position_; }

 private:
  [[nodiscard]] std::unexpected<Error> truncated(const char* field, size_t wanted) const;

  ByteView bytes_;
  size_t position_;
};

}  // namespace templar
