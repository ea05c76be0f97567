#include "adapters/corpus/text_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/expect_failure.h"
#include "support/text_source.h"

namespace templar {
namespace {

using ::testing::ElementsAre;
using testing::fails;
using ::testing::IsEmpty;
using testing::TextSource;

struct Outcome {
  std::vector<std::string> documents;
  uint64_t bad_lines = 0;
  bool reached_end = false;
};

Result<Outcome> read(const std::string& text, const TextReaderOptions& options = {},
                     size_t wanted_parts = SIZE_MAX) {
  Outcome outcome;
  TextSource source(text);
  std::string document;
  size_t parts = 0;
  TRY_ASSIGN(outcome.reached_end, read_text(source, "F", options, outcome.bad_lines,
                                            [&](std::string_view part, bool ends_document) -> Result<bool> {
                                              document += part;
                                              if (ends_document)
                                                outcome.documents.push_back(std::exchange(document, {}));
                                              return ++parts < wanted_parts;
                                            }));
  EXPECT_TRUE(document.empty() || !outcome.reached_end);
  return outcome;
}

TEST(PlainText, IsOneDocumentAFile) {
  const std::string long_text = std::string(256 << 10, 'a') + "\n" + std::string(256 << 10, 'b');
  for (const std::string& text :
       {std::string("line one\nline two"), long_text, std::string(256 << 10, 'a')}) {
    const auto outcome = read(text);
    ASSERT_TRUE(outcome);
    EXPECT_THAT(outcome->documents, ElementsAre(text));
    EXPECT_TRUE(outcome->reached_end);
  }
}

TEST(PlainText, GivesNothingForAnEmptyFile) {
  EXPECT_THAT(read("")->documents, IsEmpty());
}

TEST(PlainText, IsPassedOverWhereItIsBinary) {
  EXPECT_TRUE(fails(read(std::string("ELF\0\0", 5)), ErrorKind::kSkip, "binary"));
  std::string utf16;
  for (const char c : std::string("no mark here")) utf16 += std::string(1, c) + '\0';
  EXPECT_TRUE(fails(read(utf16), ErrorKind::kSkip, "iconv -f UTF-16LE"));
}

TEST(PlainText, IsTextThoughANulComesLate) {
  const std::string text = std::string(100'000, 'a') + '\0';
  EXPECT_THAT(read(text)->documents, ElementsAre(text));
}

TEST(PlainText, StopsWhenTheSinkHasEnough) {
  const auto outcome = read(std::string(2'000'000, 'a'), {}, 3);
  ASSERT_TRUE(outcome);
  EXPECT_THAT(outcome->documents, IsEmpty());
  EXPECT_FALSE(outcome->reached_end);
}

TEST(ReadText, PassesTheSinksErrorOn) {
  TextSource source("abc");
  uint64_t bad_lines = 0;
  const TextSink full = [](std::string_view, bool) -> Result<bool> { return fatal_error("disk full"); };
  EXPECT_TRUE(fails(read_text(source, "F", {}, bad_lines, full), ErrorKind::kFatal, "disk full"));
}

const TextReaderOptions kJson = {.jsonl_field = "text"};
const TextReaderOptions kTolerant = {.jsonl_field = "text", .skip_bad_lines = true};

TEST(JsonLines, AreOneDocumentEach) {
  const auto outcome = read(
      "{\"text\": \"one\\ntwo\"}\n\n  \r\n{\"id\": 5, \"text\": \"three\"}\r\n{\"text\": \"\"}\n{\"text\": "
      "\"\\u20ac\"}",
      kJson);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_THAT(outcome->documents, ElementsAre("one\ntwo", "three", "\xe2\x82\xac"));
}

TEST(JsonLines, AreOneDocumentEachHoweverLong) {
  const std::string text(3'000'000, 'x');
  const auto outcome = read("{\"text\": \"" + text + "\"}\n{\"text\": \"y\"}\n", kJson);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_THAT(outcome->documents, ElementsAre(text, "y"));
}

TEST(JsonLines, SayWhichLineIsWrongAndHow) {
  const std::string good = "{\"text\": \"a\"}\n";
  EXPECT_TRUE(
      fails(read(good + good + "{\"text\": \n", kJson), ErrorKind::kFatal, "F, line 3: not JSON: column 10"));
  EXPECT_TRUE(fails(read(good + "[1]\n", kJson), ErrorKind::kFatal, "F, line 2: not a JSON object"));
  EXPECT_TRUE(
      fails(read(good + "\n{\"body\": \"a\"}", kJson), ErrorKind::kFatal, "F, line 3: no field \"text\""));
  EXPECT_TRUE(
      fails(read("{\"text\": 5}", kJson), ErrorKind::kFatal, "F, line 1: field \"text\" is not text"));
  EXPECT_TRUE(fails(read("{\"text\": \"\xff\"}", kJson), ErrorKind::kFatal, "F, line 1: not JSON: column"));
}

TEST(JsonLines, SayHowToConvertJsonOfAnotherForm) {
  EXPECT_TRUE(fails(read("[{\"text\": \"a\"},\n", kJson), ErrorKind::kFatal, "jq -c '.[]'"));
  EXPECT_TRUE(fails(read("{\n  \"text\": \"a\"\n}\n", kJson), ErrorKind::kFatal, "jq -c ."));
}

TEST(JsonLines, AreCountedWhereBadOnesMayBeSkipped) {
  const std::string too_long(kMaxJsonLineBytes + (1 << 20), 'x');
  const auto outcome = read("{\"text\": \"a\"}\nnonsense\n{}\n{\"text\": \"b\"}\n" + too_long +
                                "\n[]\n{\"text\": \"\xff\"}\n{\"text\": \"c\"}\n" + too_long,
                            kTolerant);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_THAT(outcome->documents, ElementsAre("a", "b", "c"));
  EXPECT_EQ(outcome->bad_lines, 6);
}

TEST(JsonLines, AreRefusedWhereALineNeverEnds) {
  EXPECT_TRUE(fails(read("{\"text\": \"a\"}\n" + std::string(kMaxJsonLineBytes + 1, 'x'), kJson),
                    ErrorKind::kFatal, "F, line 2: longer than"));
}

TEST(JsonLines, AreNamedWhereTheyAreInAnotherEncoding) {
  std::string utf16;
  for (const char c : std::string("{\"text\": \"abc\"}\n")) utf16 += std::string(1, c) + '\0';
  EXPECT_TRUE(fails(read(utf16, kJson), ErrorKind::kSkip, "iconv -f UTF-16LE"));
}

TEST(JsonLines, MayBeAsLongAsTheLimit) {
  const std::string frame = "{\"text\": \"\"}";
  const std::string text(kMaxJsonLineBytes - frame.size(), 'x');
  EXPECT_THAT(read("{\"text\": \"" + text + "\"}\n", kJson)->documents, ElementsAre(text));
}

TEST(JsonLines, MayNestDeeplyWithoutHarm) {
  EXPECT_TRUE(fails(read(std::string(1'000'000, '['), kJson), ErrorKind::kFatal, "F, line 1: not JSON: "));
}

}  // namespace
}  // namespace templar
