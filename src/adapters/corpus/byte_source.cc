#include "adapters/corpus/byte_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/bytes.h"
#include "base/files/file.h"
#include "base/utf8.h"

namespace templar {
namespace {

constexpr size_t kRawBufferBytes = 256 << 10;
// What follows the last member is counted up to here, so that an endless pipe has an end.
constexpr uint64_t kMostCountedBytes = 1 << 30;

bool starts_with(ByteView bytes, std::initializer_list<uint8_t> magic) {
  return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin());
}
bool starts_gzip(ByteView bytes) {
  return starts_with(bytes, {0x1f, 0x8b});
}
// A frame of text, or one that readers skip: pzstd begins each of its frames with one that holds its size.
bool starts_zstd(ByteView bytes) {
  if (starts_with(bytes, {0x28, 0xb5, 0x2f, 0xfd})) return true;
  return bytes.size() >= 4 && (bytes[0] & 0xf0) == 0x50 && starts_with(bytes.subspan(1), {0x2a, 0x4d, 0x18});
}

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

// What comes after a member (gzip) or a frame (zstd): true if another one begins, false at the file's end.
// Zeros up to the end are padding, which tapes and block devices leave behind. Fails (fatal) on anything
// else: it may be text whose beginning was damaged.
Result<bool> another_begins(RawFile& file, bool (*begins)(ByteView), std::string_view member) {
  TRY(file.fill(4));
  if (begins(file.buffered())) return true;
  uint64_t padding = 0;
  uint64_t count = 0;
  while (!file.buffered().empty() && count < kMostCountedBytes) {
    const ByteView bytes = file.buffered();
    if (count == 0) {
      const auto zeros = static_cast<size_t>(
          std::ranges::find_if(bytes, [](uint8_t byte) { return byte != 0; }) - bytes.begin());
      padding += zeros;
      count += bytes.size() - zeros;
      if (count > 0) count += padding;
    } else {
      count += bytes.size();
    }
    file.skip(bytes.size());
    TRY(file.fill(1));
  }
  if (count == 0) return false;
  return fatal_error(
      fmt::format("{}: {}{} bytes after the last {} belong to nothing; cut them off, or "
                  "decompress the file by hand",
                  file.name(), count < kMostCountedBytes ? "" : "more than ", count, member));
}

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
      if (!inside_member_) {
        TRY_ASSIGN(inside_member_, another_begins(*file_, starts_gzip, "gzip member"));
        if (!inside_member_) break;
        if (inflateReset(&stream_) != Z_OK) return fatal_error(file_->name() + ": zlib failed");
      }
      TRY(file_->fill(1));
      const ByteView input = file_->buffered();
      if (input.empty()) return fatal_error(file_->name() + ": truncated gzip file");
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
  // Any window that the format allows; memory for it is taken only where a frame asks for it.
  [[nodiscard]] bool start() {
    return stream_ != nullptr &&
           ZSTD_isError(ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax,
                                               ZSTD_dParam_getBounds(ZSTD_d_windowLogMax).upperBound)) == 0U;
  }
  [[nodiscard]] uint64_t raw_bytes() const override { return file_->taken(); }

  [[nodiscard]] Result<size_t> read(std::span<uint8_t> out) override {
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    while (output.pos < output.size) {
      if (!inside_frame_) {
        TRY_ASSIGN(inside_frame_, another_begins(*file_, starts_zstd, "zstd frame"));
        if (!inside_frame_) break;
      }
      TRY(file_->fill(1));
      const ByteView bytes = file_->buffered();
      // What is decoded already may still wait inside when the file's last byte has been taken.
      ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
      const size_t before = output.pos;
      const size_t state = ZSTD_decompressStream(stream_, &output, &input);
      if (ZSTD_isError(state) != 0U) return refuse(state);
      if (bytes.empty() && output.pos == before) return fatal_error(file_->name() + ": truncated zstd file");
      file_->skip(input.pos);
      inside_frame_ = state != 0;
    }
    return output.pos;
  }

 private:
  // Not all that zstd can't read is damaged.
  [[nodiscard]] std::unexpected<Error> refuse(size_t state) const {
    const ZSTD_ErrorCode code = ZSTD_getErrorCode(state);
    if (code == ZSTD_error_dictionary_wrong) {
      return fatal_error(file_->name() +
                         ": was compressed with a dictionary, without which it can't be read; "
                         "decompress it with zstd -d -D DICTIONARY");
    }
    if (code == ZSTD_error_memory_allocation) {
      return fatal_error(file_->name() + ": not enough memory for its window; decompress it elsewhere");
    }
    return fatal_error(file_->name() + ": damaged zstd file: " + ZSTD_getErrorName(state));
  }

  std::unique_ptr<RawFile> file_;
  ZSTD_DStream* stream_;
  bool inside_frame_ = true;
};

