// Files: whole reads with a limit, atomic durable writes, read-only maps. Messages name the path.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace templar {

// system_error of that path: where the functions below say (fatal), what may pass is (retry).
[[nodiscard]] std::unexpected<Error> file_error(const std::filesystem::path& path, int error);

// False also where nobody can tell, such as in a folder that may not be searched.
[[nodiscard]] bool is_there(const std::filesystem::path& path);

// From the root on, without dots; as it was given where there is no current folder any more.
[[nodiscard]] std::filesystem::path absolute_path(const std::filesystem::path& path);

// The whole file, or what a pipe gives until its end. Fails (fatal) if it is missing, unreadable or larger
// than max_bytes (of a device such as /dev/zero: 64 MiB).
[[nodiscard]] Result<Bytes> read_file(const std::filesystem::path& path, size_t max_bytes);

// Readers see the old content or the new, never a part, even after a power cut: written beside the target,
// synced, renamed over it, folder synced. Fails (fatal) and leaves the old content where the disk is full or
// the folder unwritable. The folder must exist.
[[nodiscard]] Status write_file_atomically(const std::filesystem::path& path, ByteView content);
[[nodiscard]] inline Status write_file_atomically(const std::filesystem::path& path,
                                                  std::string_view content) {
  return write_file_atomically(path, as_bytes(content));
}

// Makes the folder and its parents, each durable in its own; an empty path is the current folder. Fails
// (fatal) with the reason.
[[nodiscard]] Status make_folder(const std::filesystem::path& path);

// Everything in the folder, in the order of the names. Fails (fatal) where it can't be read.
[[nodiscard]] Result<std::vector<std::filesystem::path>> entries_of(const std::filesystem::path& folder);

// Syncs a file's or a folder's content to the disk.
[[nodiscard]] Status sync_path(const std::filesystem::path& path);

// A read-only memory map, unmapped when the last copy goes away. An empty file gives an empty view.
class MappedFile {
 public:
  [[nodiscard]] static Result<MappedFile> open(const std::filesystem::path& path);
  [[nodiscard]] ByteView bytes() const { return bytes_; }

 private:
  std::shared_ptr<const void> mapping_;
  ByteView bytes_;
};

}  // namespace templar
