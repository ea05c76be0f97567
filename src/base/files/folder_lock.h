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

 private:
  explicit FolderLock(Descriptor file) : file_(std::move(file)) {}
  Descriptor file_;
};

}  // namespace templar
