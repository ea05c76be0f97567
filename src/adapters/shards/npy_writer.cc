#include "adapters/shards/npy_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "adapters/shards/npy.h"
#include "base/check.h"
#include "base/files/file.h"

namespace templar {
namespace {

constexpr size_t kBufferBytes = 1 << 20;

}  // namespace

struct NpyWriter::State {
  std::filesystem::path path;
  NpyType type = NpyType::kU32;
  int file = -1;
  uint64_t count = 0;
  Bytes buffer;

  ~State() {
    if (file >= 0) ::close(file);
  }
  [[nodiscard]] std::unexpected<Error> failure(int error) const { return file_error(path, error); }
  [[nodiscard]] Status write_out(ByteView bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(file, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return failure(errno);
      bytes = bytes.subspan(static_cast<size_t>(written));
    }
    return {};
  }
  [[nodiscard]] Status flush() {
    TRY(write_out(buffer));
    buffer.clear();
    return {};
  }
  [[nodiscard]] Status append(ByteView bytes, uint64_t values) {
    count += values;
    if (buffer.size() + bytes.size() > kBufferBytes) TRY(flush());
    if (bytes.size() > kBufferBytes) return write_out(bytes);
    buffer.insert(buffer.end(), bytes.begin(), bytes.end());
    return {};
  }
};

NpyWriter::NpyWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
NpyWriter::NpyWriter(NpyWriter&&) noexcept = default;
NpyWriter& NpyWriter::operator=(NpyWriter&&) noexcept = default;
NpyWriter::~NpyWriter() = default;

Result<NpyWriter> NpyWriter::create(const std::filesystem::path& path, NpyType type) {
  auto state = std::make_unique<State>();
  state->path = path;
  state->type = type;
  state->file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (state->file < 0) return state->failure(errno);
  // Zeros, no header yet: nobody takes an unfinished file for an array.
  state->buffer.assign(kNpyHeaderSize, 0);
  return NpyWriter(std::move(state));
}

Status NpyWriter::append(std::span<const uint32_t> values) {
  CHECK(state_->type == NpyType::kU32);
  return state_->append(as_bytes(values), values.size());
}

Status NpyWriter::append(std::span<const uint64_t> values) {
  CHECK(state_->type == NpyType::kU64);
  return state_->append(as_bytes(values), values.size());
}

uint64_t NpyWriter::count() const {
  return state_->count;
}

Status NpyWriter::finish() {
  TRY(state_->flush());
  const Bytes header = make_npy_header(state_->type == NpyType::kU32 ? "<u4" : "<u8", state_->count);
  ssize_t written;
  do {
    written = ::pwrite(state_->file, header.data(), header.size(), 0);
  } while (written < 0 && errno == EINTR);
  if (written < 0) return state_->failure(errno);
  if (static_cast<size_t>(written) != header.size()) return state_->failure(ENOSPC);
  if (::fsync(state_->file) != 0) return state_->failure(errno);
  const int file = std::exchange(state_->file, -1);
  if (::close(file) != 0) return state_->failure(errno);
  return {};
}

}  // namespace templar
