#include "adapters/tokenizers/hugging_face_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "base/files/file.h"
#include "support/expect_failure.h"
#include "support/fuzz_corpus.h"
#include "support/json_values.h"
#include "support/temporary_folder.h"
#include "support/tokenizer_json_file.h"

namespace templar::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

Result<std::unique_ptr<Tokenizer>> made(const Json& json) {
  return make_hugging_face_tokenizer(as_bytes(to_text(json)), std::optional<std::string>(), "x.json");
}

std::unique_ptr<Tokenizer> tokenizer_of(const Json& json) {
  auto tokenizer = made(json);
  EXPECT_TRUE(tokenizer) << tokenizer.error().message;
  return std::move(*tokenizer);
}

std::unique_ptr<Tokenizer> tokenizer_with(Json json, const char* path, Json value) {
  part(json, path) = std::move(value);
  return tokenizer_of(json);
}

TEST(HuggingFaceTokenizer, MergesBytesWithinPieces) {
  const auto tokenizer = tokenizer_of(byte_level_tokenizer());
  EXPECT_EQ(tokenizer->name(), "huggingface");
  EXPECT_EQ(tokenizer->vocab_size(), 264);
  EXPECT_EQ(tokenizer->separator_id(), 261);
  EXPECT_THAT(tokenizer->encode("low lower"), ElementsAre(257, 259, 258));
  EXPECT_THAT(tokenizer->encode("lower"), ElementsAre(260));
  EXPECT_THAT(tokenizer->encode("lo\nlowest"), ElementsAre(256, '\n', 257, 'e', 's', 't'));
  EXPECT_THAT(tokenizer->encode("\xc3\xa9"), ElementsAre(0xc3, 0xa9));
  EXPECT_THAT(tokenizer->encode(""), IsEmpty());
}

TEST(HuggingFaceTokenizer, TakesASeparatorsTextForText) {
  const auto tokenizer = tokenizer_of(byte_level_tokenizer());
  const std::string text = "low<|endoftext|><|user|>low";
  std::vector<uint32_t> wanted = {257};
  for (const char c : std::string("<|endoftext|>")) wanted.push_back(static_cast<uint8_t>(c));
  wanted.insert(wanted.end(), {262, 257});
  EXPECT_THAT(tokenizer->encode(text), ElementsAreArray(wanted));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
}

// GPT-2 has its separator in the vocabulary as well, and others have merges that lead to it.
TEST(HuggingFaceTokenizer, NeverGivesASeparatorThatTheModelHas) {
  Json json = byte_level_tokenizer();
  part(json, "added_tokens[0].id") = 257;
  part(json, "added_tokens[0].content") = "low";
  json["model"]["ignore_merges"] = true;
  const auto tokenizer =
      make_hugging_face_tokenizer(as_bytes(to_text(json)), uint32_t{257}, "x.json").value();
  EXPECT_THAT(tokenizer->encode("low lower"), ElementsAre(256, 'w', ' ', 256, 'w', 258));
}

TEST(HuggingFaceTokenizer, GivesBackEveryTextThatIsUtf8) {
  std::string text;
  for (char32_t c = 1; c < 0x3000; c += 7) {
    if (c >= 0x800) {
      text += static_cast<char>(0xe0 | c >> 12);
      text += static_cast<char>(0x80 | (c >> 6 & 0x3f));
      text += static_cast<char>(0x80 | (c & 0x3f));
    } else if (c < 0x80) {
      text += static_cast<char>(c);
    }
  }
  for (const Json& json : {byte_level_tokenizer(), byte_fallback_tokenizer()}) {
    const auto tokenizer = tokenizer_of(json);
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  }
}

TEST(HuggingFaceTokenizer, ReplacesBytesThatAreNoUtf8) {
  const auto tokenizer = tokenizer_of(byte_level_tokenizer());
  EXPECT_THAT(tokenizer->encode("a\xff"), ElementsAre('a', 0xef, 0xbf, 0xbd));
}

