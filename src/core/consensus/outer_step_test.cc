#include "core/consensus/outer_step.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/codec/compressor.h"
#include "support/exact_values.h"
#include "support/json_values.h"
#include "support/simd_targets.h"
#include "support/synthetic_contribution.h"
#include "support/synthetic_run.h"
#include "support/vectors.h"

namespace templar {
namespace {

using testing::contribution_of;
using testing::synthetic_contribution;
using Values = std::vector<float>;

std::vector<const Contribution*> pointers(const std::vector<Contribution>& contributions) {
  std::vector<const Contribution*> list;
  for (const Contribution& contribution : contributions) list.push_back(&contribution);
  return list;
}

// What a vectors file says that a peer sent.
Contribution contribution_from(const Json& peer, const ParameterLayout& layout, const CodecSpec& codec,
                               uint32_t uid) {
  EncodedParameter block;
  block.plan = plan_chunks(layout[0].shape, codec);
  block.positions = testing::as<std::vector<uint16_t>>(peer.at("indices_sorted"));
  const QuantisedValues values = testing::exact_values(testing::as<Values>(peer.at("values_sorted")));
  block.codes = values.codes;
  block.codebook = values.codebook;
  block.codebook.resize(static_cast<size_t>(codec.quantiser_bins), 0.0f);
  return contribution_of(std::vector{block}, layout, codec, uid);
}

// theta <- 0 - 1 * Delta, negated: the aggregate itself.
Values aggregate(const std::vector<Contribution>& contributions, const ParameterLayout& layout,
                 const RunSpec& spec) {
  ThreadTeam team(2);
  ParameterBuffers theta(layout);
  apply_outer_step(theta.spans(), layout, spec, pointers(contributions), 1.0, team);
  Values delta;
  for (const float value : theta.spans()[0]) delta.push_back(-value);
  return delta;
}

void expect_close(std::span<const float> values, const Values& reference, const std::string& what) {
  ASSERT_EQ(values.size(), reference.size());
  float largest = 0;
  for (const float value : reference) largest = std::max(largest, std::fabs(value));
  for (size_t i = 0; i < reference.size(); ++i) {
    EXPECT_NEAR(values[i], reference[i], 1e-5 * std::fabs(reference[i]) + 1e-6 * largest)
        << what << ", element " << i;
  }
}

TEST(OuterStepVectors, AggregationAgreesWithTheReference) {
  const auto cases = testing::load_vector_json("aggregate.json");
  ASSERT_GT(cases.size(), 0U);
  for (size_t number = 0; number < cases.size(); ++number) {
    const auto& entry = cases.at(number);
    const std::string what = "case " + std::to_string(number);
    const ParameterLayout layout{{"parameter", testing::as<std::vector<int64_t>>(entry.at("shape"))}};
    RunSpec spec;
    spec.codec = {.chunk = testing::as<int64_t>(entry.at("target_chunk")),
                  .topk = testing::as<int64_t>(entry.at("topk")),
                  .use_dct = testing::as<bool>(entry.at("use_dct")),
                  .quantiser_bins = 256};
    spec.outer.aggregation = AggregationRule::kMeanPresent;
    std::vector<Contribution> contributions;
    for (const Json& peer : *entry.at("peers").list()) {
      contributions.push_back(
          contribution_from(peer, layout, spec.codec, static_cast<uint32_t>(contributions.size())));
    }
    const ClipFactors clip = clip_factors(pointers(contributions));
    for (size_t i = 0; i < contributions.size(); ++i) {
      const double norm = testing::as<double>(entry.at("peers").at(i).at("norm"));
      EXPECT_NEAR(clip.of(i)[0], std::min(1.0, testing::as<double>(entry.at("median_norm")) / (norm + 1e-8)),
                  1e-6)
          << what;
    }
    expect_close(aggregate(contributions, layout, spec), testing::as<Values>(entry.at("aggregated")), what);

    // The coefficients are what comes out where no inverse transform follows; the file has them chunk by
    // chunk.
    spec.codec.use_dct = false;
    contributions.clear();
    for (const Json& peer : *entry.at("peers").list()) {
      contributions.push_back(
          contribution_from(peer, layout, spec.codec, static_cast<uint32_t>(contributions.size())));
    }
    const Values dense = aggregate(contributions, layout, spec);
    const ChunkPlan plan = plan_chunks(layout[0].shape, spec.codec);
    Values by_chunk;
    for (int64_t chunk = 0; chunk < plan.chunk_count(); ++chunk) {
      for_each_tile_row(plan, chunk, [&](size_t first, size_t) {
        by_chunk.insert(by_chunk.end(), dense.begin() + first, dense.begin() + first + plan.tile_columns);
      });
    }
    expect_close(by_chunk, testing::as<Values>(entry.at("aggregated_coefficients")), what + " coefficients");
  }
}

// A run of one vector of eight with one value per chunk of four, spelled out by hand.
class OuterStepTest : public ::testing::Test {
 protected:
  // Sends value_a at position_a of the first chunk and value_b at position_b of the second.
  void add(uint32_t uid, uint16_t position_a, float value_a, uint16_t position_b, float value_b) {
    EncodedParameter block;
    block.plan = plan_chunks(layout_[0].shape, spec_.codec);
    block.positions = {position_a, position_b};
    block.codebook = {value_a, value_b};
    block.codes = {0, 1};
    contributions_.push_back(contribution_of(std::vector{block}, layout_, spec_.codec, uid));
  }
  Values step(double learning_rate) {
    ThreadTeam team(1);
    ParameterBuffers theta(layout_);
    std::ranges::fill(theta.spans()[0], 10.0f);
    apply_outer_step(theta.spans(), layout_, spec_, pointers(contributions_), learning_rate, team);
    return {theta.spans()[0].begin(), theta.spans()[0].end()};
  }

