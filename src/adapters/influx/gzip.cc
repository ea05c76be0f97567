#include "adapters/influx/gzip.h"

#include <zlib.h>

#include <algorithm>

#include "adapters/http/gzip.h"
#include "base/check.h"

namespace templar {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib's way to say: a gzip header

}  // namespace

Bytes gzip(std::string_view text) {
  const std::string packed = gzip_compressed(text);
  return {packed.begin(), packed.end()};
}

Result<std::string> gunzip(ByteView bytes, size_t max_bytes) {
  z_stream stream{};
  CHECK(::inflateInit2(&stream, kGzipWindow) == Z_OK);
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string text;
  int outcome = Z_OK;
  while (outcome == Z_OK && text.size() <= max_bytes) {
    const size_t before = text.size();
    text.resize(before + std::max<size_t>(4 * bytes.size(), 1024));
    stream.next_out = reinterpret_cast<Bytef*>(text.data() + before);
    stream.avail_out = static_cast<uInt>(text.size() - before);
    outcome = ::inflate(&stream, Z_NO_FLUSH);
    text.resize(text.size() - stream.avail_out);
  }
  const bool all_read = stream.avail_in == 0;
  ::inflateEnd(&stream);
  if (text.size() > max_bytes) return skip_error("gzip: more than " + std::to_string(max_bytes) + " bytes");
  if (outcome != Z_STREAM_END || !all_read) return skip_error("gzip: damaged or cut off");
  return text;
}

}  // namespace templar
