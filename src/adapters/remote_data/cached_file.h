// One file of a cache that processes share. Locks of the file system say who uses it: shared ones of readers,
// and an exclusive one of who fills or removes it. They end with the process, however that ends.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "base/files/descriptor.h"
#include "base/result.h"

namespace templar {

// A whole file, which nobody removes as long as this lives.
class CachedFile {
 public:
  // nullptr where there is none. Its modification time becomes that of its last use. Fails as file_error.
  [[nodiscard]] static Result<std::shared_ptr<const CachedFile>> open(const std::filesystem::path& path);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  friend class PartFile;
  CachedFile(std::filesystem::path path, Descriptor file) : path_(std::move(path)), file_(std::move(file)) {}

  std::filesystem::path path_;
  Descriptor file_;
};

// A file on its way, which this holder alone fills, from its beginning on. What it has when it goes away
// stays, for the next who takes it.
class PartFile {
 public:
  static constexpr const char* kSuffix = ".part";

  // nullopt while somebody else holds it, or has just finished it. Fails as file_error.
  [[nodiscard]] static Result<std::optional<PartFile>> take(const std::filesystem::path& target);

  [[nodiscard]] uint64_t size_bytes() const { return size_bytes_; }
  // Fills the whole buffer from what is there; offset + out.size() <= size_bytes().
  [[nodiscard]] Status read(uint64_t offset, std::span<uint8_t> out) const;
  [[nodiscard]] Status append(ByteView piece);
  // Keeps the first so many bytes.
  [[nodiscard]] Status shorten(uint64_t size_bytes);
  // Once: makes it durable and puts it in its place. nullptr where somebody has removed it at that moment.
  [[nodiscard]] Result<std::shared_ptr<const CachedFile>> finish();
  // Once, instead.
  void remove();

 private:
  PartFile(std::filesystem::path target, std::filesystem::path path, Descriptor file, uint64_t size_bytes)
      : target_(std::move(target)), path_(std::move(path)), file_(std::move(file)), size_bytes_(size_bytes) {}

  std::filesystem::path target_;
  std::filesystem::path path_;
  Descriptor file_;
  uint64_t size_bytes_;
};

// Removes the file, whole or not, unless somebody uses it; returns whether it did.
[[nodiscard]] bool remove_unused(const std::filesystem::path& path);

}  // namespace templar
