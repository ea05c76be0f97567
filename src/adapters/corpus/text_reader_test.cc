#include "adapters/corpus/text_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/expect_failure.h"

namespace templar {
namespace {

using ::testing::ElementsAre;
using testing::fails;
using ::testing::IsEmpty;

// Gives a text from memory.
class TextSource final : public ByteSource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] Result<size_t> read(std::span<uint8_t> out) override {
    const size_t count = std::min(out.size(), text_.size() - position_);
    std::copy_n(text_.begin() + static_cast<std::ptrdiff_t>(position_), count, out.begin());
    position_ += count;
    return count;
  }
  [[nodiscard]] uint64_t raw_bytes() const override { return position_; }

 private:
  std::string text_;
  size_t position_ = 0;
};

struct Outcome {
  std::vector<std::string> sections;
  TextReaderCounts counts;
  bool reached_end = false;
};

Result<Outcome> read(const std::string& text, const TextReaderOptions& options = {},
                     size_t wanted = SIZE_MAX) {
  Outcome outcome;
  TextSource source(text);
  TRY_ASSIGN(outcome.reached_end,
             read_text(source, "F", options, outcome.counts, [&](std::string_view section) -> Result<bool> {
               outcome.sections.emplace_back(section);
               return outcome.sections.size() < wanted;
             }));
  return outcome;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += part;
  return text;
}

TEST(PlainText, IsOneDocumentAFile) {
  const auto outcome = read("line one\nline two");
  ASSERT_TRUE(outcome);
  EXPECT_THAT(outcome->sections, ElementsAre("line one\nline two"));
  EXPECT_TRUE(outcome->reached_end);
}

TEST(PlainText, GivesNothingForAnEmptyFile) {
  EXPECT_THAT(read("")->sections, IsEmpty());
}

TEST(PlainText, IsCutAtLineEndsWhereItIsLong) {
  EXPECT_THAT(read("aaaa\nbbb\ncccc\ndd", {.section_bytes = 10})->sections,
              ElementsAre("aaaa\nbbb\n", "cccc\ndd"));
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += std::to_string(i) + "\n";
  const auto outcome = read(text, {.section_bytes = 50'000});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(joined(outcome->sections), text);
  for (const std::string& section : outcome->sections) {
    EXPECT_LE(section.size(), 50'000);
    EXPECT_TRUE(section.ends_with('\n'));
  }
}

TEST(PlainText, IsCutBetweenCharactersWhereItHasNoLines) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "\xe2\x82\xac";
  const auto outcome = read(text, {.section_bytes = 1000});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(joined(outcome->sections), text);
  for (const std::string& section : outcome->sections) EXPECT_EQ(section.size() % 3, 0);
}

TEST(PlainText, IsCutAnywhereWhereItIsNotUtf8) {
  const std::string text(10'000, '\x80');
  const auto outcome = read(text, {.section_bytes = 100});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(joined(outcome->sections), text);
}

TEST(PlainText, IsPassedOverWhereItIsBinary) {
  const auto outcome = read(std::string("ELF\0\0", 5));
  ASSERT_TRUE(outcome);
  EXPECT_THAT(outcome->sections, IsEmpty());
  EXPECT_EQ(outcome->counts.binary_files, 1);
  EXPECT_TRUE(outcome->reached_end);
}

TEST(PlainText, IsTextThoughANulComesLate) {
  const auto outcome = read(std::string(100'000, 'a') + '\0');
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->counts.binary_files, 0);
  EXPECT_EQ(joined(outcome->sections).size(), 100'001);
}

TEST(PlainText, StopsWhenTheSinkHasEnough) {
  const auto outcome = read(std::string(1'000'000, 'a'), {.section_bytes = 1000}, 3);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->sections.size(), 3);
  EXPECT_FALSE(outcome->reached_end);
}

TEST(ReadText, PassesTheSinksErrorOn) {
  TextSource source("abc");
  TextReaderCounts counts;
  EXPECT_TRUE(fails(read_text(source, "F", {}, counts,
                              [](std::string_view) -> Result<bool> { return fatal_error("disk full"); }),
                    ErrorKind::kFatal, "disk full"));
}

const TextReaderOptions kJson = {.jsonl_field = "text"};

TEST(JsonLines, AreOneDocumentEach) {
  const auto outcome = read(
      "{\"text\": \"one\\ntwo\"}\n\n  \r\n{\"id\": 5, \"text\": \"three\"}\r\n{\"text\": \"\"}\n{\"text\": "
      "\"\\u20ac\"}",
      kJson);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_THAT(outcome->sections, ElementsAre("one\ntwo", "three", "\xe2\x82\xac"));
}

TEST(JsonLines, MayBeLongerThanABufferAndASection) {
  const std::string text(1'000'000, 'x');
  const auto outcome = read("{\"text\": \"" + text + "\"}\n{\"text\": \"y\"}\n",
                            {.section_bytes = 300'000, .jsonl_field = "text"});
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(outcome->sections.size(), 5);
  EXPECT_EQ(joined(outcome->sections), text + "y");
}

TEST(JsonLines, SayWhichLineIsWrongAndHow) {
  const std::string good = "{\"text\": \"a\"}\n";
  EXPECT_TRUE(fails(read(good + good + "{\"text\": \n", kJson), ErrorKind::kFatal, "F, line 3: not JSON: "));
  EXPECT_TRUE(fails(read(good + "[1]\n", kJson), ErrorKind::kFatal, "F, line 2: not a JSON object"));
  EXPECT_TRUE(
      fails(read(good + "\n{\"body\": \"a\"}", kJson), ErrorKind::kFatal, "F, line 3: no field \"text\""));
  EXPECT_TRUE(
      fails(read("{\"text\": 5}", kJson), ErrorKind::kFatal, "F, line 1: field \"text\" is not text"));
  EXPECT_TRUE(fails(read("{\"text\": \"\xff\"}", kJson), ErrorKind::kFatal, "F, line 1: not JSON: "));
}

TEST(JsonLines, AreCountedWhereBadOnesMayBeSkipped) {
  const auto outcome = read("{\"text\": \"a\"}\nnonsense\n{}\n{\"text\": \"b\"}\n",
                            {.jsonl_field = "text", .skip_bad_lines = true});
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_THAT(outcome->sections, ElementsAre("a", "b"));
  EXPECT_EQ(outcome->counts.bad_lines, 2);
}

TEST(JsonLines, AreRefusedWhereALineNeverEnds) {
  EXPECT_TRUE(fails(read("{\"text\": \"a\"}\n" + std::string(kMaxJsonLineBytes + 1, 'x'), kJson),
                    ErrorKind::kFatal, "F, line 2: longer than"));
}

TEST(JsonLines, MayNestDeeplyWithoutHarm) {
  EXPECT_TRUE(fails(read(std::string(1'000'000, '['), kJson), ErrorKind::kFatal, "F, line 1: not JSON: "));
}

}  // namespace
}  // namespace templar
