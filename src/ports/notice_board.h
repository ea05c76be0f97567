// A notice board: the place in which a ledger's entries lie. It keeps contents under keys and knows nothing
// of their meaning; ports/ledger.h does. SQLite is one.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/threads/mutex.h"

namespace templar {

constexpr size_t kMaxNoticeBytes = 512 << 10;
constexpr size_t kMaxNoticeKeyBytes = 128;

struct Notice {
  std::string key;
  Bytes content;
  int64_t revision = 0;  // the board's when it was written, > 0
  bool operator==(const Notice&) const = default;
};

// That a notice is still as it was seen.
struct NoticeCondition {
  std::string key;
  int64_t revision = 0;  // 0: there is none
};

// All calls are thread-safe, and fail (retry) if the board could not be asked. What a call has written is
// seen by every read that begins after it, of everybody.
class NoticeBoard {
 public:
  virtual ~NoticeBoard() = default;

  // nullopt if there is none.
  [[nodiscard]] virtual Result<std::optional<Notice>> read(std::string_view key) const = 0;
  // All whose key begins so, ascending by key.
  [[nodiscard]] virtual Result<std::vector<Notice>> list(std::string_view prefix) const = 0;
  // The last of them; nullopt if there is none.
  [[nodiscard]] virtual Result<std::optional<Notice>> last(std::string_view prefix) const = 0;
  // Grows with every write. As long as it is the same, nothing has changed.
  [[nodiscard]] virtual Result<int64_t> revision() const = 0;
  // Waits until the board has been written to since it had that revision, and tells whether that may be so:
  // false after at_most. Where it can't be known whether it is, true. Who waits again and again costs a board
  // on another machine no request a second, and no news is missed in between.
  [[nodiscard]] virtual bool wait_for_change(int64_t since, std::chrono::milliseconds at_most) const = 0;

  // Writes, in place of what has that key, if all conditions hold at that moment; false, with nothing
  // changed, if one does not. After a failure (retry) it may have been written: who must know reads. Fails
  // (fatal) on a key or content that check_notice refuses.
  [[nodiscard]] virtual Result<bool> write(std::string_view key, ByteView content,
                                           std::span<const NoticeCondition> conditions) = 0;
};

// A key is 1 to kMaxNoticeKeyBytes of a-z, 0-9, '-' and '/', a content at most kMaxNoticeBytes long. Fails
// (fatal).
[[nodiscard]] Status check_notice(std::string_view key, ByteView content);

class MemoryNoticeBoard final : public NoticeBoard {
 public:
  [[nodiscard]] Result<std::optional<Notice>> read(std::string_view key) const override;
  [[nodiscard]] Result<std::vector<Notice>> list(std::string_view prefix) const override;
  [[nodiscard]] Result<std::optional<Notice>> last(std::string_view prefix) const override;
  [[nodiscard]] Result<int64_t> revision() const override;
  [[nodiscard]] bool wait_for_change(int64_t since, std::chrono::milliseconds at_most) const override;
  [[nodiscard]] Result<bool> write(std::string_view key, ByteView content,
                                   std::span<const NoticeCondition> conditions) override;

 private:
  mutable Mutex mutex_;
  mutable ConditionVariable written_;
  std::map<std::string, Notice, std::less<>> notices_ GUARDED_BY(mutex_);
  int64_t revision_ GUARDED_BY(mutex_) = 0;
};

}  // namespace templar
