#include "formats/checkpoint/checkpoint_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "base/check.h"
#include "base/files/descriptor.h"
#include "base/files/large_read.h"
#include "base/files/system_error.h"
#include "base/threads/first_failure.h"
#include "core/protocol/object_keys.h"

namespace templar {
namespace {

std::unexpected<Error> checkpoint_file_error(const CheckpointFiles& files, std::string_view name,
                                             const std::string& what) {
  return skip_error(fmt::format("{}: {}: {}", files.where, name, what));
}

std::unexpected<Error> folder_error(const std::filesystem::path& path, int error) {
  if (error == ENOENT || error == ENOTDIR) return skip_error(path.string() + ": " + system_message(error));
  return system_error(path.string(), error);
}

struct OpenFile {
  Descriptor file;
  uint64_t size_bytes = 0;
};

Result<OpenFile> open_file(const std::filesystem::path& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return folder_error(path, errno);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return folder_error(path, errno);
  if (!S_ISREG(status.st_mode)) return skip_error(path.string() + ": not a regular file");
  return OpenFile{std::move(file), static_cast<uint64_t>(status.st_size)};
}

Status read_file_at(const std::filesystem::path& path, uint64_t offset, std::span<uint8_t> out) {
  TRY_ASSIGN(const OpenFile open, open_file(path));
  const ReadOutcome outcome = read_large(open.file.get(), offset, out);
  if (outcome.error != 0) return folder_error(path, outcome.error);
  if (outcome.size == out.size()) return {};
  return skip_error(fmt::format("{}: has {} bytes, bytes {} to {} were wanted", path.string(),
                                open.size_bytes, offset, offset + out.size()));
}

}  // namespace

CheckpointFiles checkpoint_in_store(const ObjectReader& store, std::string_view bucket, int64_t window) {
  const auto key_of = [prefix = checkpoint_prefix(window)](std::string_view name) {
    return prefix + std::string(name);
  };
  CheckpointFiles files;
  files.where = fmt::format("checkpoint {} in {}", window, bucket);
  files.waits_at_reads = store.useful_calls_at_once() > 1;
  files.size_of = [&store, bucket = std::string(bucket), key_of](std::string_view name) -> Result<uint64_t> {
    TRY_ASSIGN(const auto info, store.head(bucket, key_of(name)));
    if (!info) return skip_error(fmt::format("object {}/{}: missing", bucket, key_of(name)));
    return info->size_bytes;
  };
  files.read = [&store, bucket = std::string(bucket), key_of](std::string_view name, uint64_t offset,
                                                              std::span<uint8_t> out) -> Status {
    TRY_ASSIGN(const Bytes content, store.get_range(bucket, key_of(name), {offset, offset + out.size()}));
    std::ranges::copy(content, out.begin());
    return {};
  };
  return files;
}

CheckpointFiles checkpoint_in_folder(const std::filesystem::path& folder) {
  CheckpointFiles files;
  files.where = "folder " + folder.string();
  files.size_of = [folder](std::string_view name) -> Result<uint64_t> {
    TRY_ASSIGN(const OpenFile open, open_file(folder / name));
    return open.size_bytes;
  };
  files.read = [folder](std::string_view name, uint64_t offset, std::span<uint8_t> out) {
    return read_file_at(folder / name, offset, out);
  };
  return files;
}

Result<CheckpointManifest> read_manifest(const CheckpointFiles& files) {
  TRY_ASSIGN(const uint64_t size, files.size_of(kManifestName));
  if (size > kMaxManifestBytes) {
    return checkpoint_file_error(files, kManifestName,
                                 fmt::format("{} bytes, at most {} are allowed", size, kMaxManifestBytes));
  }
  Bytes content(size);
  TRY(files.read(kManifestName, 0, content));
  auto manifest = open_manifest(as_text(content));
  if (!manifest) return annotate(std::move(manifest).error(), files.where);
  return manifest;
}

Status check_size(const CheckpointFiles& files, const CheckpointFile& file) {
  TRY_ASSIGN(const uint64_t size, files.size_of(file.name));
  if (size == file.size_bytes) return {};
  return checkpoint_file_error(files, file.name,
                               fmt::format("{} bytes, the manifest says {}", size, file.size_bytes));
}

Result<Bytes> read_piece(const CheckpointFiles& files, const CheckpointFile& file, uint64_t piece) {
  CHECK(piece < file.pieces.size());
  const uint64_t begin = piece * kPieceBytes;
  Bytes content(std::min(kPieceBytes, file.size_bytes - begin));
  TRY(files.read(file.name, begin, content));
  const Hash256 hash = blake2b_256(content);
  if (hash == file.pieces[piece]) return content;
  return checkpoint_file_error(files, file.name,
                               fmt::format("bytes {} to {} have the hash {}, the manifest says {}", begin,
                                           begin + content.size(), hash.brief(), file.pieces[piece].brief()));
}

Status read_checked(const CheckpointFiles& files, const CheckpointFile& file,
                    const std::function<Status(ByteView)>& sink) {
  TRY(check_size(files, file));
  for (uint64_t piece = 0; piece < file.pieces.size(); ++piece) {
    TRY_ASSIGN(const Bytes content, read_piece(files, file, piece));
    TRY(sink(content));
  }
  return {};
}

Status check_file(const CheckpointFiles& files, const CheckpointFile& file, ThreadTeam& team) {
  TRY(check_size(files, file));
  FirstFailure failure;
  std::atomic<uint64_t> next{0};
  team.run([&](int) {
    for (uint64_t piece = next++; piece < file.pieces.size() && !failure.before(piece); piece = next++) {
      if (auto content = read_piece(files, file, piece); !content) failure.note(piece, content.error());
    }
  });
  return failure.status();
}

}  // namespace templar
