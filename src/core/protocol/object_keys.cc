#include "core/protocol/object_keys.h"

#include <fmt/format.h>

#include <charconv>

namespace templar {
namespace {

// Ten digits, so that keys sort as windows do.
std::string padded(int64_t window) {
  return fmt::format("{:010}", window);
}

}  // namespace

std::string contribution_key(int64_t window) {
  return std::string(kContributionPrefix) + padded(window);
}

std::string upload_key_key(int64_t window) {
  return std::string(kUploadKeyPrefix) + padded(window);
}

std::string accepted_contribution_key(int64_t window, uint32_t uid) {
  return accepted_contributions_prefix(window) + std::to_string(uid);
}

std::string accepted_contributions_prefix(int64_t window) {
  return fmt::format("{}{}/", kAcceptedContributionPrefix, padded(window));
}

std::string checkpoint_prefix(int64_t window) {
  return std::string(kCheckpointsPrefix) + padded(window) + "/";
}

std::optional<int64_t> window_in_key(std::string_view prefix, std::string_view key) {
  constexpr size_t kDigits = 10;
  if (!key.starts_with(prefix)) return std::nullopt;
  key.remove_prefix(prefix.size());
  if (key.size() < kDigits || (key.size() > kDigits && key[kDigits] != '/')) return std::nullopt;
  int64_t window = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + kDigits, window);
  if (error != std::errc() || end != key.data() + kDigits || window < 0) return std::nullopt;
  return window;
}

}  // namespace templar
