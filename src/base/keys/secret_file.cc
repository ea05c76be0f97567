#include "base/keys/secret_file.h"

#include <fmt/format.h>

#include "base/files/file.h"
#include "base/log/secrets.h"

namespace templar {
namespace {

constexpr size_t kMaxSecretBytes = 4096;

Result<std::string> read_named(const std::filesystem::path& file) {
  const auto content = read_file(file, kMaxSecretBytes);
  if (!content) return fatal_error(fmt::format("{}: {}", file.string(), content.error().message));
  std::string secret(as_text(*content));
  // Editors end a file with a line end, which is no part of a password.
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
  if (secret.empty())
    return fatal_error(fmt::format("{}: it is empty, and a password or token is wanted", file.string()));
  return secret;
}

}  // namespace

Result<std::string> read_secret(const std::filesystem::path& file, std::string otherwise) {
  std::string secret = std::move(otherwise);
  if (!file.empty()) {
    TRY_ASSIGN(secret, read_named(file));
  }
  register_secret(secret);
  return secret;
}

}  // namespace templar
