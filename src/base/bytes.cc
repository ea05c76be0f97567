#include "base/bytes.h"

namespace templar {

// Counts and sizes go from one to the other without a cast (docs/conventions.md, "Whole numbers").
static_assert(sizeof(size_t) == sizeof(int64_t));

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::string to_hex(ByteView bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (uint8_t byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

Result<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return skip_error("hexadecimal text has an odd number of digits");
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return skip_error("hexadecimal text has a character that is not 0-9 or a-f");
    bytes.push_back(static_cast<uint8_t>(high * 16 + low));
  }
  return bytes;
}

Result<ByteView> ByteReader::get_bytes(size_t size, const char* field) {
  if (remaining() < size) return truncated(field, size);
  ByteView view = bytes_.subspan(position_, size);
  position_ += size;
  return view;
}

std::unexpected<Error> ByteReader::truncated(const char* field, size_t wanted) const {
  return skip_error(std::string(field) + ": needs " + std::to_string(wanted) + " bytes at offset " +
                    std::to_string(position_) + ", " + std::to_string(remaining()) + " are left");
}

}  // namespace templar
