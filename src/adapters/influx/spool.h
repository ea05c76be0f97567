// Batches that a server has not taken yet, in a folder of files.
#pragma once

#include <deque>
#include <filesystem>
#include <optional>

#include "base/bytes.h"
#include "base/files/folder_lock.h"

namespace templar {

// Lines of a protocol, packed by gzip().
struct PackedBatch {
  uint64_t points = 0;
  Bytes packed;
  bool operator==(const PackedBatch&) const = default;
};

// A file: "TMPLSPL1", points (u64), CRC-32 of the packed lines (u32), the packed lines to the end.
[[nodiscard]] Bytes encode_spool_file(const PackedBatch& batch);
// Fails (skip) on anything that is not such a file, whole.
[[nodiscard]] Result<PackedBatch> parse_spool_file(ByteView bytes);

// The oldest batch leaves first. Files are written whole: a process killed at any instant leaves no part of
// one under its name, and the next finds what was there. (A power cut may lose the newest or tear it, which
// its checksum shows; waiting for the disk at each batch would cost more than that.) Above max_bytes the
// oldest are removed. Not thread-safe; one process at a time.
class Spool {
 public:
  // Makes the folder. Fails (retry) while another process works in it, (fatal) if it can't be made or read.
  [[nodiscard]] static Result<Spool> open(const std::filesystem::path& folder, uint64_t max_bytes);

  // Keeps the batch as the newest. Returns the points of older batches that had to go for it. Fails (retry)
  // without a trace where the disk is full or unwritable, (skip) if the batch alone is above the bound.
  [[nodiscard]] Result<uint64_t> push(const PackedBatch& batch);

  [[nodiscard]] bool empty() const { return files_.empty(); }
  [[nodiscard]] uint64_t points() const { return points_; }
  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  // The points that the oldest batch's name speaks of. Not if empty().
  [[nodiscard]] uint64_t front_points() const { return files_.front().points; }
  // The oldest batch. Fails (skip) if its file is damaged or gone. Not if empty().
  [[nodiscard]] Result<PackedBatch> front() const;
  // Removes the oldest. Not if empty().
  void pop();

 private:
  struct File {
    uint64_t sequence = 0;
    uint64_t points = 0;
    uint64_t size_bytes = 0;
  };

  Spool(std::filesystem::path folder, uint64_t max_bytes, FolderLock lock)
      : folder_(std::move(folder)), max_bytes_(max_bytes), lock_(std::move(lock)) {}
  [[nodiscard]] std::filesystem::path path_of(const File& file) const;
  [[nodiscard]] static std::optional<File> parse_name(const std::string& name);

  std::filesystem::path folder_;
  uint64_t max_bytes_;
  FolderLock lock_;
  std::deque<File> files_;  // oldest first
  uint64_t bytes_ = 0;
  uint64_t points_ = 0;
  uint64_t next_sequence_ = 0;
};

}  // namespace templar