TEST(HuggingFaceTokenizer, LeavesSeparatorsAndForeignIdsOutOfTheText) {
  const auto tokenizer = tokenizer_of(byte_level_tokenizer());
  EXPECT_EQ(tokenizer->decode(std::vector<uint32_t>{257, 261, 264, 4'000'000'000, 262}), "low<|user|>");
}

TEST(HuggingFaceTokenizer, PrefersAWholePieceWhereMergesAreIgnored) {
  Json json = byte_level_tokenizer();
  erase_part(json, "model.merges[4]");
  EXPECT_THAT(tokenizer_of(json)->encode("lower"), ElementsAre(257, 258));
  json["model"]["ignore_merges"] = true;
  EXPECT_THAT(tokenizer_of(json)->encode("lower"), ElementsAre(260));
}

TEST(HuggingFaceTokenizer, CutsByItsOwnPattern) {
  // Llama 3's: digits in threes, signs with the line's end that follows.
  const char* llama =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
      " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  const Json split = JsonObject{{"type", "Split"},
                                {"pattern", JsonObject{{"Regex", llama}}},
                                {"behavior", "Isolated"},
                                {"invert", false}};
  const Json bytes = JsonObject{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  const Json steps = JsonObject{{"type", "Sequence"}, {"pretokenizers", JsonList{split, bytes}}};
  const auto tokenizer = tokenizer_with(byte_level_tokenizer(), "pre_tokenizer", steps);
  EXPECT_THAT(tokenizer->encode("low'LO"), ElementsAre(257, '\'', 'L', 'O'));
  // "!lower" is one piece, in which "lower" is merged all the same; with "er" cut off it is not.
  EXPECT_THAT(tokenizer->encode("!lower 12345"), ElementsAre('!', 260, ' ', '1', '2', '3', '4', '5'));
}

TEST(HuggingFaceTokenizer, WritesUnknownCharactersInBytes) {
  const auto tokenizer = tokenizer_of(byte_fallback_tokenizer());
  EXPECT_EQ(tokenizer->separator_id(), 257);
  EXPECT_THAT(tokenizer->encode("abc ab  ab"), ElementsAre(264, 263, 258, 263));
  EXPECT_THAT(tokenizer->encode("a\xc3\xa9"
                                "b\n"),
              ElementsAre(259, 0xc3, 0xa9, 260, 10));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(" abc  \xc3\xa9\xe2\x82\xac ab")),
            " abc  \xc3\xa9\xe2\x82\xac ab");
  // A space that the text has as U+2581 comes back as a space.
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("\u2581")), " ");
}

TEST(HuggingFaceTokenizer, FusesUnknownCharactersIfItIsToldTo) {
  Json json = byte_fallback_tokenizer();
  json["model"]["byte_fallback"] = false;
  EXPECT_THAT(tokenizer_of(json)->encode("axyzb"), ElementsAre(259, 256, 260));
  json["model"]["fuse_unk"] = false;
  EXPECT_THAT(tokenizer_of(json)->encode("axyzb"), ElementsAre(259, 256, 256, 256, 260));
  json["model"]["unk_token"] = nullptr;
  EXPECT_THAT(tokenizer_of(json)->encode("axyzb"), ElementsAre(262));
}

