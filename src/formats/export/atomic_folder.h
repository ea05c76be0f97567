// A folder of files that appears under its name whole or not at all.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace templar {

// Files are written into path(), a folder beside the target; commit() makes them durable and gives the folder
// the target's name. One that goes away without a commit removes its folder and leaves the target as it was.
// Errors (fatal) name the target. Not thread-safe.
class AtomicFolder {
 public:
  // Makes the target's parents. Where a folder is at the target already, commit() puts the new one in its
  // place and removes the old.
  [[nodiscard]] static Result<AtomicFolder> create(const std::filesystem::path& target);
  AtomicFolder(AtomicFolder&& other) noexcept;
  AtomicFolder& operator=(AtomicFolder&&) = delete;
  ~AtomicFolder();

  [[nodiscard]] const std::filesystem::path& path() const { return temporary_; }
  // Once, after the last file.
  [[nodiscard]] Status commit();

 private:
  AtomicFolder(std::filesystem::path target, std::filesystem::path temporary)
      : target_(std::move(target)), temporary_(std::move(temporary)) {}

  std::filesystem::path target_;
  std::filesystem::path temporary_;  // empty: nothing to remove
};

}  // namespace templar
