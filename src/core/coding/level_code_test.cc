#include "core/coding/level_code.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace templar {
namespace {

using Odds = std::vector<uint8_t>;
using Levels = std::vector<uint8_t>;
using Counts = std::vector<int64_t>;

// ⌊(128 N_l + N_{l-1}) / (2 N_{l-1})⌋, N_l being how many reach level l.
TEST(LevelOdds, AreIn64thsOfThoseThatReachTheLevelBefore) {
  EXPECT_EQ(level_odds(Counts{3, 1}), (Odds{16}));             // 1 of 4
  EXPECT_EQ(level_odds(Counts{2, 1, 1}), (Odds{32, 32}));      // 2 of 4, 1 of 2
  EXPECT_EQ(level_odds(Counts{123, 5}), (Odds{3}));            // 5 of 128 is 2.5, which goes up
  EXPECT_EQ(level_odds(Counts{128 * 9 - 22, 22}), (Odds{1}));  // 22 of 1152 is 1.2
  EXPECT_EQ(level_odds(Counts{7}), Odds{});
}

TEST(LevelOdds, StayBetweenOneAnd63) {
  EXPECT_EQ(level_odds(Counts{0, 5}), (Odds{63}));       // all of them
  EXPECT_EQ(level_odds(Counts{5, 0, 0}), (Odds{1, 1}));  // none of 5, none of none
  EXPECT_EQ(level_odds(Counts{1000000, 1}), (Odds{1}));
  EXPECT_EQ(level_odds(Counts{0, 0, 0, 9}), (Odds{63, 63, 63}));
}

Levels draw(int64_t levels, size_t count, Random& random) {
  Levels drawn(count);
  for (uint8_t& level : drawn) level = static_cast<uint8_t>(random.below(static_cast<uint64_t>(levels)));
  return drawn;
}

int64_t cost(const LevelCode& code, const Levels& levels) {
  BitCounter counter;
  code.put(levels, counter);
  return counter.total();
}

Bytes written(const LevelCode& code, const Levels& levels) {
  BitWriter writer;
  code.put(levels, writer);
  return writer.take();
}

bool read(const LevelCode& code, const Bytes& bytes, size_t count) {
  Levels levels(count + LevelCode::kLevelSlack);
  BitReader reader(bytes);
  return code.get(reader, levels.data(), count);
}

TEST(LevelCode, BringsAnyNumberOfLevelsBackWhateverTheirEnd) {
  Random random(1, "levels");
  for (int64_t levels = 1; levels <= 256; ++levels) {
    Odds odds(static_cast<size_t>(levels - 1));
    for (uint8_t& of_level : odds) of_level = static_cast<uint8_t>(1 + random.below(kMaxLevelOdds));
    const auto code = LevelCode::of(levels, odds);
    BitWriter writer;
    std::vector<Levels> chunks;
    for (size_t count = 1; count <= 17; ++count) {
      chunks.push_back(draw(levels, count, random));
      code->put(chunks.back(), writer);
    }
    const Bytes bytes = writer.take();
    BitReader reader(bytes);
    for (const Levels& chunk : chunks) {
      Levels found(chunk.size() + LevelCode::kLevelSlack, 0xee);
      ASSERT_TRUE(code->get(reader, found.data(), chunk.size())) << levels;
      ASSERT_TRUE(std::ranges::equal(chunk, std::span(found).first(chunk.size()))) << levels;
    }
    ASSERT_FALSE(reader.overran());
    ASSERT_EQ(reader.next_byte(), bytes.size());
  }
}

// Two levels at even odds: eight levels are one of 256 symbols of the same weight, so each takes eight bits;
// the first level is the number's lowest bit, and the code's highest bit goes first.
TEST(LevelCode, WritesTheBitsThatFollowByHand) {
  const LevelCode code(2, Odds{32});
  EXPECT_EQ(written(code, {1, 0, 0, 0, 0, 0, 0, 0}), (Bytes{0x80}));
  EXPECT_EQ(written(code, {0, 0, 0, 0, 0, 0, 0, 1}), (Bytes{0x01}));
  EXPECT_EQ(written(code, {1, 1, 0, 0, 0, 0, 0, 0, 1}),
            (Bytes{0xc0, 0x80}));  // the rest is filled with level 0

  // 17 levels are coded one by one. At these odds, level 0 weighs 1/2, level 1 a quarter, ...: each is as
  // many ones.
  const LevelCode single(17, Odds(16, 32));
  EXPECT_EQ(written(single, {0, 1, 2, 3}), (Bytes{0b11011010, 0b01}));  // 0 10 110 1110
}

TEST(LevelCode, NeedsNoBitsForOneLevel) {
  const LevelCode code(1, Odds{});
  EXPECT_EQ(cost(code, Levels(100, 0)), 0);
  Levels found(100 + LevelCode::kLevelSlack, 7);
  BitReader reader;
  ASSERT_TRUE(code.get(reader, found.data(), 100));
  EXPECT_EQ(std::ranges::count(std::span(found).first(100), 0), 100);
}

TEST(LevelCode, RefusesLevelsBehindTheLast) {
  for (const int64_t levels : {2, 3, 4, 6, 7, 16}) {
    const LevelCode code(levels, Odds(static_cast<size_t>(levels - 1), 32));
    size_t together = 1;
    for (int64_t symbols = levels; symbols * levels <= 256 && together < 8; symbols *= levels) ++together;
    for (size_t asked_for = 1; asked_for < together; ++asked_for) {
      Levels chunk(together, 1);
      std::fill(chunk.begin() + static_cast<std::ptrdiff_t>(asked_for), chunk.end(), uint8_t{0});
      EXPECT_TRUE(read(code, written(code, chunk), asked_for));
      for (size_t behind = asked_for; behind < together; ++behind) {
        Levels more = chunk;
        more[behind] = 1;
        EXPECT_FALSE(read(code, written(code, more), asked_for)) << levels << " levels, one at " << behind;
        EXPECT_TRUE(read(code, written(code, more), behind + 1));
      }
    }
  }
}

// Huffman's codes take at most p + 0.086 bits a symbol more than the entropy, p being the likeliest symbol's
// probability (Gallager 1978). One percent is for the odds' rounding and the least weight of 2^-12.
TEST(LevelCode, CostsNearlyTheEntropy) {
  for (const auto& [levels, together] : {std::pair{2, 8}, {4, 4}, {8, 2}, {16, 2}, {32, 1}}) {
    for (const double reaches_next : {0.1, 0.4, 0.75}) {
      Random random(5, "entropy", static_cast<uint64_t>(levels));
      Levels drawn(64000);
      Counts counts(static_cast<size_t>(levels), 0);
      for (uint8_t& level : drawn) {
        while (level + 1 < levels && random.uniform() < reaches_next) ++level;
        ++counts[level];
      }
      const auto values = static_cast<double>(drawn.size());
      double entropy = 0;
      for (const int64_t count : counts) {
        if (count != 0)
          entropy -= static_cast<double>(count) * std::log2(static_cast<double>(count) / values);
      }
      const double likeliest = std::pow(static_cast<double>(counts[0]) / values, together);
      const auto bits = static_cast<double>(cost(LevelCode(levels, level_odds(counts)), drawn));
      EXPECT_GT(bits, 0.999 * entropy);
      EXPECT_LT(bits, 1.01 * entropy + (likeliest + 0.086) * values / together)
          << levels << " levels, " << reaches_next << " reach the next";
    }
  }
}

TEST(LevelCode, IsMadeOnceForItsOdds) {
  const auto first = LevelCode::of(3, Odds{20, 30});
  EXPECT_EQ(LevelCode::of(3, Odds{20, 30}), first);
  EXPECT_NE(LevelCode::of(3, Odds{30, 20}), first);
  EXPECT_NE(LevelCode::of(4, Odds{20, 30, 1}), first);
}

}  // namespace
}  // namespace templar
