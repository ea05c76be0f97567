// Whatever the bytes are, reading and opening them must end in a Result; and what is opened must be what was
// sealed, to the last byte.
#include <algorithm>

#include "base/check.h"
#include "core/protocol/sealed_upload.h"
#include "support/fuzz_run.h"

namespace templar {
namespace {

constexpr CipherKey kFuzzUploadKey{{4, 5, 6}};

Result<Bytes> opened(ByteView upload) {
  TRY_ASSIGN(Bytes content, open_whole_upload(upload, kFuzzUploadKey));
  const UploadHeader header = parse_upload_header(upload).value();
  const Bytes again = seal_upload(header, content, kFuzzUploadKey, fuzz_key());
  // Another key's signature, if it is right, is as good.
  CHECK(header.public_key != fuzz_key().public_key() || std::ranges::equal(again, upload));
  return content;
}

void fuzz(ByteView input) {
  static const KeyPair key = fuzz_key();
  (void)opened(input);
  // The same with a signature that fits: what an attacker with a key can store.
  constexpr size_t kSignedBytes = kUploadHeaderBytes - sizeof(Signature);
  Bytes signed_input(input.begin(), input.end());
  signed_input.resize(std::max(signed_input.size(), kUploadHeaderBytes + 1));
  constexpr size_t kPublicKeyOffset = 50;
  std::ranges::copy(key.public_key().bytes, signed_input.begin() + kPublicKeyOffset);
  const Signature signature = key.sign(ByteView(signed_input).first(kSignedBytes));
  std::ranges::copy(signature.bytes, signed_input.begin() + kSignedBytes);
  (void)opened(signed_input);
  // And the input as a content.
  if (input.empty()) return;
  const auto content = opened(seal_upload(UploadHeader(), input, kFuzzUploadKey, key));
  CHECK(content && std::ranges::equal(*content, input));
}

}  // namespace
}  // namespace templar

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  templar::fuzz({data, size});
  return 0;
}