TEST(HuggingFaceTokenizer, ReadsMetaspaces) {
  Json json = byte_fallback_tokenizer();
  const Json metaspace = JsonObject{
      {"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "first"}, {"split", true}};
  json["normalizer"] = nullptr;
  json["pre_tokenizer"] = metaspace;
  json["decoder"] = metaspace;
  const auto first = tokenizer_of(json);
  EXPECT_THAT(first->encode("ab ab"), ElementsAre(263, 263));
  EXPECT_THAT(first->encode(" ab"), ElementsAre(263));
  EXPECT_EQ(first->decode(std::vector<uint32_t>{263, 263}), "ab ab");
  part(json, "pre_tokenizer.prepend_scheme") = "never";
  EXPECT_THAT(tokenizer_of(json)->encode("ab ab"), ElementsAre(262, 263));
}

TEST(HuggingFaceTokenizer, LooksForAddedTokensAsTheirFlagsSay) {
  Json json = byte_level_tokenizer();
  EXPECT_THAT(tokenizer_of(json)->encode("a <tool> a<tool>a"),
              ElementsAre('a', ' ', 263, ' ', 'a', 263, 'a'));
  part(json, "added_tokens[2].lstrip") = true;
  part(json, "added_tokens[2].rstrip") = true;
  EXPECT_THAT(tokenizer_of(json)->encode("a \n<tool> \u3000 a"), ElementsAre('a', 263, 'a'));
  json = byte_level_tokenizer();
  part(json, "added_tokens[2].content") = "tool";
  part(json, "added_tokens[2].single_word") = true;
  EXPECT_THAT(tokenizer_of(json)->encode("tool toolx (tool)"),
              ElementsAre(263, ' ', 't', 'o', 'o', 'l', 'x', ' ', '(', 263, ')'));
}

TEST(HuggingFaceTokenizer, LooksForNormalizedTokensInTheNormalizedText) {
  Json json = byte_level_tokenizer();
  json["normalizer"] = JsonObject{{"type", "Lowercase"}};
  part(json, "added_tokens[2].content") = "<Tool>";
  EXPECT_THAT(tokenizer_of(json)->encode("LOW<Tool><tool>"),
              ElementsAre(257, 263, '<', 't', 'o', 'o', 'l', '>'));
  part(json, "added_tokens[2].normalized") = true;
  EXPECT_THAT(tokenizer_of(json)->encode("LOW<Tool><tool>"), ElementsAre(257, 263, 263));
}

// The ids of a text's parts, one behind the other, and of how many bytes each part's are.
EncodedText encoded_in_parts(const Tokenizer& tokenizer, std::string_view text, size_t part_size,
                             size_t context) {
  EncodedText all;
  for (size_t at = 0; at < text.size(); at += part_size) {
    const size_t before = std::min(at, context);
    const std::string_view part = text.substr(at, part_size);
    const std::string_view after = text.substr(std::min(at + part.size(), text.size()));
    const EncodedText encoded =
        tokenizer.encode_part(text.substr(at - before, before), part, after.substr(0, context));
    size_t counted = 0;
    for (const uint32_t bytes : encoded.source_bytes) counted += bytes;
    if (!encoded.ids.empty()) EXPECT_EQ(counted, part.size());
    EXPECT_EQ(encoded.source_bytes.size(), encoded.ids.size());
    all.ids.insert(all.ids.end(), encoded.ids.begin(), encoded.ids.end());
    all.source_bytes.insert(all.source_bytes.end(), encoded.source_bytes.begin(), encoded.source_bytes.end());
  }
  return all;
}

TEST(HuggingFaceTokenizer, GivesTheIdsOfTheWholeInParts) {
  Json metaspaces = byte_fallback_tokenizer();
  metaspaces["normalizer"] = nullptr;
  metaspaces["pre_tokenizer"] = JsonObject{
      {"type", "Metaspace"}, {"replacement", "\u2581"}, {"prepend_scheme", "first"}, {"split", true}};
  metaspaces["decoder"] = metaspaces["pre_tokenizer"];
  Json composed = byte_level_tokenizer();
  composed["normalizer"] = JsonObject{{"type", "NFKC"}};
  std::string text;
  for (int i = 0; i < 12; ++i) text += "low lower abc  lowab e\u0301 \uff12\uff10 <tool>er\n";
  for (const Json& json : {byte_level_tokenizer(), byte_fallback_tokenizer(), composed}) {
    const auto tokenizer = tokenizer_of(json);
    for (const size_t part_size : {23, 100, 1000})
      EXPECT_EQ(encoded_in_parts(*tokenizer, text, part_size, 64).ids, tokenizer->encode(text)) << part_size;
  }
  const std::string plain = "ab ab abc ab cab ab ab ab abc ab";
  const auto tokenizer = tokenizer_of(metaspaces);
  EXPECT_EQ(encoded_in_parts(*tokenizer, plain, 9, 12).ids, tokenizer->encode(plain));
}

TEST(HuggingFaceTokenizer, CountsTheBytesOfTheSource) {
  EXPECT_THAT(tokenizer_of(byte_level_tokenizer())->encode_part("", "low lower", "").source_bytes,
              ElementsAre(3, 4, 2));
  EXPECT_THAT(tokenizer_of(byte_fallback_tokenizer())->encode_part("", "abc ab\u00e9", "").source_bytes,
              ElementsAre(3, 3, 1, 1));
  // Four full-width digits are twelve bytes, whatever they become.
  const EncodedText changed =
      tokenizer_with(byte_level_tokenizer(), "normalizer", JsonObject{{"type", "NFKC"}})
          ->encode_part("", "low \uff12\uff10\uff12\uff13 low", "");
  EXPECT_THAT(changed.ids, ElementsAre(257, ' ', '2', '0', '2', '3', 259));
  EXPECT_EQ(changed.source_bytes.front(), 3);
  EXPECT_EQ(changed.source_bytes.back(), 4);
  EXPECT_EQ(std::accumulate(changed.source_bytes.begin(), changed.source_bytes.end(), 0U), 20U);
  const EncodedText marks = tokenizer_with(byte_level_tokenizer(), "normalizer", JsonObject{{"type", "NFC"}})
                                ->encode_part("", "xe\u0301ye\u0301z", "");
  EXPECT_THAT(marks.ids, ElementsAre('x', 0xc3, 0xa9, 'y', 0xc3, 0xa9, 'z'));
  EXPECT_THAT(marks.source_bytes, ElementsAre(1, 1, 2, 1, 1, 2, 1));
  // Here what is shortened and what is lengthened (U+0958 is two characters in every form) make up for each
  // other.
  const EncodedText both = tokenizer_with(byte_level_tokenizer(), "normalizer", JsonObject{{"type", "NFC"}})
                               ->encode_part("e\u0301e\u0301e\u0301 ", "xlow \u0958", "");
  EXPECT_THAT(both.source_bytes, ElementsAre(1, 3, 1, 1, 1, 0, 0, 0, 1));
  EXPECT_EQ(both.ids.size(), 9);
  // What stands unchanged behind it in the same word is placed exactly.
  const EncodedText word = tokenizer_with(byte_level_tokenizer(), "normalizer", JsonObject{{"type", "NFKC"}})
                               ->encode_part("", "ab\uff12lower", "");
  EXPECT_THAT(word.ids, ElementsAre('a', 'b', '2', 260));
  EXPECT_THAT(word.source_bytes, ElementsAre(1, 1, 3, 5));
}

TEST(HuggingFaceTokenizer, GivesItsFilesToACheckpoint) {
  const std::string json = to_text(byte_level_tokenizer());
  const std::vector<TokenizerFile> files = tokenizer_of(byte_level_tokenizer())->files();
  ASSERT_EQ(files.size(), 2);
  EXPECT_EQ(files[0].name, "tokenizer.json");
  EXPECT_EQ(as_text(files[0].content), json);
  EXPECT_EQ(files[1].name, "tokenizer_config.json");
  EXPECT_EQ(parsed_json(as_text(files[1].content)).at("eos_token"), "<|endoftext|>");
}

TEST(HuggingFaceTokenizer, IsLoadedFromItsFileOrItsFolder) {
  const TemporaryFolder folder;
  Json json = byte_level_tokenizer();
  part(json, "added_tokens[0].content") = "<end>";
  ASSERT_TRUE(write_file_atomically(folder / "tokenizer.json", as_bytes(to_text(json))));
  EXPECT_TRUE(fails(load_hugging_face_tokenizer(folder.path()), ErrorKind::kFatal,
                    "tokenizer.json: no token ends a document"));
  ASSERT_TRUE(write_file_atomically(folder / "tokenizer_config.json",
                                    as_bytes(std::string_view(R"({"eos_token": "<end>"})"))));
  for (const auto& path : {folder.path(), folder / "tokenizer.json"}) {
    const auto tokenizer = load_hugging_face_tokenizer(path);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    EXPECT_EQ((*tokenizer)->separator_id(), 261);
  }
  EXPECT_THAT(hugging_face_tokenizer_files(folder.path()),
              ElementsAre(folder / "tokenizer.json", folder / "tokenizer_config.json"));
  EXPECT_TRUE(fails(load_hugging_face_tokenizer(folder / "none"), ErrorKind::kFatal, "none"));
}

TEST(HuggingFaceTokenizer, RefusesByTheFileAndThePath) {
  Json json = byte_level_tokenizer();
  json["pre_tokenizer"] = JsonObject{{"type", "Split"},
                                     {"pattern", JsonObject{{"Regex", "(a"}}},
                                     {"behavior", "Isolated"},
                                     {"invert", false}};
  EXPECT_TRUE(fails(made(json), ErrorKind::kFatal, "x.json: pre_tokenizer: the pattern (a: "));
  json["pre_tokenizer"] = JsonObject{{"type", "Whatever"}};
  EXPECT_TRUE(fails(made(json), ErrorKind::kFatal, "x.json: pre_tokenizer.type: is Whatever"));
  EXPECT_TRUE(
      fails(make_hugging_face_tokenizer(as_bytes(to_text(byte_level_tokenizer())), uint32_t{264}, "x"),
            ErrorKind::kFatal, "x: no token has the id 264"));
}

TEST(HuggingFaceTokenizer, HasACorpus) {
  const auto bytes = [](const Json& json, const std::string& text) {
    const std::string content = to_text(json) + '\0' + text;
    return Bytes(content.begin(), content.end());
  };
  expect_fuzz_corpus("hugging_face_tokenizer_fuzz",
                     {{"byte-level", bytes(byte_level_tokenizer(), "low <|endoftext|> 12")},
                      {"byte-fallback", bytes(byte_fallback_tokenizer(), " ab  abc\n")}});
}

}  // namespace
}  // namespace templar::testing
