// Whatever the bytes are, parsing them must end in a Result; and what is accepted must be the one encoding of
// its content.
#include <algorithm>

#include "base/check.h"
#include "core/protocol/contribution.h"
#include "support/fuzz_run.h"

namespace templar {
namespace {

constexpr size_t kPublicKeyOffset = 56;
constexpr size_t kTrailerBytes = 96;

// The same content with the fuzzer's key, a content hash and a signature that fit: what an attacker with a
// key can send.
Bytes with_valid_trailer(Bytes bytes, const KeyPair& key) {
  bytes.resize(bytes.size() - kTrailerBytes);
  std::ranges::copy(key.public_key().bytes, bytes.begin() + kPublicKeyOffset);
  const Hash256 hash = blake2b_256(bytes);
  bytes.insert(bytes.end(), hash.bytes.begin(), hash.bytes.end());
  const Signature signature = key.sign(bytes);
  bytes.insert(bytes.end(), signature.bytes.begin(), signature.bytes.end());
  return bytes;
}

void expect_canonical(const Contribution& contribution, const KeyPair& key) {
  std::vector<EncodedParameter> blocks;
  for (size_t i = 0; i < contribution.block_count(); ++i)
    blocks.push_back(decode_block(contribution.block(i)));
  const Bytes again = seal_contribution(contribution.header(), blocks, fuzz_layout(), fuzz_codec(), key);
  CHECK(std::ranges::equal(again, contribution.bytes()));
}

// Any single block of any shape, without a contribution around it.
void read_one_block(ByteView bytes) {
  if (bytes.empty()) return;
  const int64_t bins = std::max(2, bytes[0] + 1);
  const bool can_have_signs = bins % 2 == 0 && bins <= kMaxBlockLogBins;
  const BlockCoding coding{bytes[0] % 8 == 4                       ? Quantiser::kNone
                           : bytes[0] % 8 == 5                     ? Quantiser::kNoneBf16
                           : can_have_signs && (bytes[0] & 2) != 0 ? Quantiser::kBlockLog
                                                                   : Quantiser::kMean4,
                           bins};
  ByteReader reader(bytes.subspan(1));
  const auto checked = read_coded_block(reader, coding);
  if (!checked) return;
  ByteWriter writer;
  write_coded_block(decode_block(checked->block), coding, writer);
  CHECK(std::ranges::equal(writer.view(), bytes.subspan(1, reader.position())));
}

void fuzz(ByteView input) {
  static const KeyPair key = fuzz_key();
  (void)inspect_contribution(input);
  read_one_block(input);
  (void)parse_contribution(Bytes(input.begin(), input.end()), fuzz_layout(), fuzz_codec());

  Bytes sized(input.begin(), input.end());
  constexpr size_t kSmallest = 178 + kTrailerBytes;
  sized.resize(std::max(kSmallest, sized.size()), 0);
  const Bytes valid = with_valid_trailer(std::move(sized), key);
  if (auto contribution = parse_contribution(valid, fuzz_layout(), fuzz_codec()))
    expect_canonical(*contribution, key);
  if (const auto summary = inspect_contribution(valid)) CHECK(summary->hash_ok && summary->signature_ok);
}

}  // namespace
}  // namespace templar

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  templar::fuzz({data, size});
  return 0;
}
