#include "core/protocol/sealed_upload.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace templar {
namespace {

constexpr std::string_view kUploadMagic = "TPLU";
constexpr size_t kUnsignedHeaderBytes = kUploadHeaderBytes - sizeof(Signature);
// What no contribution comes near to, so that sizes can be computed with.
constexpr uint64_t kMostContentBytes = uint64_t{1} << 53;

int64_t pieces_of(int64_t content_bytes) {
  constexpr int64_t kPiece = kUploadPieceBytes;
  return content_bytes / kPiece + (content_bytes % kPiece != 0 ? 1 : 0);
}

Bytes write_upload_header(const UploadHeader& header) {
  ByteWriter writer;
  writer.put_bytes(as_bytes(kUploadMagic));
  writer.put(kUploadVersion);
  writer.put_bytes(header.run_id.bytes);
  writer.put<uint64_t>(header.window);
  writer.put(header.uid);
  writer.put_bytes(header.public_key.bytes);
  writer.put_bytes(header.content_hash.bytes);
  writer.put_bytes(header.key_hash.bytes);
  writer.put<uint64_t>(header.size_bytes);
  CHECK(writer.size() == kUnsignedHeaderBytes);
  return writer.take();
}

template <size_t size>
Status read_upload_array(ByteReader& reader, std::array<uint8_t, size>& out, const char* field) {
  TRY_ASSIGN(const ByteView bytes, reader.get_bytes(size, field));
  std::ranges::copy(bytes, out.begin());
  return {};
}

}  // namespace

CipherKey upload_key(const KeyPair& key, const Hash256& run_id, int64_t window, const Hash256& content_hash) {
  ByteWriter message;
  message.put_bytes(as_bytes("templar.upload.v1"));
  message.put_bytes(run_id.bytes);
  message.put<uint64_t>(window);
  message.put_bytes(content_hash.bytes);
  const Signature secret = key.sign(message.view());
  return {Blake2b(sizeof(Hash256), as_bytes("templar upload key v1")).update(secret.bytes).finish256().bytes};
}

Hash256 upload_key_hash(const CipherKey& key) {
  return Blake2b(sizeof(Hash256), as_bytes("templar upload key hash v1")).update(key.bytes).finish256();
}

Bytes seal_upload(UploadHeader header, ByteView content, const CipherKey& upload_key, const KeyPair& key) {
  CHECK(header.window >= 0 && !content.empty());
  header.public_key = key.public_key();
  header.key_hash = upload_key_hash(upload_key);
  header.size_bytes = std::ssize(content);
  const Bytes companion = write_upload_header(header);
  Bytes upload;
  upload.reserve(static_cast<size_t>(upload_size(header.size_bytes)));
  upload.insert(upload.end(), companion.begin(), companion.end());
  const Signature signature = key.sign(companion);
  upload.insert(upload.end(), signature.bytes.begin(), signature.bytes.end());
  for (uint64_t number = 0; !content.empty(); ++number) {
    const ByteView piece = content.first(std::min(kUploadPieceBytes, content.size()));
    const Bytes encrypted = encrypt_piece(upload_key, number, companion, piece);
    upload.insert(upload.end(), encrypted.begin(), encrypted.end());
    content = content.subspan(piece.size());
  }
  return upload;
}

Bytes seal_upload(const ContributionHeader& header, ByteView contribution, const KeyPair& key) {
  const Hash256 content_hash = stated_content_hash(contribution);
  return seal_upload({.run_id = header.run_id,
                      .window = header.window,
                      .uid = header.uid,
                      .public_key = {},
                      .content_hash = content_hash,
                      .key_hash = {}},
                     contribution, upload_key(key, header.run_id, header.window, content_hash), key);
}

int64_t upload_size(int64_t contribution_bytes) {
  return static_cast<int64_t>(kUploadHeaderBytes) + contribution_bytes +
         pieces_of(contribution_bytes) * static_cast<int64_t>(kPieceTagBytes);
}

int64_t max_upload_size(const ParameterLayout& layout, const CodecSpec& codec) {
  return upload_size(max_contribution_size(layout, codec));
}

bool is_sealed_upload(ByteView bytes) {
  return as_text(bytes).starts_with(kUploadMagic);
}