template <typename Source>
Result<std::unique_ptr<ByteSource>> start(std::unique_ptr<RawFile> file) {
  auto source = std::make_unique<Source>(std::move(file));
  if (!source->start()) return fatal_error("out of memory for decompression");
  return source;
}

// A format that people keep text in and that is not read here: how to make one of it that is.
struct ForeignFormat {
  std::string_view magic;
  std::string_view name;
  std::string_view conversion;
};
constexpr std::array<ForeignFormat, 6> kForeignFormats = {{
    {{"\xfd"
      "7zXZ\0",
      6},
     "xz",
     "decompress it with xz -dk"},
    {"BZh91AY&SY", "bzip2", "decompress it with bzip2 -dk"},
    {"\x04\x22\x4d\x18", "lz4", "decompress it with lz4 -d"},
    {{"PK\x03\x04", 4}, "zip", "unpack it with unzip"},
    {"7z\xbc\xaf\x27\x1c", "7z", "unpack it with 7z x"},
    {"PAR1\x15", "Parquet",
     "convert it with python3 -c \"import pandas, sys; pandas.read_parquet(sys.argv[1]).to_json(sys.argv[2], "
     "orient='records', lines=True)\" IN.parquet OUT.jsonl and name the column with --jsonl-field"},
}};

bool is_gzip_ending(std::string_view extension) {
  return extension == ".gz";
}
bool is_zstd_ending(std::string_view extension) {
  return extension == ".zst" || extension == ".zstd";
}

Result<std::unique_ptr<ByteSource>> choose_source(std::unique_ptr<RawFile> file,
                                                  const std::string& extension) {
  TRY(file->fill(8));
  const ByteView first = file->buffered();
  if (starts_gzip(first)) return start<GzipSource>(std::move(file));
  if (starts_zstd(first)) return start<ZstdSource>(std::move(file));
  if (is_gzip_ending(extension)) return fatal_error(file->name() + ": not a gzip file");
  if (is_zstd_ending(extension)) return fatal_error(file->name() + ": not a zstd file");
  for (const ForeignFormat& format : kForeignFormats) {
    if (!as_text(first).starts_with(format.magic)) continue;
    return skip_error(fmt::format("{}, which is not read here; {}", format.name, format.conversion));
  }
  return std::make_unique<PlainSource>(std::move(file));
}

}  // namespace

std::string without_compression_ending(const std::string& name) {
  const std::string extension = ascii_lower(std::filesystem::path(name).extension().string());
  const bool is_compressed = is_gzip_ending(extension) || is_zstd_ending(extension);
  return is_compressed ? name.substr(0, name.size() - extension.size()) : name;
}

Result<std::unique_ptr<ByteSource>> open_byte_source(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return file_error(path, errno);
  return choose_source(std::make_unique<RawFile>(file, /*owned=*/true, path.string()),
                       ascii_lower(path.extension().string()));
}

Result<std::unique_ptr<ByteSource>> open_standard_input() {
  return choose_source(std::make_unique<RawFile>(STDIN_FILENO, /*owned=*/false, "standard input"), "");
}

}  // namespace templar
