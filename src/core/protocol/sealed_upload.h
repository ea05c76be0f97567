// A sealed upload: how a miner stores a contribution while others may still store theirs. The contribution is
// encrypted under a key of this one contribution, and the key is published once nobody can store anything any
// more. The bytes are described in docs/protocol.md. All functions here are pure and may run on any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/hash.h"
#include "base/keys/keys.h"
#include "base/keys/piece_cipher.h"
#include "core/protocol/contribution.h"

namespace templar {

constexpr uint16_t kUploadVersion = 1;
constexpr size_t kUploadHeaderBytes = 218;             // all that is not encrypted, its signature included
constexpr size_t kUploadPieceBytes = size_t{1} << 20;  // of the contribution, encrypted as one
// The object that the key is published in has these bytes and no others.
constexpr size_t kUploadKeyBytes = sizeof(CipherKey);

struct UploadHeader {
  Hash256 run_id;
  int64_t window = 0;  // >= 0
  uint32_t uid = 0;
  PublicKey public_key;
  Hash256 content_hash;    // of the contribution: the name under which records speak of it
  Hash256 key_hash;        // upload_key_hash of the only key that opens it
  int64_t size_bytes = 0;  // of the contribution

  bool operator==(const UploadHeader&) const = default;
};

// The miner's key for that contribution: a hash of its signature, so that nobody else can tell it, and the
// miner itself needs to remember nothing. Another contribution has another key, even in the same window.
[[nodiscard]] CipherKey upload_key(const KeyPair& key, const Hash256& run_id, int64_t window,
                                   const Hash256& content_hash);
[[nodiscard]] Hash256 upload_key_hash(const CipherKey& key);

// The one encoding: the header, signed, and the contribution, encrypted. header.public_key, key_hash and
// size_bytes are overwritten with what they must be. content is not looked at.
[[nodiscard]] Bytes seal_upload(UploadHeader header, ByteView content, const CipherKey& upload_key,
                                const KeyPair& key);
// The same with the header and the key that belong to a contribution: the bytes that seal_contribution has
// made of this header with this pair.
[[nodiscard]] Bytes seal_upload(const ContributionHeader& header, ByteView contribution, const KeyPair& key);

// How many bytes the upload of a contribution of that size has.
[[nodiscard]] int64_t upload_size(int64_t contribution_bytes);
// No upload of a contribution of this layout and codec spec is larger.
[[nodiscard]] int64_t max_upload_size(const ParameterLayout& layout, const CodecSpec& codec);

// Whether the bytes begin as those of a sealed upload do, of whatever version.
[[nodiscard]] bool is_sealed_upload(ByteView bytes);

// The header of an upload that begins with these bytes, which may go on or not. Fails (skip) and names the
// field, unless magic, version and signature are right. Does not judge who sent it or for which window:
// check_upload does.
[[nodiscard]] Result<UploadHeader> parse_upload_header(ByteView bytes);

// kAccepted, or kInvalid with the first field that differs. expected.samples are not in an upload.
[[nodiscard]] Verdict check_upload(const UploadHeader& header, const ExpectedContribution& expected);

// Hands the contribution's bytes to the sink, in pieces. Fails (skip) unless these are all bytes of the
// upload that the header belongs to, which must have been parsed from them, and the key is the one that opens
// it; and as the sink does. A contribution that was opened is the header's if it has its content hash.
[[nodiscard]] Status open_upload(const UploadHeader& header, ByteView upload, const CipherKey& upload_key,
                                 const std::function<Status(ByteView piece)>& sink);
// The contribution's bytes, in memory: parse_upload_header and open_upload in one. Fails (skip) as they do.
[[nodiscard]] Result<Bytes> open_whole_upload(ByteView upload, const CipherKey& upload_key);

}  // namespace templar
