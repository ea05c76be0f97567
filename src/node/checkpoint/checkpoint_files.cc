#include "node/checkpoint/checkpoint_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "base/descriptor.h"
#include "core/consensus/state_root.h"
#include "core/protocol/object_keys.h"
#include "node/checkpoint/safetensors.h"

namespace templar {
namespace {

// Names with their shapes take less than this in a header that we wrote.
constexpr uint64_t kHeaderBytesOfTensor = 1024;

std::unexpected<Error> file_error(const CheckpointFiles& files, std::string_view name,
                                  const std::string& what) {
  return skip_error(fmt::format("{}: {}: {}", files.where, name, what));
}

std::unexpected<Error> folder_error(const std::filesystem::path& path, int error) {
  const std::string message = path.string() + ": " + std::strerror(error);
  return error == ENOENT || error == ENOTDIR ? skip_error(message) : fatal_error(message);
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

Result<Bytes> read_range(const std::filesystem::path& path, ByteRange range) {
  TRY_ASSIGN(const OpenFile open, open_file(path));
  if (range.begin > range.end || range.end > open.size_bytes) {
    return skip_error(fmt::format("{}: has {} bytes, bytes {} to {} were wanted", path.string(),
                                  open.size_bytes, range.begin, range.end));
  }
  Bytes content(range.end - range.begin);
  const ReadOutcome outcome = read_at(open.file.get(), range.begin, content);
  if (outcome.error != 0) return folder_error(path, outcome.error);
  if (outcome.size != content.size()) return skip_error(path.string() + ": became shorter while it was read");
  return content;
}

// Reads a file once, from its beginning, and hashes what it reads.
class HashingReader {
 public:
  HashingReader(const CheckpointFiles& files, const CheckpointFile& file) : files_(files), file_(file) {}

  [[nodiscard]] uint64_t remaining() const { return file_.size_bytes - position_; }
  // The next bytes, which must be there.
  [[nodiscard]] Result<Bytes> next(uint64_t size_bytes) {
    CHECK(size_bytes <= remaining());
    TRY_ASSIGN(Bytes piece, files_.read(file_.name, {position_, position_ + size_bytes}));
    hash_.update(piece);
    position_ += size_bytes;
    return piece;
  }
  [[nodiscard]] Status finish() {
    CHECK(remaining() == 0);
    const Hash256 hash = hash_.finish256();
    if (hash == file_.hash) return {};
    return skip_error(fmt::format("hash {}, the manifest says {}", hash.brief(), file_.hash.brief()));
  }

 private:
  const CheckpointFiles& files_;
  const CheckpointFile& file_;
  uint64_t position_ = 0;
  Blake2b hash_;
};

Status check_size(const CheckpointFiles& files, const CheckpointFile& file) {
  TRY_ASSIGN(const uint64_t size, files.size_of(file.name));
  if (size == file.size_bytes) return {};
  return file_error(files, file.name, fmt::format("{} bytes, the manifest says {}", size, file.size_bytes));
}

Result<SafetensorsHeader> read_header(HashingReader& reader, uint64_t file_bytes,
                                      const ParameterLayout& layout) {
  const uint64_t limit = std::min(kMaxSafetensorsHeaderBytes, (layout.size() + 1) * kHeaderBytesOfTensor);
  TRY_ASSIGN(const Bytes first, reader.next(std::min(file_bytes, kSafetensorsPrefixBytes)));
  TRY_ASSIGN(const uint64_t header_bytes, safetensors_header_bytes(first, file_bytes, limit));
  TRY_ASSIGN(const Bytes header, reader.next(header_bytes));
  return parse_safetensors_header(header, file_bytes);
}

Status read_tensor(HashingReader& reader, std::span<float> values) {
  std::span<uint8_t> rest(reinterpret_cast<uint8_t*>(values.data()), values.size_bytes());
  while (!rest.empty()) {
    TRY_ASSIGN(const Bytes piece, reader.next(std::min<uint64_t>(rest.size(), kCheckpointPieceBytes)));
    std::memcpy(rest.data(), piece.data(), piece.size());
    rest = rest.subspan(piece.size());
  }
  return {};
}

// Reads everything in the order of the file, whatever order the tensors have in it.
Status read_tensors(HashingReader& reader, uint64_t file_bytes, const ParameterLayout& layout,
                    ParameterSpans parameters) {
  TRY_ASSIGN(const SafetensorsHeader header, read_header(reader, file_bytes, layout));
  TRY_ASSIGN(const std::vector<SafetensorsEntry> entries, match_layout(header, layout));
  std::vector<size_t> order(entries.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](size_t i) { return entries[i].begin; });
  for (const size_t i : order) TRY(read_tensor(reader, parameters[i]));
  return reader.finish();
}

}  // namespace

CheckpointFiles checkpoint_in_store(const ObjectReader& store, std::string_view bucket, int64_t window) {
  const auto key_of = [prefix = checkpoint_prefix(window)](std::string_view name) {
    return prefix + std::string(name);
  };
  CheckpointFiles files;
  files.where = fmt::format("checkpoint {} in {}", window, bucket);
  files.size_of = [&store, bucket = std::string(bucket), key_of](std::string_view name) -> Result<uint64_t> {
    TRY_ASSIGN(const auto info, store.head(bucket, key_of(name)));
    if (!info) return skip_error(fmt::format("object {}/{}: missing", bucket, key_of(name)));
    return info->size_bytes;
  };
  files.read = [&store, bucket = std::string(bucket), key_of](std::string_view name, ByteRange range) {
    return store.get_range(bucket, key_of(name), range);
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
  files.read = [folder](std::string_view name, ByteRange range) { return read_range(folder / name, range); };
  return files;
}

Result<CheckpointManifest> read_manifest(const CheckpointFiles& files) {
  TRY_ASSIGN(const uint64_t size, files.size_of(kManifestName));
  if (size > kMaxManifestBytes) {
    return file_error(files, kManifestName,
                      fmt::format("{} bytes, at most {} are allowed", size, kMaxManifestBytes));
  }
  TRY_ASSIGN(const Bytes content, files.read(kManifestName, {0, size}));
  auto manifest = open_manifest(as_text(content));
  if (!manifest) return annotate(std::move(manifest).error(), files.where);
  return manifest;
}

Status read_checked(const CheckpointFiles& files, const CheckpointFile& file,
                    const std::function<Status(ByteView)>& sink) {
  TRY(check_size(files, file));
  HashingReader reader(files, file);
  while (reader.remaining() > 0) {
    TRY_ASSIGN(const Bytes piece, reader.next(std::min(reader.remaining(), kCheckpointPieceBytes)));
    TRY(sink(piece));
  }
  if (Status status = reader.finish(); !status) return file_error(files, file.name, status.error().message);
  return {};
}

Status read_model(const CheckpointFiles& files, const CheckpointFile& file, const ParameterLayout& layout,
                  ParameterSpans parameters) {
  CHECK(layout.size() == parameters.size());
  TRY(check_size(files, file));
  HashingReader reader(files, file);
  if (Status status = read_tensors(reader, file.size_bytes, layout, parameters); !status) {
    return annotate(std::move(status).error(), files.where + ": " + file.name);
  }
  return {};
}

Status check_state_root(const CheckpointFiles& files, const CheckpointManifest& manifest,
                        const ParameterLayout& layout, ParameterSpans parameters, ThreadTeam& team) {
  const std::vector<std::span<const float>> values(parameters.begin(), parameters.end());
  const Hash256 root = compute_state_root(layout, values, team);
  if (root == manifest.state_root) return {};
  return skip_error(fmt::format("{}: state root {}, the manifest says {}", files.where, root.brief(),
                                manifest.state_root.brief()));
}

}  // namespace templar
