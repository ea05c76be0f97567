// Writes a large file in pieces, with the promises of write_file_atomically.
#pragma once

#include <filesystem>

#include "base/bytes.h"
#include "base/files/descriptor.h"

namespace templar {

// The pieces go to a file beside the target; commit() makes them durable and renames them over it. A writer
// that goes away without a commit leaves the target as it was and removes its own file. Errors (fatal) name
// the target. Not thread-safe.
class AtomicFileWriter {
 public:
  // The folder must exist.
  [[nodiscard]] static Result<AtomicFileWriter> create(const std::filesystem::path& target);
  AtomicFileWriter(AtomicFileWriter&&) = default;
  AtomicFileWriter& operator=(AtomicFileWriter&&) = delete;
  ~AtomicFileWriter();

  [[nodiscard]] Status append(ByteView piece);
  // Once, after the last piece.
  [[nodiscard]] Status commit();

 private:
  AtomicFileWriter(std::filesystem::path target, std::filesystem::path temporary, Descriptor file)
      : target_(std::move(target)), temporary_(std::move(temporary)), file_(std::move(file)) {}

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  Descriptor file_;  // valid until the commit
  uint64_t size_bytes_ = 0;
};

}  // namespace templar