Result<UploadHeader> parse_upload_header(ByteView bytes) {
  if (bytes.size() < kUploadHeaderBytes) {
    return skip_error(fmt::format("size: {} bytes, a sealed upload's header alone has {}", bytes.size(),
                                  kUploadHeaderBytes));
  }
  ByteReader reader(bytes.first(kUploadHeaderBytes));
  TRY_ASSIGN(const ByteView magic, reader.get_bytes(kUploadMagic.size(), "magic"));
  if (as_text(magic) != kUploadMagic)
    return skip_error(fmt::format("magic: {} is not a sealed upload's", to_hex(magic)));
  TRY_ASSIGN(const auto version, reader.get<uint16_t>("version"));
  if (version != kUploadVersion)
    return skip_error(fmt::format("version: {}, only {} is known", version, kUploadVersion));
  UploadHeader header;
  TRY(read_upload_array(reader, header.run_id.bytes, "run id"));
  TRY_ASSIGN(const auto window, reader.get<uint64_t>("window"));
  if (window > INT64_MAX) return skip_error(fmt::format("window: {} is out of range", window));
  header.window = static_cast<int64_t>(window);
  TRY_ASSIGN(header.uid, reader.get<uint32_t>("uid"));
  TRY(read_upload_array(reader, header.public_key.bytes, "public key"));
  TRY(read_upload_array(reader, header.content_hash.bytes, "content hash"));
  TRY(read_upload_array(reader, header.key_hash.bytes, "key hash"));
  TRY_ASSIGN(const auto size, reader.get<uint64_t>("size"));
  if (size == 0 || size > kMostContentBytes) return skip_error(fmt::format("size: {} is out of range", size));
  header.size_bytes = static_cast<int64_t>(size);
  Signature signature;
  TRY(read_upload_array(reader, signature.bytes, "signature"));
  if (!verify(header.public_key, bytes.first(kUnsignedHeaderBytes), signature))
    return skip_error(fmt::format("signature: not by key {}", header.public_key.hex()));
  return header;
}

Verdict check_upload(const UploadHeader& header, const ExpectedContribution& expected) {
  if (header.run_id != expected.run_id) return invalid_verdict("upload's run id: of another run");
  if (header.window != expected.window)
    return invalid_verdict(fmt::format("upload's window: {} instead of {}", header.window, expected.window));
  if (header.uid != expected.uid)
    return invalid_verdict(fmt::format("upload's uid: {} instead of {}", header.uid, expected.uid));
  if (header.public_key != expected.public_key) {
    return invalid_verdict(fmt::format("upload's public key: {} is not the key of uid {}",
                                       header.public_key.hex(), expected.uid));
  }
  if (expected.content_hash && header.content_hash != *expected.content_hash) {
    return invalid_verdict(fmt::format("upload's content hash: {}, the record names {}",
                                       header.content_hash.brief(), expected.content_hash->brief()));
  }
  return {};
}

Status open_upload(const UploadHeader& header, ByteView upload, const CipherKey& upload_key,
                   const std::function<Status(ByteView piece)>& sink) {
  if (std::ssize(upload) != upload_size(header.size_bytes)) {
    return skip_error(fmt::format("size: {} bytes, the upload of {} has {}", upload.size(), header.size_bytes,
                                  upload_size(header.size_bytes)));
  }
  if (upload_key_hash(upload_key) != header.key_hash)
    return skip_error("upload key: not the one that its header names");
  const ByteView companion = upload.first(kUnsignedHeaderBytes);
  ByteView rest = upload.subspan(kUploadHeaderBytes);
  for (uint64_t number = 0; !rest.empty(); ++number) {
    const ByteView encrypted = rest.first(std::min(kUploadPieceBytes + kPieceTagBytes, rest.size()));
    const auto piece = decrypt_piece(upload_key, number, companion, encrypted);
    if (!piece) return skip_error(fmt::format("upload: piece {} was not sealed like this", number));
    TRY(sink(*piece));
    rest = rest.subspan(encrypted.size());
  }
  return {};
}

Result<Bytes> open_whole_upload(ByteView upload, const CipherKey& upload_key) {
  TRY_ASSIGN(const UploadHeader header, parse_upload_header(upload));
  Bytes content;
  TRY(open_upload(header, upload, upload_key, [&content](ByteView piece) -> Status {
    content.insert(content.end(), piece.begin(), piece.end());
    return {};
  }));
  return content;
}

}  // namespace templar
