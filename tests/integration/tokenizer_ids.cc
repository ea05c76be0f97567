// Encodes texts with a tokenizer of Hugging Face's library: tokenizer_ids TOKENIZER TEXTS IDS reads a JSON
// text a line and writes a line of ids for each. tests/integration/tokenizers_test.sh compares them with
// those of the library itself. Prints the seconds of loading and of encoding, and the separator; ends with 3
// where decoding gives back another text although the tokenizer changes none.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>

#include "adapters/tokenizers/hugging_face_tokenizer.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/files/file.h"
#include "base/json/json.h"

namespace templar::testing {
namespace {

std::vector<std::string> read_texts(const std::string& path) {
  const auto content = read_file(path, size_t{256} << 20);
  CHECK(content.has_value());
  std::vector<std::string> texts;
  std::string_view rest = as_text(*content);
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    const auto json = parse_json(rest.substr(0, end), {.max_bytes = size_t{256} << 20});
    CHECK(json.has_value() && json->text() != nullptr);
    texts.push_back(*json->text());
    rest.remove_prefix(end + 1);
  }
  return texts;
}

int run(const std::string& path, const std::string& texts_file, const std::string& ids_file,
        bool keeps_text) {
  const Stopwatch loading;
  const auto tokenizer = load_hugging_face_tokenizer(path);
  if (!tokenizer) {
    fmt::print(stderr, "{}\n", tokenizer.error().message);
    return 1;
  }
  const double load_seconds = loading.seconds();
  const std::vector<std::string> texts = read_texts(texts_file);
  std::vector<std::vector<uint32_t>> ids;
  const Stopwatch encoding;
  for (const std::string& text : texts) ids.push_back((*tokenizer)->encode(text));
  const double encode_seconds = encoding.seconds();
  std::string lines;
  for (size_t i = 0; i < texts.size(); ++i) {
    lines += fmt::format("{}\n", fmt::join(ids[i], " "));
    if (keeps_text && (*tokenizer)->decode(ids[i]) != texts[i]) {
      fmt::print(stderr, "text {} is not what its tokens decode to\n", i + 1);
      return 3;
    }
  }
  CHECK(write_file_atomically(ids_file, as_bytes(lines)).has_value());
  fmt::print(
      "{{\"load_seconds\": {:.4f}, \"encode_seconds\": {:.4f}, \"separator\": {}, \"vocab_size\": {}}}\n",
      load_seconds, encode_seconds, (*tokenizer)->separator_id(), (*tokenizer)->vocab_size());
  return 0;
}

}  // namespace
}  // namespace templar::testing

int main(int argc, char** argv) {
  if (argc < 4) {
    fmt::print(stderr, "usage: tokenizer_ids TOKENIZER TEXTS IDS [keeps-text]\n");
    return 2;
  }
  return templar::testing::run(argv[1], argv[2], argv[3], argc > 4);
}
