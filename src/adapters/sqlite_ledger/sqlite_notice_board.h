// A notice board in one SQLite file, for networks on one machine.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include "ports/notice_board.h"

namespace templar {

struct SqliteBoardOptions {
  // Who tries again by itself, and says so, waits here for moments alone.
  std::chrono::milliseconds busy_timeout = std::chrono::seconds(10);
};

// Any number of processes may have the file open at once, each with a board of its own that it made itself
// (it must not be used across a fork); threads share one. Thread-safe. A call waits for other writers as long
// as the options say and fails (retry) after that; so it does where the disk is full, with nothing changed;
// it fails (fatal) if the file is corrupt. What a call has written survives a power cut.
class SqliteNoticeBoard final : public NoticeBoard {
 public:
  // Opens the board, or makes an empty one. Fails (fatal) if the file is something else, is corrupt, or is of
  // another version of the schema; such a file stays as it is.
  [[nodiscard]] static Result<std::unique_ptr<SqliteNoticeBoard>> open(const std::filesystem::path& path);
  // Likewise; fails (fatal) if it does not exist.
  [[nodiscard]] static Result<std::unique_ptr<SqliteNoticeBoard>> open_existing(
      const std::filesystem::path& path, const SqliteBoardOptions& options = {});
  ~SqliteNoticeBoard() override;

  [[nodiscard]] Result<std::optional<Notice>> read(std::string_view key) const override;
  [[nodiscard]] Result<std::vector<Notice>> list(std::string_view prefix) const override;
  [[nodiscard]] Result<std::optional<Notice>> last(std::string_view prefix) const override;
  [[nodiscard]] Result<int64_t> revision() const override;
  // Looks every 5 ms.
  [[nodiscard]] bool wait_for_change(int64_t since, std::chrono::milliseconds at_most) const override;
  [[nodiscard]] Result<bool> write(std::string_view key, ByteView content,
                                   std::span<const NoticeCondition> conditions) override;

 private:
  struct Database;
  explicit SqliteNoticeBoard(std::unique_ptr<Database> database);

  std::unique_ptr<Database> database_;
};

}  // namespace templar
