#include "base/base64.h"

#include <sodium.h>

namespace templar {
namespace {

int variant_of(Base64Form form) {
  return form == Base64Form::kStandard ? sodium_base64_VARIANT_ORIGINAL
                                       : sodium_base64_VARIANT_URLSAFE_NO_PADDING;
}

}  // namespace

std::string to_base64(ByteView bytes, Base64Form form) {
  // Its size counts a zero behind the text.
  std::string text(sodium_base64_encoded_len(bytes.size(), variant_of(form)), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), variant_of(form));
  text.pop_back();
  return text;
}

Result<Bytes> from_base64(std::string_view text, Base64Form form) {
  Bytes bytes(text.size() / 4 * 3 + 3);
  size_t size = 0;
  const char* end = nullptr;
  const int failed = sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(), nullptr, &size,
                                       &end, variant_of(form));
  if (failed != 0 || end != text.data() + text.size()) return skip_error("not base64");
  bytes.resize(size);
  return bytes;
}

}  // namespace templar
