#include "adapters/http/gzip.h"

#include <zlib.h>

#include <algorithm>

#include "base/check.h"

namespace templar {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib's way to say: a gzip header

}  // namespace

Bytes gzip(std::string_view text, int level) {
  z_stream stream{};
  CHECK(::deflateInit2(&stream, level, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes out(::deflateBound(&stream, text.size()));
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  const int outcome = ::deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  CHECK(outcome == Z_STREAM_END);
  return out;
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
