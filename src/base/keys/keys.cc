#include "base/keys/keys.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>

#include "base/check.h"
#include "base/files/descriptor.h"
#include "base/files/file.h"
#include "base/files/system_error.h"
#include "base/keys/verified_signatures.h"
#include "base/log/secrets.h"

namespace templar {

KeyPair KeyPair::generate() {
  CHECK(sodium_init() >= 0);
  std::array<uint8_t, 32> seed;
  randombytes_buf(seed.data(), seed.size());
  KeyPair pair = from_seed(seed);
  sodium_memzero(seed.data(), seed.size());
  return pair;
}

KeyPair KeyPair::from_seed(const std::array<uint8_t, 32>& seed) {
  CHECK(sodium_init() >= 0);
  KeyPair pair;
  CHECK(crypto_sign_seed_keypair(pair.public_key_.bytes.data(), pair.secret_.data(), seed.data()) == 0);
  return pair;
}

KeyPair::~KeyPair() {
  sodium_memzero(secret_.data(), secret_.size());
}

Signature KeyPair::sign(ByteView message) const {
  Signature signature;
  CHECK(crypto_sign_detached(signature.bytes.data(), nullptr, message.data(), message.size(),
                             secret_.data()) == 0);
  return signature;
}

namespace {

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

Status KeyPair::save(const std::filesystem::path& path) const {
  // The seed is the first half of the secret.
  const std::string line = to_hex(ByteView(secret_).first(32)) + "\n";
  const std::optional<int> outcome = create_unnamed_first(path, line);
  const int failure = outcome ? *outcome : create_at_once(path, line);
  // Its name too must outlast a power cut: what it signs may be on a ledger by then.
  if (failure == 0) return sync_path(path.has_parent_path() ? path.parent_path() : ".");
  return fatal_error(
      "key file " + path.string() + ": " +
      (failure == EEXIST ? "exists already, and a key is never overwritten" : system_message(failure)));
}

Result<KeyPair> KeyPair::load(const std::filesystem::path& path) {
  TRY_ASSIGN(const Bytes bytes, read_file(path, 4096));
  std::string_view text = as_text(bytes);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  const auto seed_bytes = from_hex(text);
  if (!seed_bytes || seed_bytes->size() != 32) {
    return fatal_error("key file " + path.string() + ": not a key; `templar key new FILE` makes one");
  }
  std::array<uint8_t, 32> seed;
  std::copy(seed_bytes->begin(), seed_bytes->end(), seed.begin());
  register_secret_bytes(seed);
  return from_seed(seed);
}

bool verify(const PublicKey& key, ByteView message, const Signature& signature) {
  VerifiedSignatures* const before = VerifiedSignatures::living();
  const Hash256 hash = before != nullptr ? VerifiedSignatures::hash_of(key, message, signature) : Hash256();
  if (before != nullptr && before->contains(hash)) return true;
  const bool is_right = crypto_sign_verify_detached(signature.bytes.data(), message.data(), message.size(),
                                                    key.bytes.data()) == 0;
  if (is_right && before != nullptr) before->add(hash);
  return is_right;
}

Result<PublicKey> parse_public_key(std::string_view hex) {
  TRY_ASSIGN(const Bytes bytes, from_hex(hex));
  PublicKey key;
  if (bytes.size() != key.bytes.size()) return skip_error("a public key has 64 hexadecimal digits");
  std::copy(bytes.begin(), bytes.end(), key.bytes.begin());
  return key;
}

}  // namespace templar
