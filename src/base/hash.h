// BLAKE2b (RFC 7693), by libsodium.
#pragma once

#include <array>
#include <compare>
#include <string>

#include "base/bytes.h"

namespace templar {

struct Hash256 {
  std::array<uint8_t, 32> bytes{};

  auto operator<=>(const Hash256&) const = default;
  [[nodiscard]] std::string hex() const { return to_hex(bytes); }
  // The first eight digits, for people.
  [[nodiscard]] std::string brief() const { return hex().substr(0, 8); }
  [[nodiscard]] ByteView view() const { return bytes; }
};

// Fails (skip) unless text is 64 lower-case hexadecimal digits.
[[nodiscard]] Result<Hash256> parse_hash256(std::string_view text);

// Incremental BLAKE2b with a digest of 16 to 64 bytes and an optional key of at most 64 bytes.
class Blake2b {
 public:
  explicit Blake2b(size_t digest_size = 32, ByteView key = {});
  Blake2b& update(ByteView bytes);
  // Any trivially copyable number, little-endian.
  template <typename T>
  Blake2b& update_value(T value) {
    static_assert(std::is_arithmetic_v<T>);
    return update({reinterpret_cast<const uint8_t*>(&value), sizeof(T)});
  }
  // Call once; out's size must be the digest size.
  void finish(std::span<uint8_t> out);
  [[nodiscard]] Hash256 finish256();

 private:
  alignas(64) std::array<uint8_t, 384> state_{};
  size_t digest_size_;
};

[[nodiscard]] Hash256 blake2b_256(ByteView bytes);

}  // namespace templar
