#include "adapters/influx/spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/check.h"
#include "base/files/descriptor.h"
#include "base/files/file.h"
#include "base/files/system_error.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSpoolMagic = "TMPLSPL1";
constexpr std::string_view kEnding = ".lines.gz";
constexpr std::string_view kTemporary = ".part";
constexpr size_t kMaxFileBytes = size_t{256} << 20;

uint32_t checksum(ByteView bytes) {
  return static_cast<uint32_t>(::crc32_z(0, bytes.data(), bytes.size()));
}

}  // namespace

Bytes encode_spool_file(const PackedBatch& batch) {
  ByteWriter writer;
  writer.put_bytes(as_bytes(kSpoolMagic));
  writer.put(batch.points);
  writer.put(checksum(batch.packed));
  writer.put_bytes(batch.packed);
  return writer.take();
}

Result<PackedBatch> parse_spool_file(ByteView bytes) {
  if (bytes.size() < kSpoolMagic.size() || as_text(bytes.first(kSpoolMagic.size())) != kSpoolMagic) {
    return skip_error("spool file: does not begin with TMPLSPL1");
  }
  ByteReader reader(bytes, kSpoolMagic.size());
  TRY_ASSIGN(const uint64_t points, reader.get<uint64_t>("points"));
  TRY_ASSIGN(const uint32_t expected, reader.get<uint32_t>("checksum"));
  const ByteView packed = bytes.last(reader.remaining());
  if (checksum(packed) != expected) return skip_error("spool file: damaged: the checksum is another");
  return PackedBatch{.points = points, .packed = Bytes(packed.begin(), packed.end())};
}

std::optional<Spool::File> Spool::parse_name(const std::string& name) {
  File file;
  const char* const end = name.data() + name.size();
  const auto sequence = std::from_chars(name.data(), end, file.sequence);
  if (sequence.ec != std::errc() || sequence.ptr == end || *sequence.ptr != '-') return std::nullopt;
  const auto points = std::from_chars(sequence.ptr + 1, end, file.points);
  if (points.ec != std::errc() || std::string_view(points.ptr, end) != kEnding) return std::nullopt;
  return file;
}

fs::path Spool::path_of(const File& file) const {
  return folder_ / fmt::format("{:016}-{}{}", file.sequence, file.points, kEnding);
}

Result<Spool> Spool::open(const fs::path& folder, uint64_t max_bytes) {
  TRY(make_folder(folder));
  TRY_ASSIGN(FolderLock lock, FolderLock::take(folder, LockScope::kProcess));
  Spool spool(folder, max_bytes, std::move(lock));
  TRY_ASSIGN(const std::vector<fs::path> entries, entries_of(folder));
  for (const fs::path& entry : entries) {
    const std::string name = entry.filename().string();
    std::error_code ignored;  // a file that can't be looked at is not ours to send
    if (name.ends_with(kTemporary)) fs::remove(entry, ignored);
    std::optional<File> file = parse_name(name);
    if (!file || !fs::is_regular_file(entry, ignored)) continue;
    file->size_bytes = fs::file_size(entry, ignored);
    if (!ignored && spool.path_of(*file) == entry) spool.files_.push_back(*file);
  }
  std::ranges::sort(spool.files_, {}, &File::sequence);
  for (const File& file : spool.files_) {
    spool.bytes_ += file.size_bytes;
    spool.points_ += file.points;
    spool.next_sequence_ = file.sequence + 1;
  }
  return spool;
}

Result<uint64_t> Spool::push(const PackedBatch& batch) {
  const Bytes content = encode_spool_file(batch);
  if (content.size() > max_bytes_) {
    return skip_error(fmt::format("spool folder {}: a batch of {} bytes is above its bound of {}",
                                  folder_.string(), content.size(), max_bytes_));
  }
  const File file{.sequence = next_sequence_, .points = batch.points, .size_bytes = content.size()};
  const fs::path path = path_of(file);
  const fs::path temporary = path.string() + std::string(kTemporary);
  int error = 0;
  {
    const Descriptor out(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    error = out.valid() ? write_all(out.get(), content) : errno;
  }
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    std::error_code ignored;  // what matters is why it could not be written
    fs::remove(temporary, ignored);
    return retry_error("spool folder " + folder_.string() + ": " + system_message(error));
  }
  ++next_sequence_;
  files_.push_back(file);
  bytes_ += file.size_bytes;
  points_ += file.points;
  uint64_t gone = 0;
  while (bytes_ > max_bytes_) {
    gone += front_points();
    pop();
  }
  return gone;
}

Result<PackedBatch> Spool::front() const {
  CHECK(!empty());
  auto bytes = read_file(path_of(files_.front()), kMaxFileBytes);
  if (!bytes) return skip_error(bytes.error().message);
  auto batch = parse_spool_file(*bytes);
  if (!batch) return annotate(batch.error(), path_of(files_.front()).string());
  return batch;
}

void Spool::pop() {
  CHECK(!empty());
  const File file = files_.front();
  files_.pop_front();
  bytes_ -= file.size_bytes;
  points_ -= file.points;
  std::error_code ignored;  // a file that stays is sent once more, by the next process: the same points
  fs::remove(path_of(file), ignored);
}

}  // namespace templar
