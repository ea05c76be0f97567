// Any bytes as a manifest: either refused, or what was signed.
#include "base/bytes.h"
#include "formats/checkpoint/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static_cast<void>(templar::open_manifest(templar::as_text({data, size})));
  return 0;
}
