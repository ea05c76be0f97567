#include "adapters/tokenizers/sentencepiece_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sentencepiece_processor.h>

#include <algorithm>

#include "base/files/file.h"
#include "base/random.h"
#include "support/expect_failure.h"
#include "support/json_values.h"
#include "support/sentencepiece_models.h"
#include "support/temporary_folder.h"

namespace templar {
namespace {

using ::testing::Contains;
using ::testing::Each;
using testing::fails;
using ::testing::Lt;
using ::testing::Not;

std::vector<std::string> training_texts() {
  const std::vector<std::string> words = {"gather", "window", "miner", "state", "root",
                                          "outer",  "step",   "loss",  "codec", "chunk"};
  Random random(1);
  std::vector<std::string> texts(40);
  for (std::string& text : texts) {
    for (int i = 0; i < 200; ++i) {
      text += words[random.below(words.size())] + (random.below(8) == 0 ? "\n" : " ") +
              std::to_string(random.below(100));
    }
  }
  return texts;
}

const Bytes& trained_model() {
  static const Bytes model = train_sentencepiece_model(training_texts(), 320).value();
  return model;
}

std::unique_ptr<Tokenizer> trained_tokenizer() {
  return make_sentencepiece_tokenizer(trained_model(), "test").value();
}

TEST(SentencePieceTokenizer, HasTheWantedVocabularyAndASeparatorOfItsOwn) {
  const auto tokenizer = trained_tokenizer();
  EXPECT_EQ(tokenizer->name(), "sentencepiece");
  EXPECT_EQ(tokenizer->vocab_size(), 320);
  const std::vector<uint32_t> ids = tokenizer->encode(training_texts()[0] + "</s><s>");
  EXPECT_THAT(ids, Each(Lt(320)));
  EXPECT_THAT(ids, Not(Contains(tokenizer->separator_id())));
}

TEST(SentencePieceTokenizer, NeedsFewerTokensThanBytes) {
  const std::string text = training_texts()[3];
  EXPECT_LT(trained_tokenizer()->encode(text).size(), text.size() * 6 / 10);
}

TEST(SentencePieceTokenizer, GivesBackTextThatItNeverSaw) {
  const auto tokenizer = trained_tokenizer();
  for (const std::string text : {" leading,  double, trailing ", "tabs\tand\n\nlines\r\n",
                                 "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 caf\xc3\xa9", "<unk> </s>", ""}) {
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  }
}

TEST(SentencePieceTokenizer, TakesBytesThatAreNotUtf8) {
  const auto tokenizer = trained_tokenizer();
  EXPECT_THAT(tokenizer->encode("a\xff\xfe z"), Each(Lt(320)));
}

TEST(SentencePieceTokenizer, LeavesSeparatorsAndForeignIdsOutOfTheText) {
  const auto tokenizer = trained_tokenizer();
  std::vector<uint32_t> ids = tokenizer->encode("gather");
  ids.insert(ids.begin(), {tokenizer->separator_id(), 320, 4'000'000'000});
  EXPECT_EQ(tokenizer->decode(ids), "gather");
}

TEST(SentencePieceTokenizer, GivesItsModelToACheckpoint) {
  const std::vector<TokenizerFile> files = trained_tokenizer()->files();
  ASSERT_EQ(files.size(), 2);
  EXPECT_EQ(files[0].name, "tokenizer.model");
  EXPECT_EQ(files[0].content, trained_model());
  EXPECT_EQ(files[1].name, "tokenizer_config.json");
  EXPECT_EQ(testing::parsed_json(as_text(files[1].content)).at("eos_token"), "</s>");
}

TEST(SentencePieceTokenizer, IsLoadedFromAFile) {
  const testing::TemporaryFolder folder;
  ASSERT_TRUE(write_file_atomically(folder / "m.model", trained_model()));
  const auto tokenizer = load_sentencepiece_tokenizer(folder / "m.model");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ((*tokenizer)->encode("miner"), trained_tokenizer()->encode("miner"));
}

TEST(SentencePieceTokenizer, RefusesWhatIsNotAModel) {
  const testing::TemporaryFolder folder;
  EXPECT_TRUE(fails(load_sentencepiece_tokenizer(folder / "none.model"), ErrorKind::kFatal, "none.model"));
  EXPECT_TRUE(fails(make_sentencepiece_tokenizer(as_bytes("hello"), "x.model"), ErrorKind::kFatal,
                    "x.model: not a SentencePiece model"));
  EXPECT_TRUE(fails(make_sentencepiece_tokenizer({}, "x.model"), ErrorKind::kFatal,
                    "x.model: not a SentencePiece model"));
  const ByteView half = ByteView(trained_model()).first(trained_model().size() / 2);
  EXPECT_TRUE(fails(make_sentencepiece_tokenizer(half, "x.model"), ErrorKind::kFatal, "x.model"));
}

// What the library itself makes of a text as a whole.
std::vector<uint32_t> ids_of_library(const Bytes& model, const std::string& text) {
  sentencepiece::SentencePieceProcessor processor;
  EXPECT_TRUE(processor.LoadFromSerializedProto(as_text(model)).ok());
  std::vector<int> ids;
  EXPECT_TRUE(processor.Encode(text, &ids).ok());
  return {ids.begin(), ids.end()};
}

std::string repeated(std::string_view text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

// Longer than a window: words, text without spaces, runs that repeat themselves, spaces, combining marks.
std::vector<std::string> long_texts() {
  Random random(5);
  std::string words = "  two spaces";
  std::string marks;
  std::string mixed;
  while (words.size() < 300'000)
    words += random.below(4) == 0 ? " gather" : random.below(3) == 0 ? "\n" : " step12";
  while (marks.size() < 150'000) marks += "e\xcc\x81 a\xcc\x88\xef\xbc\x92";
  while (mixed.size() < 250'000) {
    mixed += random.below(2) == 0 ? "\xe8\xaa\x9e" : random.below(9) == 0 ? " " : "chunk";
  }
  return {words,
          marks,
          mixed,
          repeated("\xe8\xaa\x9e", 50'000),
          std::string(200'000, 'a'),
          std::string(200'000, ' '),
          repeated("ga", 90'000),
          repeated("window", 40'000),
          std::string(100'000, '\xff')};
}

class LongTexts : public ::testing::TestWithParam<const char*> {
 protected:
  static Bytes model() {
    const std::string kind = GetParam();
    return kind == "own" ? trained_model() : testing::normalising_model(kind);
  }
};

TEST_P(LongTexts, AreEncodedAsTheLibraryDoesAsAWhole) {
  const auto tokenizer = make_sentencepiece_tokenizer(model(), "m").value();
  const std::vector<std::string> texts = long_texts();
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto expected = ids_of_library(model(), texts[i]);
    const auto ids = tokenizer->encode(texts[i]);
    EXPECT_TRUE(ids == expected) << i << ": " << ids.size() << " ids, " << expected.size() << " expected";
  }
}

TEST_P(LongTexts, AreTheSameInParts) {
  const auto tokenizer = make_sentencepiece_tokenizer(model(), "m").value();
  const std::string text = long_texts()[0];
  const auto expected = ids_of_library(model(), text);
  for (const size_t size : {1'000, 90'001}) {
    std::vector<uint32_t> ids;
    uint64_t bytes = 0;
    for (size_t at = 0; at < text.size(); at += size) {
      const size_t before = std::min<size_t>(at, 256);
      const std::string_view view = text;
      const EncodedText part = tokenizer->encode_part(view.substr(at - before, before), view.substr(at, size),
                                                      view.substr(std::min(at + size, text.size()), 256));
      ids.insert(ids.end(), part.ids.begin(), part.ids.end());
      for (const uint32_t count : part.source_bytes) bytes += count;
    }
    EXPECT_TRUE(ids == expected) << size << ": " << ids.size() << " ids, " << expected.size() << " expected";
    EXPECT_EQ(bytes, text.size());
  }
}

INSTANTIATE_TEST_SUITE_P(SentencePieceTokenizer, LongTexts, ::testing::Values("own", "bpe", "unigram"));

TEST(SentencePieceTokenizer, CountsTheSourcesBytes) {
  const auto tokenizer = make_sentencepiece_tokenizer(testing::normalising_model(), "m").value();
  for (const std::string text : {"\xef\xbc\x92\xef\xbc\x90\xef\xbc\x92\xef\xbc\x93", "  gather   window ",
                                 "\xe8\xaa\x9e", "e\xcc\x81"}) {
    const EncodedText encoded = tokenizer->encode_part("", text, "");
    uint64_t bytes = 0;
    for (const uint32_t count : encoded.source_bytes) bytes += count;
    EXPECT_EQ(bytes, text.size()) << text;
    EXPECT_EQ(encoded.ids, tokenizer->encode(text));
  }
}

TEST(SentencePieceTokenizer, GivesWhatAModelAddsAtTheEnd) {
  const Bytes model = testing::normalising_model("bpe", {{"treat_whitespace_as_suffix", "true"}});
  const auto tokenizer = make_sentencepiece_tokenizer(model, "m").value();
  for (const std::string text : {"\xe8\xaa\x9e", "gather window", "x"}) {
    const EncodedText encoded = tokenizer->encode_part("", text, "");
    EXPECT_EQ(encoded.ids, ids_of_library(model, text)) << text;
    uint64_t bytes = 0;
    for (const uint32_t count : encoded.source_bytes) bytes += count;
    EXPECT_EQ(bytes, text.size());
  }
}

TEST(SentencePieceTokenizer, GivesEachWordOnceThoughSpacesStandAroundTheCut) {
  const auto tokenizer = make_sentencepiece_tokenizer(testing::normalising_model(), "m").value();
  const std::string before = "state\n";
  const std::string after = std::string(300, ' ') + "gather\n";
  const auto whole = ids_of_library(testing::normalising_model(), before + after);
  std::vector<uint32_t> ids = tokenizer->encode_part("", before, after).ids;
  const std::vector<uint32_t> rest = tokenizer->encode_part(before, after, "").ids;
  ids.insert(ids.end(), rest.begin(), rest.end());
  EXPECT_EQ(ids, whole);
}

TEST(TrainSentencePiece, SaysWhereTheTextHasMoreCharactersThanTokens) {
  std::string text;
  for (int i = 0; i < 400; ++i) {
    text += {static_cast<char>(0xe4 + i / 200), static_cast<char>(0x80 + i % 50),
             static_cast<char>(0x80 + i % 60), '\n'};
  }
  EXPECT_TRUE(fails(train_sentencepiece_model({text}, 260), ErrorKind::kFatal, "choose more tokens"));
}

TEST(TrainSentencePiece, TrainsOnLongLinesToo) {
  // One line of 300 kB: the trainer alone would leave it out and have nothing.
  std::string line;
  for (const std::string& text : training_texts()) line += text;
  std::ranges::replace(line, '\n', ' ');
  const std::vector<std::string> texts = {repeated(line, 10)};
  ASSERT_GT(texts[0].size(), 200'000);
  const auto model = train_sentencepiece_model(texts, 320);
  ASSERT_TRUE(model) << model.error().message;
  const auto tokenizer = make_sentencepiece_tokenizer(*model, "m").value();
  EXPECT_LT(tokenizer->encode(texts[0]).size(), texts[0].size() * 6 / 10);
  EXPECT_TRUE(train_sentencepiece_model({repeated("\xe8\xaa\x9e\xe8\xa8\x80", 50'000)}, 262));
}

TEST(TrainSentencePiece, GivesTheSameModelForTheSameText) {
  EXPECT_EQ(train_sentencepiece_model(training_texts(), 320).value(), trained_model());
}

TEST(TrainSentencePiece, SaysWhereTheTextIsTooSmall) {
  EXPECT_TRUE(
      fails(train_sentencepiece_model({"a b c"}, 5000), ErrorKind::kFatal, "no more than 265 of them"));
  for (const std::vector<std::string>& nothing : {std::vector<std::string>{}, {""}, {"\n\n"}})
    EXPECT_TRUE(fails(train_sentencepiece_model(nothing, 300), ErrorKind::kFatal, "there is no text"));
}

}  // namespace
}  // namespace templar
