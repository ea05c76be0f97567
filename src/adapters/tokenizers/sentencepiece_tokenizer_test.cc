#include "adapters/tokenizers/sentencepiece_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/file.h"
#include "base/random.h"
#include "support/expect_failure.h"
#include "support/json_values.h"
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

TEST(TrainSentencePiece, GivesTheSameModelForTheSameText) {
  EXPECT_EQ(train_sentencepiece_model(training_texts(), 320).value(), trained_model());
}

TEST(TrainSentencePiece, SaysWhereTheTextIsTooSmall) {
  EXPECT_TRUE(
      fails(train_sentencepiece_model({"a b c"}, 5000), ErrorKind::kFatal, "a tokenizer of 5000 tokens"));
  EXPECT_TRUE(fails(train_sentencepiece_model({}, 300), ErrorKind::kFatal, "a tokenizer of 300 tokens"));
}

}  // namespace
}  // namespace templar
