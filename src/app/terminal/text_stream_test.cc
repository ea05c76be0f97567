#include "app/terminal/text_stream.h"

#include <gtest/gtest.h>

#include "adapters/tokenizers/sentencepiece_tokenizer.h"

namespace templar::testing {
namespace {

std::vector<std::string> pieces_of(const Tokenizer& tokenizer, const std::vector<uint32_t>& prompt,
                                   const std::vector<uint32_t>& tokens) {
  TextStream stream(tokenizer, prompt);
  std::vector<std::string> pieces;
  for (const uint32_t token : tokens) pieces.push_back(stream.append(token));
  pieces.push_back(stream.finish());
  return pieces;
}

std::string joined(const std::vector<std::string>& pieces) {
  std::string text;
  for (const std::string& piece : pieces) text += piece;
  return text;
}

// 256 bytes, three special tokens and a few more.
const Tokenizer& sentencepiece() {
  static const auto tokenizer = [] {
    const std::vector<std::string> texts(50, "the window of the miner and the root of the window\n");
    const Bytes model = train_sentencepiece_model(texts, 290).value();
    return make_sentencepiece_tokenizer(model, "test").value();
  }();
  return *tokenizer;
}

TEST(TextStream, HoldsBackACharacterUntilAllItsBytesAreThere) {
  const auto bytes = make_byte_tokenizer();
  using Pieces = std::vector<std::string>;
  EXPECT_EQ(pieces_of(*bytes, {'x'}, {'a', 0xe2, 0x82, 0xac, 'b'}), (Pieces{"a", "", "", "€", "b", ""}));
  EXPECT_EQ(pieces_of(*bytes, {}, {0xf0, 0x9f, 0x98, 0x80}), (Pieces{"", "", "", "\U0001F600", ""}));
}

TEST(TextStream, GivesOutBytesThatBecomeNoCharacter) {
  const auto bytes = make_byte_tokenizer();
  EXPECT_EQ(joined(pieces_of(*bytes, {}, {'a', 0xe2, 0x82})), "a\xe2\x82");
  EXPECT_EQ(joined(pieces_of(*bytes, {}, {0xe2, 'b', 0x80, 0x80})),
            "\xe2"
            "b\x80\x80");
  const std::vector<uint32_t> leads(20, 0xc3);
  const auto pieces = pieces_of(*bytes, {}, leads);
  EXPECT_EQ(joined(pieces), std::string(20, '\xc3'));
  EXPECT_TRUE(pieces.back().size() <= 4) << "not all of it waits for the end";
}

TEST(TextStream, GivesTogetherWhatTheTokensMean) {
  const std::string text = " the window  of the € miner\n\n  and \U0001F600 root";
  const std::vector<uint32_t> tokens = sentencepiece().encode(text);
  for (const size_t prompt : {size_t{0}, size_t{1}, size_t{5}, tokens.size() / 2}) {
    const std::vector<uint32_t> before(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(prompt));
    const std::vector<uint32_t> after(tokens.begin() + static_cast<std::ptrdiff_t>(prompt), tokens.end());
    EXPECT_EQ(sentencepiece().decode(before) + joined(pieces_of(sentencepiece(), before, after)), text)
        << prompt;
  }
}

}  // namespace
}  // namespace templar::testing
