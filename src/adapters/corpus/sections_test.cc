#include "adapters/corpus/sections.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/expect_failure.h"

namespace templar {
namespace {

using ::testing::ElementsAre;
using testing::fails;

constexpr size_t kSmallest = SectionCutter::kSmallestSection;
constexpr size_t kLargest = SectionCutter::kLargestSection;

// The sections of documents that arrive in parts of a given size.
std::vector<Section> sections_of(const std::vector<std::string>& documents, size_t part = SIZE_MAX) {
  std::vector<Section> sections;
  SectionCutter cutter([&](Section section) -> Result<bool> {
    sections.push_back(std::move(section));
    return true;
  });
  for (const std::string& document : documents) {
    for (size_t at = 0; at < document.size(); at += std::min(part, document.size() - at)) {
      const size_t size = std::min(part, document.size() - at);
      EXPECT_TRUE(
          cutter.add(std::string_view(document).substr(at, size), at + size == document.size()).value());
    }
  }
  EXPECT_TRUE(cutter.finish());
  return sections;
}

std::string numbered_lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += std::to_string(i) + "\n";
  return text;
}

std::string joined(const std::vector<Section>& sections) {
  std::string text;
  for (const Section& section : sections) text += section.text;
  return text;
}

TEST(SectionCutter, LeavesSmallDocumentsWhole) {
  const std::vector<Section> sections = sections_of({"one\ntwo", "three"});
  ASSERT_EQ(sections.size(), 2);
  EXPECT_EQ(sections[0].text, "one\ntwo");
  EXPECT_EQ(sections[0].place, (SectionPlace{.document = 0, .index = 0, .ends_document = true}));
  EXPECT_EQ(sections[1].text, "three");
  EXPECT_EQ(sections[1].place, (SectionPlace{.document = 1, .index = 0, .ends_document = true}));
}

TEST(SectionCutter, CutsLargeOnesAtLineEnds) {
  const std::string text = numbered_lines(20'000);
  const std::vector<Section> sections = sections_of({text});
  EXPECT_EQ(joined(sections), text);
  EXPECT_GE(sections.size(), SectionCutter::kSectionsOfText);
  EXPECT_LE(sections.size(), SectionCutter::kSectionsOfText + 2);
  for (size_t i = 0; i < sections.size(); ++i) {
    EXPECT_TRUE(sections[i].text.ends_with('\n'));
    EXPECT_EQ(sections[i].place,
              (SectionPlace{.document = 0, .index = i, .ends_document = i + 1 == sections.size()}));
  }
}

TEST(SectionCutter, GivesEachSectionWhatStandsAroundIt) {
  const std::string text = numbered_lines(20'000);
  size_t at = 0;
  for (const Section& section : sections_of({text})) {
    const size_t context = SectionCutter::kContextBytes;
    EXPECT_EQ(section.before, text.substr(at - std::min(at, context), std::min(at, context)));
    at += section.text.size();
    EXPECT_EQ(section.after, text.substr(at, context));
  }
}

TEST(SectionCutter, CutsTheSameHoweverTheTextArrives) {
  const std::vector<std::string> documents = {numbered_lines(3'000), "short", numbered_lines(20'000)};
  const std::vector<Section> whole = sections_of(documents);
  for (const size_t part : {100, 4096, 70'000}) {
    const std::vector<Section> sections = sections_of(documents, part);
    ASSERT_EQ(sections.size(), whole.size());
    for (size_t i = 0; i < whole.size(); ++i) {
      EXPECT_EQ(sections[i].text, whole[i].text);
      EXPECT_EQ(sections[i].before, whole[i].before);
      EXPECT_EQ(sections[i].after, whole[i].after);
      EXPECT_EQ(sections[i].place, whole[i].place);
    }
  }
}

TEST(SectionCutter, LimitsTheSizeOfSections) {
  for (const Section& section : sections_of({numbered_lines(300)})) EXPECT_LE(section.text.size(), kSmallest);
  std::string lines;
  for (int i = 0; i < 70'000; ++i) lines += std::string(999, 'x') + '\n';
  const std::vector<Section> large = sections_of({lines}, 1 << 20);
  EXPECT_GT(large.size(), SectionCutter::kSectionsOfText);
  for (const Section& section : large) EXPECT_LE(section.text.size(), kLargest);
}

TEST(SectionCutter, CutsBetweenCharactersWhereThereAreNoLines) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "\xe2\x82\xac";
  const std::vector<Section> sections = sections_of({text}, 1000);
  EXPECT_EQ(joined(sections), text);
  for (const Section& section : sections) {
    EXPECT_EQ(section.text.size() % 3, 0);
    EXPECT_EQ(section.before.size() % 3, 0);
    EXPECT_EQ(section.after.size() % 3, 0);
  }
}

TEST(SectionCutter, CutsAnywhereWhereTheTextIsNotUtf8) {
  const std::string text(10'000, '\x80');
  EXPECT_EQ(joined(sections_of({text}, 1000)), text);
}

TEST(SectionCutter, StopsWhenTheSinkHasEnough) {
  int sections = 0;
  SectionCutter cutter([&](const Section&) -> Result<bool> { return ++sections < 3; });
  EXPECT_TRUE(cutter.add(numbered_lines(20'000), true).value());  // nothing goes before the size is known
  EXPECT_TRUE(cutter.finish());
  EXPECT_EQ(sections, 3);
}

TEST(BeginningOf, CutsBetweenCharacters) {
  EXPECT_EQ(beginning_of("abc", 5), "abc");
  EXPECT_EQ(beginning_of("abc", 2), "ab");
  EXPECT_EQ(beginning_of("a\xe2\x82\xac", 3), "a");
  EXPECT_EQ(beginning_of("\xe2\x82\xac", 2), "\xe2\x82");  // nothing else is left of it
  EXPECT_EQ(beginning_of("abc", 0), "");
}

struct Joined {
  std::vector<uint32_t> tokens;
  std::vector<uint32_t> source_bytes;
};

constexpr uint32_t kSeparator = 0;

Joined join(const std::vector<TokenRun>& runs) {
  Joined joined;
  DocumentJoiner joiner(kSeparator, [&](const TokenRun& run) -> Status {
    joined.tokens.insert(joined.tokens.end(), run.tokens.begin(), run.tokens.end());
    joined.source_bytes.insert(joined.source_bytes.end(), run.source_bytes.begin(), run.source_bytes.end());
    return {};
  });
  for (const TokenRun& run : runs) EXPECT_TRUE(joiner.add(run));
  EXPECT_TRUE(joiner.finish());
  return joined;
}

TEST(DocumentJoiner, SeparatesDocumentsAlone) {
  const Joined joined =
      join({{{1, 2}, {3, 4}, {0, 0, false}}, {{3}, {5}, {0, 1, true}}, {{4}, {6}, {1, 0, true}}});
  EXPECT_THAT(joined.tokens, ElementsAre(1, 2, 3, kSeparator, 4, kSeparator));
  EXPECT_THAT(joined.source_bytes, ElementsAre(3, 4, 5, 0, 6, 0));
}

TEST(DocumentJoiner, SeparatesWhatDoesNotFollow) {
  EXPECT_THAT(join({{{1}, {1}, {0, 0, false}}, {{2}, {1}, {0, 2, false}}}).tokens,
              ElementsAre(1, kSeparator, 2, kSeparator));
  EXPECT_THAT(join({{{1}, {1}, {0, 1, false}}, {{2}, {1}, {0, 0, false}}, {{3}, {1}, {0, 1, true}}}).tokens,
              ElementsAre(1, kSeparator, 2, 3, kSeparator));
  EXPECT_THAT(join({{{1}, {1}, {0, 0, false}}, {{2}, {1}, {1, 1, true}}}).tokens,
              ElementsAre(1, kSeparator, 2, kSeparator));
  EXPECT_THAT(join({}).tokens, ElementsAre());
}

TEST(DocumentJoiner, PassesTheSinksErrorOn) {
  DocumentJoiner joiner(kSeparator, [](const TokenRun&) -> Status { return fatal_error("disk full"); });
  EXPECT_TRUE(fails(joiner.add({{1}, {1}, {0, 0, true}}), ErrorKind::kFatal, "disk full"));
}

}  // namespace
}  // namespace templar
