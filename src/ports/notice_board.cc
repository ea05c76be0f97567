#include "ports/notice_board.h"

#include <fmt/format.h>

#include <algorithm>

namespace templar {

Status check_notice(std::string_view key, ByteView content) {
  const bool is_named =
      !key.empty() && key.size() <= kMaxNoticeKeyBytes && std::ranges::all_of(key, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '/';
      });
  if (!is_named) return fatal_error(fmt::format("notice \"{}\": no key that a board can have", key));
  if (content.size() <= kMaxNoticeBytes) return {};
  return fatal_error(
      fmt::format("notice {}: {} bytes, at most {} are allowed", key, content.size(), kMaxNoticeBytes));
}

Result<std::optional<Notice>> MemoryNoticeBoard::read(std::string_view key) const {
  const MutexLock lock(mutex_);
  const auto found = notices_.find(key);
  if (found == notices_.end()) return std::nullopt;
  return found->second;
}

Result<std::vector<Notice>> MemoryNoticeBoard::list(std::string_view prefix) const {
  const MutexLock lock(mutex_);
  std::vector<Notice> found;
  for (auto one = notices_.lower_bound(prefix); one != notices_.end() && one->first.starts_with(prefix);
       ++one)
    found.push_back(one->second);
  return found;
}

Result<std::optional<Notice>> MemoryNoticeBoard::last(std::string_view prefix) const {
  const MutexLock lock(mutex_);
  // No key has a character above '~'.
  const auto after = notices_.lower_bound(std::string(prefix) + '~');
  if (after == notices_.begin() || !std::prev(after)->first.starts_with(prefix)) return std::nullopt;
  return std::prev(after)->second;
}

Result<int64_t> MemoryNoticeBoard::revision() const {
  const MutexLock lock(mutex_);
  return revision_;
}

bool MemoryNoticeBoard::wait_for_change(int64_t since, std::chrono::milliseconds at_most) const {
  const MutexLock lock(mutex_);
  return written_.wait_for(mutex_, at_most, [&]() REQUIRES(mutex_) { return revision_ > since; });
}

Result<bool> MemoryNoticeBoard::write(std::string_view key, ByteView content,
                                      std::span<const NoticeCondition> conditions) {
  TRY(check_notice(key, content));
  const MutexLock lock(mutex_);
  for (const NoticeCondition& condition : conditions) {
    const auto found = notices_.find(condition.key);
    if ((found == notices_.end() ? 0 : found->second.revision) != condition.revision) return false;
  }
  ++revision_;
  notices_.insert_or_assign(
      std::string(key),
      Notice{.key = std::string(key), .content = {content.begin(), content.end()}, .revision = revision_});
  written_.notify_all();
  return true;
}

}  // namespace templar
