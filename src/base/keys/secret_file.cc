#include "base/keys/secret_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/check.h"
#include "base/files/descriptor.h"
#include "base/files/file.h"
#include "base/files/system_error.h"
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

// Errno, or 0: the line is in the file and on the disk.
int write_durably(int file, std::string_view line) {
  const ssize_t written = ::write(file, line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) return ::fsync(file) == 0 ? 0 : errno;
  return written < 0 ? errno : ENOSPC;
}

// A new file that has no name until it is whole, so that a process that is killed leaves no half of it.
// Errno, or 0; nullopt where the file system has no such files.
std::optional<int> create_unnamed_first(const std::filesystem::path& path, std::string_view line) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  const Descriptor file(::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  if (!file.valid()) return std::nullopt;
  if (const int failure = write_durably(file.get(), line); failure != 0) return failure;
  const std::string unnamed = "/proc/self/fd/" + std::to_string(file.get());
  if (::linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0) return 0;
  return errno == EEXIST ? std::optional(EEXIST) : std::nullopt;
}

int create_at_once(const std::filesystem::path& path, std::string_view line) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.valid()) return errno;
  const int failure = write_durably(file.get(), line);
  if (failure != 0) ::unlink(path.c_str());
  return failure;
}

}  // namespace

Result<bool> create_secret_file(const std::filesystem::path& path, std::string_view content) {
  const std::optional<int> outcome = create_unnamed_first(path, content);
  const int failure = outcome ? *outcome : create_at_once(path, content);
  if (failure == EEXIST) return false;
  if (failure != 0) return fatal_error(path.string() + ": " + system_message(failure));
  // Its name too must outlast a power cut: others may count on what it holds by then.
  TRY(sync_path(path.has_parent_path() ? path.parent_path() : "."));
  return true;
}

std::string random_password() {
  CHECK(sodium_init() >= 0);
  std::array<uint8_t, 16> bytes;
  randombytes_buf(bytes.data(), bytes.size());
  std::string password = to_hex(bytes);
  register_secret(password);
  return password;
}

Result<std::string> read_secret(const std::filesystem::path& file, std::string otherwise) {
  std::string secret = std::move(otherwise);
  if (!file.empty()) {
    TRY_ASSIGN(secret, read_named(file));
  }
  register_secret(secret);
  return secret;
}

}  // namespace templar
