// A folder that one owner at a time works in.
#pragma once

#include <filesystem>

#include "base/files/descriptor.h"
#include "base/result.h"

namespace templar {

enum class LockScope {
  kProcess,       // ends with the process that took it, however that ends
  kWithChildren,  // ends when the last process that was started under it has ended too
};

class FolderLock {
 public:
  static constexpr const char* kFileName = "lock";
  // Takes the folder's lock (that file in it, which stays). Fails (retry) while another process holds it,
  // (fatal) where the file can't be made.
  [[nodiscard]] static Result<FolderLock> take(const std::filesystem::path& folder, LockScope scope);

  static constexpr const char* kPartsFileName = "parts.lock";
  // For one process that works in many folders of this one and has not a descriptor to spare for each: takes
  // them all, by that file. Fails like take, where another holds one of them by share_parts.
  [[nodiscard]] static Result<FolderLock> take_parts(const std::filesystem::path& folder);
  // For who has taken one of the folder's folders: keeps take_parts from succeeding. Makes no file; where
  // there is none, nobody has ever taken all. Fails (retry) while another process has.
  [[nodiscard]] static Result<FolderLock> share_parts(const std::filesystem::path& folder);

 private:
  explicit FolderLock(Descriptor file) : file_(std::move(file)) {}
  Descriptor file_;
};

}  // namespace templar
