#include "adapters/corpus/never_text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <system_error>

#include "adapters/corpus/byte_source.h"
#include "adapters/corpus/text_encoding.h"
#include "adapters/shards/data_folder.h"
#include "base/files/file.h"
#include "base/utf8.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBeginningBytes = 4096;
constexpr size_t kMostSecretBytes =
    65536;  // a larger file that begins with a key's text is a text about keys
constexpr size_t kFewestValueBytes = 16;
constexpr size_t kKeyDigits = 64;  // a key file's (base/keys): the seed, hexadecimal
constexpr std::string_view kDatabaseStart{"SQLite format 3\0", 16};

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

// "-----BEGIN ... PRIVATE KEY-----" or "... PRIVATE KEY BLOCK-----" alone on its line.
bool begins_private_key(std::string_view line) {
  return line.starts_with("-----BEGIN ") &&
         (line.ends_with("PRIVATE KEY-----") || line.ends_with("PRIVATE KEY BLOCK-----"));
}

// "aws_secret_access_key = VALUE", as in a credentials file or a shell's script.
bool sets_access_key(std::string_view line) {
  if (line.starts_with("export ")) line = trimmed(line.substr(7));
  if (!ascii_lower(line).starts_with("aws_secret_access_key")) return false;
  const size_t equals = line.find('=');
  return equals != std::string_view::npos && trimmed(line.substr(equals + 1)).size() >= kFewestValueBytes;
}

std::optional<std::string> secret_in(std::string_view content) {
  std::string_view word = trimmed(content);
  if (word.starts_with("0x")) word.remove_prefix(2);
  if (word.size() == kKeyDigits && is_hexadecimal(word)) return "a secret key";
  while (!content.empty()) {
    const size_t end = std::min(content.find('\n'), content.size());
    const std::string_view line = trimmed(content.substr(0, end));
    if (begins_private_key(line) || line.starts_with("AGE-SECRET-KEY-1")) return "a private key";
    if (sets_access_key(line)) return "credentials";
    content.remove_prefix(std::min(end + 1, content.size()));
  }
  return std::nullopt;
}

bool is_named_like_a_secret(const fs::path& file) {
  const std::string text = ascii_lower(without_compression_ending(file.filename().string()));
  return std::ranges::find(kSecretNames, text) != kSecretNames.end() || text.starts_with(".env") ||
         std::ranges::any_of(kSecretEndings, [&](std::string_view ending) { return text.ends_with(ending); });
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
  if (is_named_like_a_secret(file)) return "named like a secret";
  auto opened = open_byte_source(file);
  if (!opened) return std::nullopt;  // its reader will say why
  const auto source = as_utf8(*std::move(opened));
  if (!source) return std::nullopt;
  Bytes bytes(kBeginningBytes);
  const Result<size_t> size = (*source)->read(bytes);
  if (!size) return std::nullopt;
  const std::string_view beginning = as_text(ByteView(bytes).first(*size));
  if (beginning.starts_with(kDatabaseStart)) return "a database";
  std::error_code unknown;
  const bool is_small = fs::file_size(file, unknown) <= kMostSecretBytes && !unknown;
  return is_small ? secret_in(beginning) : std::nullopt;
}

}  // namespace templar
