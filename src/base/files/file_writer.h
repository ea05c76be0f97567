// Writes a large file in pieces, with the promises of write_file_atomically.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/bytes.h"
#include "base/files/descriptor.h"

namespace templar {

// What a committed file survives. A killed process costs nothing; what lies on the disk after a power cut
// does.
enum class Durability { kKilledProcess, kPowerCut };

// The pieces go to a file beside the target; commit() makes them durable, as far as is asked for, and renames
// them over it. A writer that goes away without a commit leaves the target as it was and removes its own
// file. Errors (fatal) name the target. Not thread-safe.
class AtomicFileWriter {
 public:
  // The folder must exist. Links are followed: what they lead to is replaced, or made. Fails (fatal) where
  // the target is a folder, a device, a pipe or a socket.
  [[nodiscard]] static Result<AtomicFileWriter> create(const std::filesystem::path& target);
  AtomicFileWriter(AtomicFileWriter&&) = default;
  AtomicFileWriter& operator=(AtomicFileWriter&&) = delete;
  ~AtomicFileWriter();

  [[nodiscard]] Status append(ByteView piece);
  // Writes the piece at that offset of the file, in place of append. Several threads may at once.
  [[nodiscard]] Status write(uint64_t offset, ByteView piece) const;
  // Once, after the last piece.
  [[nodiscard]] Status commit(Durability durability = Durability::kPowerCut);

 private:
  AtomicFileWriter(std::filesystem::path target, std::filesystem::path temporary, Descriptor file)
      : target_(std::move(target)), temporary_(std::move(temporary)), file_(std::move(file)) {}

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  Descriptor file_;  // valid until the commit
  uint64_t size_bytes_ = 0;
};

// Whether a file of that name is one that a writer has begun and not committed.
[[nodiscard]] bool is_unfinished_file(std::string_view name);

// Removes what writers that were killed left in the folder; a living process' files stay.
void remove_unfinished_files(const std::filesystem::path& folder);

}  // namespace templar
