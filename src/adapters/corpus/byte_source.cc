#include "adapters/corpus/byte_source.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/bytes.h"
#include "base/files/file.h"

namespace templar {
namespace {

constexpr size_t kRawBufferBytes = 256 << 10;

// The file's own bytes, with a look at the first ones.
class RawFile {
 public:
  RawFile(int file, bool owned, std::string name) : file_(file), owned_(owned), name_(std::move(name)) {}
  RawFile(const RawFile&) = delete;
  RawFile& operator=(const RawFile&) = delete;
  ~RawFile() {
    if (owned_) ::close(file_);
  }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] uint64_t taken() const { return taken_; }
  [[nodiscard]] ByteView buffered() const { return ByteView(buffer_).subspan(position_); }
  void skip(size_t count) {
    position_ += count;
    taken_ += count;
  }
  // Makes at least `wanted` bytes available (or all there are).
  [[nodiscard]] Status fill(size_t wanted) {
    while (buffered().size() < wanted) {
      buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(position_));
      position_ = 0;
      const size_t old_size = buffer_.size();
      buffer_.resize(old_size + kRawBufferBytes);
      const ssize_t count = ::read(file_, buffer_.data() + old_size, kRawBufferBytes);
      const int error = errno;
      buffer_.resize(old_size + static_cast<size_t>(std::max<ssize_t>(count, 0)));
      if (count < 0 && error == EINTR) continue;
      if (count < 0) return fatal_error(name_ + ": " + std::strerror(error));
      if (count == 0) break;
    }
    return {};
  }

 private:
  int file_;
  bool owned_;
  std::string name_;
  Bytes buffer_;
  size_t position_ = 0;
  uint64_t taken_ = 0;
};

class PlainSource final : public ByteSource {
 public:
  explicit PlainSource(std::unique_ptr<RawFile> file) : file_(std::move(file)) {}
  [[nodiscard]] uint64_t raw_bytes() const override { return file_->taken(); }
  [[nodiscard]] Result<size_t> read(std::span<uint8_t> out) override {
    size_t filled = 0;
    while (filled < out.size()) {
      TRY(file_->fill(1));
      const ByteView bytes = file_->buffered().first(std::min(file_->buffered().size(), out.size() - filled));
      if (bytes.empty()) break;
      std::ranges::copy(bytes, out.begin() + static_cast<std::ptrdiff_t>(filled));
      filled += bytes.size();
      file_->skip(bytes.size());
    }
    return filled;
  }

 private:
  std::unique_ptr<RawFile> file_;
};

class GzipSource final : public ByteSource {
 public:
  explicit GzipSource(std::unique_ptr<RawFile> file) : file_(std::move(file)) {}
  ~GzipSource() override { inflateEnd(&stream_); }
  // 15 bits of window, and 16 for the gzip wrapper.
  [[nodiscard]] bool start() { return inflateInit2(&stream_, 15 + 16) == Z_OK; }
  [[nodiscard]] uint64_t raw_bytes() const override { return file_->taken(); }

  [[nodiscard]] Result<size_t> read(std::span<uint8_t> out) override {
    stream_.next_out = out.data();
    stream_.avail_out = static_cast<uInt>(out.size());
    while (stream_.avail_out > 0) {
      TRY(file_->fill(1));
      const ByteView input = file_->buffered();
      if (input.empty() && !inside_member_) break;
      if (input.empty()) return fatal_error(file_->name() + ": truncated gzip file");
      if (!inside_member_ && inflateReset(&stream_) != Z_OK)
        return fatal_error(file_->name() + ": zlib failed");
      inside_member_ = true;
      stream_.next_in = const_cast<Bytef*>(input.data());
      stream_.avail_in = static_cast<uInt>(input.size());
      const int state = inflate(&stream_, Z_NO_FLUSH);
      file_->skip(input.size() - stream_.avail_in);
      if (state == Z_STREAM_END) {
        inside_member_ = false;  // another member may follow
        // Z_BUF_ERROR only says that it needs more input, or more room.
      } else if (state != Z_OK && state != Z_BUF_ERROR) {
        return fatal_error(file_->name() +
                           ": damaged gzip file: " + (stream_.msg != nullptr ? stream_.msg : zError(state)));
      }
    }
    return out.size() - stream_.avail_out;
  }

 private:
  std::unique_ptr<RawFile> file_;
  z_stream stream_{};
  bool inside_member_ = true;
};

class ZstdSource final : public ByteSource {
 public:
  explicit ZstdSource(std::unique_ptr<RawFile> file)
      : file_(std::move(file)), stream_(ZSTD_createDStream()) {}
  ~ZstdSource() override { ZSTD_freeDStream(stream_); }
  [[nodiscard]] bool start() { return stream_ != nullptr; }
  [[nodiscard]] uint64_t raw_bytes() const override { return file_->taken(); }

  [[nodiscard]] Result<size_t> read(std::span<uint8_t> out) override {
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    while (output.pos < output.size) {
      TRY(file_->fill(1));
      const ByteView bytes = file_->buffered();
      // What is decoded already may still wait inside when the file's last byte has been taken.
      ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
      if (bytes.empty() && !inside_frame_) break;
      const size_t before = output.pos;
      const size_t state = ZSTD_decompressStream(stream_, &output, &input);
      if (ZSTD_isError(state) != 0U) {
        return fatal_error(file_->name() + ": damaged zstd file: " + ZSTD_getErrorName(state));
      }
      if (bytes.empty() && output.pos == before) return fatal_error(file_->name() + ": truncated zstd file");
      file_->skip(input.pos);
      inside_frame_ = state != 0;
    }
    return output.pos;
  }

 private:
  std::unique_ptr<RawFile> file_;
  ZSTD_DStream* stream_;
  bool inside_frame_ = true;
};

bool starts_with(ByteView bytes, std::initializer_list<uint8_t> magic) {
  return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin());
}

template <typename Source>
Result<std::unique_ptr<ByteSource>> start(std::unique_ptr<RawFile> file) {
  auto source = std::make_unique<Source>(std::move(file));
  if (!source->start()) return fatal_error("out of memory for decompression");
  return source;
}

Result<std::unique_ptr<ByteSource>> choose_source(std::unique_ptr<RawFile> file,
                                                  const std::string& extension) {
  TRY(file->fill(4));
  const ByteView first = file->buffered();
  if (starts_with(first, {0x1f, 0x8b})) return start<GzipSource>(std::move(file));
  if (starts_with(first, {0x28, 0xb5, 0x2f, 0xfd})) return start<ZstdSource>(std::move(file));
  if (extension == ".gz") return fatal_error(file->name() + ": not a gzip file");
  if (extension == ".zst") return fatal_error(file->name() + ": not a zstd file");
  return std::make_unique<PlainSource>(std::move(file));
}

}  // namespace

Result<std::unique_ptr<ByteSource>> open_byte_source(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return file_error(path, errno);
  return choose_source(std::make_unique<RawFile>(file, /*owned=*/true, path.string()),
                       path.extension().string());
}

Result<std::unique_ptr<ByteSource>> open_standard_input() {
  return choose_source(std::make_unique<RawFile>(STDIN_FILENO, /*owned=*/false, "standard input"), "");
}

}  // namespace templar
