#include "core/consensus/index_overlap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "support/run_specs.h"
#include "support/synthetic_contribution.h"

namespace templar::testing {
namespace {

class IndexOverlaps : public ::testing::Test {
 protected:
  void add(uint32_t uid, std::span<const EncodedParameter> blocks) {
    contributions_.push_back(contribution_of(blocks, layout_, spec_.codec, uid));
  }
  [[nodiscard]] std::vector<EncodedParameter> blocks_of(uint64_t seed) const {
    return synthetic_blocks(layout_, spec_.codec, seed);
  }
  [[nodiscard]] std::vector<PairOverlap> overlaps(int threads = 1) const {
    ThreadTeam team(threads);
    return index_overlaps(as_list(contributions_), layout_, spec_.codec, team);
  }

  const RunSpec spec_ = small_run_spec();
  const ParameterLayout layout_ = parameter_layout(spec_.model);
  std::vector<Contribution> contributions_;
};

// The same by the definition, from the decoded blocks.
double slow_overlap(const Contribution& one, const Contribution& other, const ParameterLayout& layout,
                    const CodecSpec& codec) {
  double equal = 0;
  double kept = 0;
  double chance = 0;
  for (size_t p = 0; p < layout.size(); ++p) {
    const ChunkPlan plan = plan_chunks(layout[p].shape, codec);
    if (plan.kept == plan.chunk_elements()) continue;
    const EncodedParameter a = decode_block(one.block(p, &plan));
    const EncodedParameter b = decode_block(other.block(p, &plan));
    for (int64_t chunk = 0; chunk < plan.chunk_count(); ++chunk) {
      const auto begin = chunk * plan.kept;
      const std::set<uint16_t> positions(a.positions.begin() + begin,
                                         a.positions.begin() + begin + plan.kept);
      for (int64_t k = begin; k < begin + plan.kept; ++k)
        equal += positions.contains(b.positions[static_cast<size_t>(k)]) ? 1 : 0;
      kept += static_cast<double>(plan.kept);
      chance += static_cast<double>(plan.kept * plan.kept) / static_cast<double>(plan.chunk_elements());
    }
  }
  return std::max(0.0, (equal - chance) / (kept - chance));
}

TEST_F(IndexOverlaps, AreOneForACopyWhateverItsValues) {
  add(1, blocks_of(1));
  auto copy = blocks_of(1);
  for (EncodedParameter& block : copy) {
    const auto kept = static_cast<ptrdiff_t>(block.plan.kept);
    for (auto chunk = block.codes.begin(); chunk != block.codes.end(); chunk += kept)
      std::reverse(chunk, chunk + kept);
  }
  add(2, copy);
  ASSERT_EQ(overlaps().size(), 1u);
  EXPECT_DOUBLE_EQ(overlaps()[0].share, 1);
}

TEST_F(IndexOverlaps, AreAboutZeroForTwoThatHaveNothingToDoWithEachOther) {
  for (uint32_t uid = 1; uid <= 6; ++uid) add(uid, blocks_of(uid));
  const auto pairs = overlaps();
  ASSERT_EQ(pairs.size(), 15u);
  for (const PairOverlap& pair : pairs) EXPECT_LT(pair.share, 0.05) << pair.one << " " << pair.other;
}

TEST_F(IndexOverlaps, AreTheShareOfWhatWasCopied) {
  add(1, blocks_of(1));
  auto partly = blocks_of(2);
  const auto original = blocks_of(1);
  for (size_t p = 0; p < partly.size(); p += 2) partly[p] = original[p];
  add(2, partly);
  EXPECT_GT(overlaps()[0].share, 0.2);
  EXPECT_LT(overlaps()[0].share, 0.8);
  EXPECT_NEAR(overlaps()[0].share, slow_overlap(contributions_[0], contributions_[1], layout_, spec_.codec),
              1e-12);
}

TEST_F(IndexOverlaps, AreThoseOfTheDefinitionInTheOrderOfPairs) {
  add(1, blocks_of(1));
  add(4, blocks_of(4));
  add(7, blocks_of(1));
  const auto pairs = overlaps();
  ASSERT_EQ(pairs.size(), 3u);
  size_t next = 0;
  for (size_t one = 0; one < 3; ++one) {
    for (size_t other = one + 1; other < 3; ++other, ++next) {
      EXPECT_EQ(pairs[next].one, one);
      EXPECT_EQ(pairs[next].other, other);
      EXPECT_NEAR(pairs[next].share,
                  slow_overlap(contributions_[one], contributions_[other], layout_, spec_.codec), 1e-12);
    }
  }
}

TEST_F(IndexOverlaps, AreTheSameForEveryNumberOfThreads) {
  for (uint32_t uid = 1; uid <= 4; ++uid) add(uid, blocks_of(uid % 3));
  const auto one = overlaps(1);
  for (const int threads : {2, 3, 5}) {
    const auto several = overlaps(threads);
    ASSERT_EQ(several.size(), one.size());
    for (size_t i = 0; i < one.size(); ++i) EXPECT_EQ(several[i].share, one[i].share) << threads;
  }
}

TEST_F(IndexOverlaps, OfMoreThanAWordOfContributionsAreFoundAsWell) {
  for (uint32_t uid = 1; uid <= 70; ++uid) add(uid, blocks_of(uid == 70 ? 3 : uid));
  for (const PairOverlap& pair : overlaps()) {
    if (pair.one == 2 && pair.other == 69)
      EXPECT_DOUBLE_EQ(pair.share, 1);
    else
      EXPECT_LT(pair.share, 0.1) << pair.one << " " << pair.other;
  }
}

TEST_F(IndexOverlaps, AreNoneForFewerThanTwo) {
  EXPECT_TRUE(overlaps().empty());
  add(1, blocks_of(1));
  EXPECT_TRUE(overlaps().empty());
}

TEST(IndexOverlapsOfAllValues, SayNothing) {
  const ParameterLayout layout = {{"vector", {8}}};
  const CodecSpec codec = small_run_spec().codec;
  ASSERT_EQ(plan_chunks(layout[0].shape, codec).kept, 8);
  std::vector<Contribution> both;
  for (const uint32_t uid : {1u, 2u}) both.push_back(synthetic_contribution(layout, codec, uid));
  ThreadTeam team(1);
  const auto pairs = index_overlaps(as_list(both), layout, codec, team);
  ASSERT_EQ(pairs.size(), 1u);
  EXPECT_EQ(pairs[0].share, 0);
}

}  // namespace
}  // namespace templar::testing
