// Any bytes as a tokenizer.json, up to a zero byte, and as the text that it encodes: ids are tokens other
// than the separator, and what they stand for can be told.
#include <algorithm>

#include "adapters/tokenizers/hugging_face_tokenizer.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace templar;
  const std::string_view input = as_text({data, size});
  const size_t end = std::min(input.find('\0'), input.size());
  const auto tokenizer =
      make_hugging_face_tokenizer(as_bytes(input.substr(0, end)), std::optional<std::string>(), "fuzz");
  if (!tokenizer) return 0;
  const std::string_view text = end == input.size() ? input : input.substr(end + 1);
  const std::vector<uint32_t> ids = (*tokenizer)->encode(text);
  for (const uint32_t id : ids) CHECK(id < (*tokenizer)->vocab_size() && id != (*tokenizer)->separator_id());
  CHECK(ids == (*tokenizer)->encode(text));
  (void)(*tokenizer)->decode(ids);
  return 0;
}
