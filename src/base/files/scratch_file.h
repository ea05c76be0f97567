// A nameless file on the disk, written in pieces and then mapped: large content for those who take it in one
// piece, without holding it in memory.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/files/descriptor.h"

namespace templar {

// Gone when this goes away, also if the process is killed. Errors (fatal) say that the disk is full or the
// like.
class ScratchFile {
 public:
  [[nodiscard]] static Result<ScratchFile> create();

  [[nodiscard]] Status append(ByteView piece);
  // The whole content, valid as long as this; after it nothing is appended any more.
  [[nodiscard]] Result<ByteView> map();
  // The same, valid as long as somebody has it.
  [[nodiscard]] Result<SharedBytes> share();

 private:
  explicit ScratchFile(Descriptor file) : file_(std::move(file)) {}

  Descriptor file_;
  uint64_t size_bytes_ = 0;
  std::shared_ptr<const void> mapping_;
};

// The same bytes in a scratch file of their own, mapped: they stay readable, and the system can take their
// memory back.
[[nodiscard]] Result<SharedBytes> move_to_scratch_file(ByteView bytes);

}  // namespace templar
