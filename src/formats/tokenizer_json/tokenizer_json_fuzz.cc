// Any bytes as a tokenizer.json: either refused, or a model whose ids are those of tokens.
#include "base/bytes.h"
#include "base/check.h"
#include "formats/tokenizer_json/tokenizer_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace templar;
  const auto tokenizer = parse_tokenizer_json(as_text({data, size}));
  if (!tokenizer) return 0;
  const auto is_token = [&](uint32_t id) { return token_text(*tokenizer, id).has_value(); };
  for (const auto& merge : tokenizer->merges)
    CHECK(is_token(merge.left) && is_token(merge.right) && is_token(merge.merged));
  for (const auto& token : tokenizer->added_tokens) CHECK(token_text(*tokenizer, token.id) == token.content);
  CHECK(!tokenizer->unknown || is_token(*tokenizer->unknown));
  const auto separator = separator_of(*tokenizer, std::nullopt);
  CHECK(!separator || is_token(*separator));
  return 0;
}
