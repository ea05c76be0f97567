#include "formats/sentencepiece/sentencepiece_model.h"

#include <gtest/gtest.h>

#include "support/expect_failure.h"
#include "support/fuzz_corpus.h"
#include "support/sentencepiece_message.h"

namespace templar::testing {
namespace {

Result<SentencePieceModel> parsed(const std::string& message) {
  return parse_sentencepiece_model(as_bytes(message));
}

TEST(SentencePieceModel, SaysWhatTheFileSays) {
  const auto model = parsed(sentencepiece_message());
  ASSERT_TRUE(model) << model.error().message;
  ASSERT_EQ(model->pieces.size(), 6);
  EXPECT_EQ(model->pieces[5].text, "\u2581the");
  EXPECT_EQ(model->pieces[5].score, -0.5F);
  EXPECT_EQ(model->pieces[5].type, PieceType::kNormal);
  EXPECT_EQ(model->pieces[3].type, PieceType::kByte);
  EXPECT_EQ(model->algorithm, SentencePieceAlgorithm::kBpe);
  EXPECT_TRUE(model->byte_fallback);
  EXPECT_FALSE(model->has_normalisation);
  EXPECT_FALSE(model->add_dummy_prefix);
  EXPECT_FALSE(model->remove_extra_whitespaces);
  EXPECT_TRUE(model->escape_whitespaces);
  EXPECT_EQ(model->unknown, 0);
  EXPECT_EQ(model->begin, 1);
  EXPECT_EQ(model->end, 2);
  EXPECT_FALSE(model->padding);
}

TEST(SentencePieceModel, KnowsTheDefaultsOfWhatIsNotSaid) {
  const auto model = parsed(protobuf_bytes(1, protobuf_bytes(1, "a")));
  ASSERT_TRUE(model);
  EXPECT_EQ(model->pieces[0].type, PieceType::kNormal);
  EXPECT_EQ(model->pieces[0].score, 0);
  EXPECT_EQ(model->algorithm, SentencePieceAlgorithm::kUnigram);
  EXPECT_FALSE(model->byte_fallback);
  EXPECT_TRUE(model->add_dummy_prefix);
  EXPECT_TRUE(model->remove_extra_whitespaces);
  EXPECT_FALSE(model->end);
}

TEST(SentencePieceModel, FindsRolesByTheNamesThatTheTrainerGave) {
  const std::string trainer = protobuf_bytes(2, protobuf_bytes(47, "<end>") + protobuf_bytes(48, "<fill>"));
  const auto model = parsed(piece_message("<end>", 0, 3) + piece_message("<fill>", 0, 3) +
                            piece_message("</s>", 0, 3) + trainer);
  ASSERT_TRUE(model);
  EXPECT_EQ(model->end, 0);
  EXPECT_EQ(model->padding, 1);
}

TEST(SentencePieceModel, PassesOverFieldsThatItDoesNotNeed) {
  const std::string extras = protobuf_bytes(4, "self test") + protobuf_float(9, 1) + protobuf_number(200, 1) +
                             protobuf_varint(7 << 3 | 1) + std::string(8, 'x');
  EXPECT_TRUE(parsed(extras + sentencepiece_message() + extras));
}

TEST(SentencePieceModel, RefusesWhatIsNoModel) {
  EXPECT_TRUE(fails(parsed(""), ErrorKind::kSkip, "no pieces"));
  EXPECT_TRUE(fails(parsed("not a model"), ErrorKind::kSkip, "model"));
  EXPECT_TRUE(fails(parsed(piece_message("", 0, 1)), ErrorKind::kSkip, "piece 0: empty"));
  EXPECT_TRUE(fails(parsed(piece_message("a", 0, 1) + piece_message("a", 0, 1)), ErrorKind::kSkip,
                    "pieces 0 and 1 are the same"));
  EXPECT_TRUE(fails(parsed(piece_message("a", 0, 7)), ErrorKind::kSkip, "unknown type 7"));
  EXPECT_TRUE(fails(parsed(protobuf_number(1, 3)), ErrorKind::kSkip, "wire type 0"));
  EXPECT_TRUE(
      fails(parsed(protobuf_bytes(2, protobuf_number(3, 9))), ErrorKind::kSkip, "unknown model type 9"));
  EXPECT_TRUE(fails(parsed(std::string("\x00\x01", 2)), ErrorKind::kSkip, "a field of number 0"));
  EXPECT_TRUE(fails(parsed("\x0b"), ErrorKind::kSkip, "wire type 3"));
  EXPECT_TRUE(fails(parsed("\x08" + std::string(9, '\xff') + "\x02"), ErrorKind::kSkip, "more than 64 bits"));
}

TEST(SentencePieceModel, RefusesEveryFileThatIsCutInsideAField) {
  const std::string whole = sentencepiece_message();
  size_t refused = 0;
  for (size_t size = 0; size < whole.size(); ++size) refused += parsed(whole.substr(0, size)) ? 0 : 1;
  // Eight fields: after each of the first seven a shorter model ends.
  EXPECT_EQ(refused, whole.size() - 7);
}

TEST(SentencePieceModel, HasACorpus) {
  const auto bytes = [](const std::string& text) { return Bytes(text.begin(), text.end()); };
  expect_fuzz_corpus("sentencepiece_model_fuzz",
                     {{"model", bytes(sentencepiece_message())},
                      {"one_piece", bytes(protobuf_bytes(1, protobuf_bytes(1, "a")))},
                      {"cut", bytes(sentencepiece_message().substr(0, 40))},
                      {"group", bytes("\x0b")}});
}

}  // namespace
}  // namespace templar::testing
