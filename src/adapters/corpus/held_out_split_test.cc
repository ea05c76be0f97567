#include "adapters/corpus/held_out_split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"
#include "support/expect_failure.h"

namespace templar {
namespace {

using ::testing::ElementsAre;
using testing::fails;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

struct Document {
  uint64_t draw = 0;
  std::vector<uint32_t> tokens;
};

struct Sides {
  std::vector<uint32_t> train;
  std::vector<uint32_t> heldout;
};

Sides split(const HeldOutRule& rule, const std::vector<Document>& documents) {
  Sides sides;
  const auto append_to = [](std::vector<uint32_t>& side) {
    return [&side](const TokenRun& run) -> Status {
      side.insert(side.end(), run.tokens.begin(), run.tokens.end());
      return {};
    };
  };
  HeldOutSplit splitter(rule, append_to(sides.train), append_to(sides.heldout));
  for (const Document& document : documents)
    EXPECT_TRUE(splitter.add(document.draw, {.tokens = document.tokens}));
  EXPECT_TRUE(splitter.finish());
  return sides;
}

constexpr uint64_t kHalf = uint64_t{1} << 63;

TEST(HeldOutSplit, HoldsOutTheDocumentsBelowTheFraction) {
  const Sides sides = split({0.5, 1}, {{kHalf - 1, {1}}, {kHalf, {2}}, {0, {3}}, {UINT64_MAX, {4}}});
  EXPECT_THAT(sides.heldout, ElementsAre(1, 3));
  EXPECT_THAT(sides.train, ElementsAre(2, 4));
}

TEST(HeldOutSplit, AddsTheSmallestDrawsWhereTheFractionGivesTooLittle) {
  const Sides sides = split({0, 3, 3}, {{50, {1, 1}}, {10, {2}}, {40, {3}}, {20, {4}}, {90, {5}}, {30, {6}}});
  std::vector<uint32_t> heldout = sides.heldout;
  std::ranges::sort(heldout);
  EXPECT_THAT(heldout, ElementsAre(2, 4, 6));
  std::vector<uint32_t> train = sides.train;
  std::ranges::sort(train);
  EXPECT_THAT(train, ElementsAre(1, 1, 3, 5));
}

TEST(HeldOutSplit, DoesNotDependOnTheDocumentsOrder) {
  Random random(3);
  std::vector<Document> documents(200);
  for (size_t i = 0; i < documents.size(); ++i) documents[i] = {random.next(), {static_cast<uint32_t>(i)}};
  for (const HeldOutRule& rule : {HeldOutRule{0.1, 1}, HeldOutRule{0, 30}, HeldOutRule{0.01, 20}}) {
    Sides forward = split(rule, documents);
    std::ranges::reverse(documents);
    Sides backward = split(rule, documents);
    std::ranges::sort(forward.heldout);
    std::ranges::sort(backward.heldout);
    EXPECT_EQ(forward.heldout, backward.heldout);
    EXPECT_EQ(forward.train.size() + forward.heldout.size(), documents.size());
  }
}

TEST(HeldOutSplit, TakesNoMoreThanAQuarterOfASmallText) {
  std::vector<Document> documents;
  for (uint32_t i = 0; i < 20; ++i) documents.push_back({100 - i, {i}});
  const Sides sides = split({0, 100, 2}, documents);
  EXPECT_THAT(sides.heldout, UnorderedElementsAre(15, 16, 17, 18, 19));
  EXPECT_EQ(sides.train.size(), 15);
}

TEST(HeldOutSplit, TakesWhatASampleNeedsThoughItIsMoreThanAQuarter) {
  const Sides sides = split({0, 100, 3}, {{1, {1}}, {2, {2}}, {3, {3}}, {4, {4}}});
  EXPECT_THAT(sides.heldout, UnorderedElementsAre(1, 2, 3));
  EXPECT_THAT(sides.train, ElementsAre(4));
  EXPECT_THAT(split({0, 100, 3}, {{1, {1}}, {2, {2}}}).train, IsEmpty());
}

TEST(HeldOutSplit, PassesOnADocumentAsSoonAsItIsNotNeeded) {
  std::vector<uint32_t> train;
  HeldOutSplit splitter(
      {0, 2},
      [&](const TokenRun& run) -> Status {
        train.insert(train.end(), run.tokens.begin(), run.tokens.end());
        return {};
      },
      [](const auto&) -> Status { return {}; });
  uint64_t most_kept = 0;
  for (uint32_t i = 0; i < 1000; ++i) {
    ASSERT_TRUE(splitter.add(mix64(i), {.tokens = {i}}));
    most_kept = std::max<uint64_t>(most_kept, i + 1 - train.size());
  }
  EXPECT_EQ(most_kept, 2);
}

TEST(HeldOutSplit, PassesASinksErrorOn) {
  const auto full = [](const auto&) -> Status { return fatal_error("disk full"); };
  const auto fine = [](const auto&) -> Status { return {}; };
  HeldOutSplit no_heldout({0.5, 1}, fine, full);
  EXPECT_TRUE(fails(no_heldout.add(0, {.tokens = {1}}), ErrorKind::kFatal, "disk full"));
  HeldOutSplit no_train({0.5, 0}, full, fine);
  EXPECT_TRUE(fails(no_train.add(UINT64_MAX, {.tokens = {1}}), ErrorKind::kFatal, "disk full"));
  HeldOutSplit no_end({0, 1, 1}, fine, full);
  EXPECT_TRUE(no_end.add(1, {.tokens = {1}}));
  EXPECT_TRUE(fails(no_end.finish(), ErrorKind::kFatal, "disk full"));
}

TEST(HeldOutDraw, IsTheSameForTheSameTextAndSeed) {
  EXPECT_EQ(held_out_draw(1, "text"), held_out_draw(1, "text"));
  EXPECT_NE(held_out_draw(1, "text"), held_out_draw(2, "text"));
  EXPECT_NE(held_out_draw(1, "text"), held_out_draw(1, "texts"));
}

TEST(HeldOutDraw, IsUniform) {
  int below = 0;
  for (int i = 0; i < 10'000; ++i) below += held_out_draw(7, std::to_string(i)) < UINT64_MAX / 10 ? 1 : 0;
  EXPECT_NEAR(below, 1000, 120);  // four standard deviations
}

}  // namespace
}  // namespace templar
