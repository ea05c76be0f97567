// Whatever a server answers: words come out on one line, short and without control characters; what is read
// as a list has whole entries; nothing crashes or grows without end.
#include "adapters/s3/s3_answer.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = templar::as_text({data, size});
  const templar::S3Refusal refusal = templar::parse_refusal(text);
  CHECK(refusal.code.size() <= 300 && refusal.message.size() <= 300);
  for (const char c : refusal.code + refusal.message) CHECK(static_cast<unsigned char>(c) >= 0x20);
  if (const auto page = templar::parse_list_page(text)) {
    CHECK(page->objects.size() <= 20'000 && page->next.size() <= 4096);
    for (const templar::ObjectInfo& info : page->objects) CHECK(info.version.size() <= 128);
  }
  if (const auto id = templar::parse_upload_id(text)) CHECK(!id->empty());
  static_cast<void>(templar::parse_completion(text));
  return 0;
}
