#include "adapters/s3/md5.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

namespace templar {

std::string md5_hex(ByteView content) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(content.data(), content.size(), digest.data(), &size, EVP_md5(), nullptr) != 1) return "";
  std::string text;
  for (unsigned int i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

}  // namespace templar
