#include "adapters/corpus/never_text.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "adapters/shards/data_folder.h"
#include "base/files/descriptor.h"
#include "base/files/file.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBeginningBytes = 4096;
constexpr size_t kKeyDigits = 64;  // a key file's (base/keys): the seed, hexadecimal
constexpr std::string_view kDatabaseStart{"SQLite format 3\0", 16};

struct SecretSign {
  std::string_view text;
  const char* what;
};
constexpr std::array<SecretSign, 5> kSecretSigns = {{{"PRIVATE KEY-----", "a private key"},
                                                     {"PRIVATE KEY BLOCK-----", "a private key"},
                                                     {"AGE-SECRET-KEY-1", "a private key"},
                                                     {"aws_secret_access_key", "credentials"},
                                                     {"AWS_SECRET_ACCESS_KEY=", "credentials"}}};
constexpr std::array<std::string_view, 11> kSecretNames = {
    "id_rsa", "id_dsa",  "id_ecdsa", "id_ed25519", "credentials", "credentials.json",
    ".netrc", ".pgpass", ".npmrc",   ".pypirc",    "secrets.json"};
constexpr std::array<std::string_view, 7> kSecretEndings = {".key", ".pem",  ".p12", ".pfx",
                                                            ".jks", ".kdbx", ".env"};

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_hexadecimal(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c) != 0; });
}

}  // namespace

std::optional<std::string> why_never_text_folder(const fs::path& folder) {
  const auto has = [&](const char* name) { return is_there(folder / name); };
  if (has("localnet.json")) return "a run's folder";
  if (has("run_spec.json")) return has("manifest.json") ? "a checkpoint" : "a run's folder";
  if (has("manifest.json") && has("model.safetensors")) return "a checkpoint";
  if (has(kPreparingFolder)) return "an unfinished data set";
  if (has("manifest.json") && is_there(folder / train_file_name(0))) return "a prepared data set";
  return std::nullopt;
}

std::optional<std::string> why_never_text(const fs::path& file) {
  // A pipe's beginning would be lost to its reader, and opening one waits for its writer.
  const Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info{};
  if (!descriptor.valid() || ::fstat(descriptor.get(), &info) != 0 || !S_ISREG(info.st_mode))
    return std::nullopt;
  Bytes bytes(kBeginningBytes);
  const ReadOutcome read = read_at(descriptor.get(), 0, bytes);
  if (read.error != 0) return std::nullopt;  // its reader will say why
  const std::string_view beginning = as_text(ByteView(bytes).first(read.size));
  if (beginning.starts_with(kDatabaseStart)) return "a database";
  const std::string_view word = trimmed(beginning);
  if (word.size() == kKeyDigits && is_hexadecimal(word)) return "a secret key";
  for (const auto& [text, what] : kSecretSigns) {
    if (beginning.find(text) != std::string_view::npos) return what;
  }
  return std::nullopt;
}

std::optional<std::string> why_never_text_by_name(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
  const bool is_secret =
      std::ranges::find(kSecretNames, lower) != kSecretNames.end() || lower.starts_with(".env") ||
      std::ranges::any_of(kSecretEndings, [&](std::string_view ending) { return lower.ends_with(ending); });
  if (is_secret) return "named like a secret";
  return std::nullopt;
}

}  // namespace templar