  static RunSpec make_spec() {
    RunSpec spec;
    spec.codec = {.chunk = 4, .topk = 1, .quantiser_bins = 2};
    return spec;
  }
  const ParameterLayout layout_{{"vector", {8}}};
  RunSpec spec_ = make_spec();
  std::vector<Contribution> contributions_;
};

TEST_F(OuterStepTest, MeanAllDividesByEverybody) {
  spec_.outer.aggregation = AggregationRule::kMeanAll;
  add(1, 0, 3.0f, 1, 4.0f);
  add(2, 0, 4.0f, 2, 3.0f);
  EXPECT_EQ(step(1.0), (Values{6.5f, 10, 10, 10, 10, 8, 8.5f, 10}));
}

TEST_F(OuterStepTest, MeanPresentDividesByThoseThatSentIt) {
  spec_.outer.aggregation = AggregationRule::kMeanPresent;
  add(1, 0, 3.0f, 1, 4.0f);
  add(2, 0, 4.0f, 2, 3.0f);
  EXPECT_EQ(step(0.5), (Values{8.25f, 10, 10, 10, 10, 8, 8.5f, 10}));
}

TEST_F(OuterStepTest, MeanShrunkDividesByTheRootOfBothNumbers) {
  spec_.outer.aggregation = AggregationRule::kMeanShrunk;
  for (const uint32_t uid : {1u, 2u, 3u}) add(uid, 0, 2.0f, static_cast<uint16_t>(uid), 2.0f);
  add(4, 1, 2.0f, 0, 2.0f);
  const Values theta = step(1.0);
  EXPECT_FLOAT_EQ(theta[0], 10.0f - 6.0f / std::sqrt(12.0f));  // three of four sent it
  EXPECT_EQ(theta[1], 9.0f);                                   // a lone sender of four: half its value
  EXPECT_EQ(theta[2], 10.0f);
  for (const size_t lone : {4, 5, 6, 7}) EXPECT_EQ(theta[lone], 9.0f);
}

// One of all contributions sends 1 at the first position, the others at the second; all send 1 at the second
// chunk's first. Their norms are the same, so nothing is clipped.
struct Moves {
  float by_one, by_others, by_all;
};
class MeanRules : public OuterStepTest {
 protected:
  Moves moves(AggregationRule rule, uint32_t contributions) {
    spec_.outer.aggregation = rule;
    contributions_.clear();
    for (uint32_t uid = 0; uid < contributions; ++uid) add(uid, uid == 0 ? 0 : 1, 1.0f, 0, 1.0f);
    const Values delta = aggregate(contributions_, layout_, spec_);
    return {delta[0], delta[1], delta[4]};
  }
};

TEST_F(MeanRules, AreTheSameForOneContribution) {
  for (const auto rule :
       {AggregationRule::kMeanAll, AggregationRule::kMeanPresent, AggregationRule::kMeanShrunk}) {
    const Moves move = moves(rule, 1);
    EXPECT_EQ(move.by_one, 1.0f);
    EXPECT_EQ(move.by_others, 0.0f);
    EXPECT_EQ(move.by_all, 1.0f);
  }
}

TEST_F(MeanRules, DivideByAllByThoseOrByTheRootOfBoth) {
  for (const uint32_t contributions : {8u, 300u}) {
    const auto all = static_cast<float>(contributions);
    const Moves mean_all = moves(AggregationRule::kMeanAll, contributions);
    EXPECT_FLOAT_EQ(mean_all.by_one, contributions == 8 ? 0.125f : 0.0033333333f);
    EXPECT_FLOAT_EQ(mean_all.by_others, (all - 1) / all);
    EXPECT_FLOAT_EQ(mean_all.by_all, 1.0f);
    const Moves present = moves(AggregationRule::kMeanPresent, contributions);
    EXPECT_FLOAT_EQ(present.by_one, 1.0f);
    EXPECT_FLOAT_EQ(present.by_others, 1.0f);
    EXPECT_FLOAT_EQ(present.by_all, 1.0f);
    const Moves shrunk = moves(AggregationRule::kMeanShrunk, contributions);
    EXPECT_FLOAT_EQ(shrunk.by_one, contributions == 8 ? 0.35355339f : 0.057735027f);    // 1 / sqrt(n)
    EXPECT_FLOAT_EQ(shrunk.by_others, contributions == 8 ? 0.93541435f : 0.99833194f);  // sqrt((n - 1) / n)
    EXPECT_FLOAT_EQ(shrunk.by_all, 1.0f);
  }
}

TEST_F(OuterStepTest, ClipsToTheLowerMedianNorm) {
  spec_.outer.aggregation = AggregationRule::kMeanAll;
  add(1, 0, 3.0f, 0, 4.0f);      // norm 5: the lower median of two
  add(2, 0, 300.0f, 0, 400.0f);  // norm 500: counts as 5
  const Values theta = step(1.0);
  EXPECT_FLOAT_EQ(theta[0], 7.0f);
  EXPECT_FLOAT_EQ(theta[4], 6.0f);
}

TEST_F(OuterStepTest, DemoStepsByTheSign) {
  spec_.algorithm = Algorithm::kDemo;
  add(1, 0, 3.0f, 1, -4.0f);
  EXPECT_EQ(step(0.25), (Values{9.75f, 10, 10, 10, 10, 10.25f, 10, 10}));
}

TEST_F(OuterStepTest, DemoDecaysEveryWeight) {
  spec_.algorithm = Algorithm::kDemo;
  spec_.inner.weight_decay = 0.5;
  add(1, 0, 3.0f, 1, -4.0f);
  EXPECT_EQ(step(0.25), (Values{8.5f, 8.75f, 8.75f, 8.75f, 8.75f, 9.0f, 8.75f, 8.75f}));
}

TEST_F(OuterStepTest, WithoutContributionsChangesNothing) {
  EXPECT_EQ(step(1.0), Values(8, 10.0f));
}

TEST_F(OuterStepTest, ASingleContributionAppliedEqualsAStepWithItAlone) {
  add(1, 0, 3.0f, 1, 4.0f);
  ThreadTeam team(1);
  ParameterBuffers theta(layout_);
  std::ranges::fill(theta.spans()[0], 10.0f);
  apply_single(theta.spans(), layout_, spec_, contributions_[0], Values{1.0f}, 0.5, team);
  EXPECT_TRUE(std::ranges::equal(theta.spans()[0], step(0.5)));
}

TEST_F(OuterStepTest, ASingleContributionIsScaledByItsClipFactor) {
  add(1, 0, 4.0f, 1, 8.0f);
  ThreadTeam team(1);
  ParameterBuffers theta(layout_);
  apply_single(theta.spans(), layout_, spec_, contributions_[0], Values{0.25f}, 0.5, team);
  EXPECT_TRUE(std::ranges::equal(theta.spans()[0], (Values{-0.5f, 0, 0, 0, 0, -1.0f, 0, 0})));
}

void expect_decoded_as_sent(const CodecSpec& codec) {
  const ParameterLayout layout{{"matrix", {24, 40}}};
  ThreadTeam team(2);
  RunSpec spec;
  spec.codec = codec;
  Values gradient;
  for (int i = 0; i < 960; ++i) gradient.push_back(0.01f * static_cast<float>((i * 37) % 101 - 50));
  const auto encoded = compress(gradient, layout[0], spec.codec, team);
  ASSERT_TRUE(encoded.has_value());
  Values decoded(960);
  decompress(*encoded, spec.codec, decoded, team);
  std::vector<Contribution> contributions;
  contributions.push_back(contribution_of(std::vector{*encoded}, layout, spec.codec, 1));
  EXPECT_EQ(aggregate(contributions, layout, spec), decoded);
}

TEST(OuterStep, DecodesWhatTheCompressorSent) {
  for (const bool use_dct : {false, true}) {
    CodecSpec codec{
        .chunk = 16, .topk = 10, .use_dct = use_dct, .quantiser_bins = 4, .quantiser_range_sigmas = 6};
    expect_decoded_as_sent(codec);
    codec.quantiser = Quantiser::kBlockLog;
    codec.quantiser_bins = 16;
    expect_decoded_as_sent(codec);
    codec.quantiser = Quantiser::kNone;
    expect_decoded_as_sent(codec);
    codec.quantiser = Quantiser::kNoneBf16;
    expect_decoded_as_sent(codec);
  }
}

TEST(OuterStep, KeepsEveryParameterFiniteUnderTheLargestLegalContributions) {
  const ParameterLayout layout{{"matrix", {64, 64}}};
  RunSpec spec;
  spec.codec = {.chunk = 64, .topk = 4096, .use_dct = true, .quantiser_bins = 2};
  std::vector<Contribution> contributions;
  for (uint32_t uid = 0; uid < 20; ++uid) {
    auto blocks = testing::synthetic_blocks(layout, spec.codec, uid);
    blocks[0].codebook = {kMaxCodebookMagnitude, -kMaxCodebookMagnitude};
    contributions.push_back(contribution_of(blocks, layout, spec.codec, uid));
  }
  for (const float value : aggregate(contributions, layout, spec)) ASSERT_TRUE(std::isfinite(value));
}

void expect_frozen_roots(ThreadTeam& team) {
  const testing::CombinedRoots roots = testing::combined_roots(testing::run_synthetic_consensus(team));
  EXPECT_EQ(roots.with_quantiser, testing::kFrozenRoots.with_quantiser);
  EXPECT_EQ(roots.without_quantiser, testing::kFrozenRoots.without_quantiser);
}

TEST(Consensus, RootsAreTheFrozenOnesForEveryNumberOfThreads) {
  for (const int threads : {1, 2, 3, 8}) {
    SCOPED_TRACE(threads);
    ThreadTeam team(threads);
    expect_frozen_roots(team);
  }
}

class ConsensusOnTarget : public testing::OnEachSimdTarget {};
INSTANTIATE_TEST_SUITE_P(Targets, ConsensusOnTarget, testing::simd_targets(), testing::simd_target_name);

TEST_P(ConsensusOnTarget, RootsAndContributionsAreTheFrozenOnes) {
  ThreadTeam team(2);
  expect_frozen_roots(team);
}

}  // namespace
}  // namespace templar
