// Each layer's kernel against its definition in double precision, its gradient against differences of that
// definition, on every processor target that this machine can run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "base/random.h"
#include "base/threads/thread_team.h"
#include "engine/cpu/kernels/adamw.h"
#include "engine/cpu/kernels/attention.h"
#include "engine/cpu/kernels/cross_entropy.h"
#include "engine/cpu/kernels/embedding.h"
#include "engine/cpu/kernels/rms_norm.h"
#include "engine/cpu/kernels/swiglu.h"
#include "support/simd_targets.h"

namespace templar {
namespace {

using Values = std::vector<double>;

class Kernels : public testing::OnEachSimdTarget {};
INSTANTIATE_TEST_SUITE_P(Targets, Kernels, testing::simd_targets(), testing::simd_target_name);

std::vector<float> random_floats(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.normal());
  return values;
}

Values widened(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

std::vector<Bf16> rounded(const std::vector<float>& values) {
  std::vector<Bf16> result;
  for (const float value : values) result.push_back(to_bf16(value));
  return result;
}

std::vector<float> floats(const std::vector<Bf16>& values) {
  std::vector<float> result;
  for (const Bf16 value : values) result.push_back(to_float(value));
  return result;
}

void expect_close(const std::vector<float>& got, const Values& want, double tolerance, const char* what) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], want[i], tolerance * (1 + std::abs(want[i]))) << what << " at " << i;
}

double dot(const Values& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// d f / d x by central differences.
Values numerical_gradient(const std::function<double(const Values&)>& f, const std::vector<float>& x) {
  constexpr double kStep = 1e-5;
  Values at = widened(x);
  Values gradient;
  for (double& value : at) {
    const double centre = value;
    value = centre + kStep;
    const double above = f(at);
    value = centre - kStep;
    const double below = f(at);
    value = centre;
    gradient.push_back((above - below) / (2 * kStep));
  }
  return gradient;
}

// ---- RMSNorm

constexpr int64_t kNormRows = kNormRowsPerBlock + 3;
constexpr int64_t kNormWidth = 37;
constexpr double kNormEpsilon = 1e-3;

Values norm_definition(const Values& x, const Values& weight) {
  Values normed(x.size());
  for (size_t row = 0; row < x.size(); row += kNormWidth) {
    double squares = 0;
    for (size_t i = 0; i < kNormWidth; ++i) squares += x[row + i] * x[row + i];
    const double inverse = 1 / std::sqrt(squares / kNormWidth + kNormEpsilon);
    for (size_t i = 0; i < kNormWidth; ++i) normed[row + i] = x[row + i] * inverse * weight[i];
  }
  return normed;
}

TEST_P(Kernels, RmsNormEqualsItsDefinitionAndItsGradientTheDifferences) {
  constexpr size_t kCount = kNormRows * kNormWidth;
  const std::vector<float> before = random_floats(kCount, 1);
  const std::vector<float> delta = random_floats(kCount, 2);
  const std::vector<float> weight = random_floats(kNormWidth, 3);
  const std::vector<float> d_normed = random_floats(kCount, 4);
  const std::vector<float> d_residual = random_floats(kCount, 5);
  std::vector<float> x(kCount), normed(kCount), inverse_rms(kNormRows);
  rms_norm_forward({before.data(), delta.data(), x.data(), weight.data(), normed.data(), inverse_rms.data(),
                    kNormWidth, static_cast<float>(kNormEpsilon)},
                   0, kNormRows);
  for (size_t i = 0; i < kCount; ++i) ASSERT_EQ(x[i], before[i] + delta[i]);
  expect_close(normed, norm_definition(widened(x), widened(weight)), 1e-5, "normed");

  std::vector<float> d_x(kCount), d_x_copy(kCount), again(kCount), partials(2 * kNormWidth);
  rms_norm_backward(RmsNormBackward<float>{x.data(), inverse_rms.data(), weight.data(), d_normed.data(),
                                           d_residual.data(), d_x.data(), d_x_copy.data(), again.data(),
                                           partials.data(), kNormWidth, kNormRows},
                    0, 2);
  Values want = numerical_gradient(
      [&](const Values& at) { return dot(norm_definition(at, widened(weight)), d_normed); }, x);
  for (size_t i = 0; i < kCount; ++i) want[i] += d_residual[i];
  expect_close(d_x, want, 1e-4, "d_x");
  EXPECT_EQ(d_x_copy, d_x);
  EXPECT_EQ(again, normed);
  std::vector<float> d_weight(kNormWidth);
  for (size_t i = 0; i < kNormWidth; ++i) d_weight[i] = partials[i] + partials[kNormWidth + i];
  expect_close(d_weight,
               numerical_gradient(
                   [&](const Values& at) { return dot(norm_definition(widened(x), at), d_normed); }, weight),
               1e-4, "d_weight");
}

// ---- SwiGLU

constexpr int64_t kSwigluRows = 3;
constexpr int64_t kSwigluWidth = 21;

Values swiglu_definition(const Values& gate_up) {
  Values activated;
  for (size_t row = 0; row < kSwigluRows; ++row) {
    for (size_t i = 0; i < kSwigluWidth; ++i) {
      const double gate = gate_up[row * 2 * kSwigluWidth + i];
      activated.push_back(gate / (1 + std::exp(-gate)) * gate_up[(row * 2 + 1) * kSwigluWidth + i]);
    }
  }
  return activated;
}

TEST_P(Kernels, SwigluEqualsItsDefinitionAndItsGradientTheDifferences) {
  const std::vector<float> gate_up = random_floats(kSwigluRows * 2 * kSwigluWidth, 1);
  const std::vector<float> d_activated = random_floats(kSwigluRows * kSwigluWidth, 2);
  std::vector<float> activated(d_activated.size()), again(d_activated.size()), d_gate_up(gate_up.size());
  swiglu_forward({gate_up.data(), activated.data(), kSwigluWidth}, 0, kSwigluRows);
  expect_close(activated, swiglu_definition(widened(gate_up)), 1e-5, "activated");
  swiglu_backward(
      SwigluBackward<float>{gate_up.data(), d_activated.data(), d_gate_up.data(), again.data(), kSwigluWidth},
      0, kSwigluRows);
  EXPECT_EQ(again, activated);
  expect_close(
      d_gate_up,
      numerical_gradient([&](const Values& at) { return dot(swiglu_definition(at), d_activated); }, gate_up),
      1e-4, "d_gate_up");

  const std::vector<Bf16> gate_up_bf16 = rounded(gate_up);
  std::vector<Bf16> activated_bf16(activated.size());
  swiglu_forward({gate_up_bf16.data(), activated_bf16.data(), kSwigluWidth}, 0, kSwigluRows);
  expect_close(floats(activated_bf16), swiglu_definition(widened(floats(gate_up_bf16))), 1.0 / 256,
               "activated in bf16");
}

// ---- Cross-entropy

TEST_P(Kernels, CrossEntropyEqualsItsDefinitionAndItsGradientTheDifferences) {
  constexpr size_t kVocab = 70;
  const std::vector<int64_t> targets = {3, kNoTarget, 69};
  const std::vector<float> logits = random_floats(targets.size() * kVocab, 1);
  const auto losses_at = [&](const Values& at) {
    Values losses;
    for (size_t row = 0; row < targets.size(); ++row) {
      double sum = 0;
      for (size_t i = 0; i < kVocab; ++i) sum += std::exp(at[row * kVocab + i]);
      losses.push_back(targets[row] == kNoTarget
                           ? 0
                           : std::log(sum) - at[row * kVocab + static_cast<size_t>(targets[row])]);
    }
    return losses;
  };
  constexpr float kScale = 0.25F;
  std::vector<float> values = logits;
  std::vector<double> losses(targets.size());
  cross_entropy(CrossEntropy<float>{values.data(), targets.data(), losses.data(), values.data(), kVocab,
                                    kVocab, kScale},
                0, 3);
  const Values want = losses_at(widened(logits));
  for (size_t row = 0; row < targets.size(); ++row) EXPECT_NEAR(losses[row], want[row], 1e-5);
  const auto mean = [&](const Values& at) {
    const Values all = losses_at(at);
    return (all[0] + all[1] + all[2]) * kScale;
  };
  expect_close(values, numerical_gradient(mean, logits), 1e-5, "d_logits");
}

TEST_P(Kernels, CrossEntropyDoesNotHideALogitThatIsNotANumber) {
  constexpr int64_t kVocab = 70;
  const std::vector<int64_t> targets = {3};
  for (const size_t place : {3U, 40U, 69U}) {
    std::vector<float> logits = random_floats(kVocab, 1);
    logits[place] = NAN;
    double loss = 0;
    cross_entropy(CrossEntropy<float>{logits.data(), targets.data(), &loss, nullptr, kVocab, kVocab, 1}, 0,
                  1);
    EXPECT_TRUE(std::isnan(loss)) << "at " << place;
  }
}

// ---- Attention

struct AttentionDefinition {
  AttentionShape shape;
  double theta = 100;

  [[nodiscard]] Values rotated(const Values& qkv, int64_t token, int64_t head) const {
    const int64_t half = shape.head_dim / 2;
    const size_t at = static_cast<size_t>(token * shape.qkv_row() + head * shape.head_dim);
    Values result(static_cast<size_t>(shape.head_dim));
    for (int64_t i = 0; i < half; ++i) {
      const double angle =
          static_cast<double>(token % shape.sequence) *
          std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(shape.head_dim));
      const double first = qkv[at + static_cast<size_t>(i)];
      const double second = qkv[at + static_cast<size_t>(half + i)];
      result[static_cast<size_t>(i)] = first * std::cos(angle) - second * std::sin(angle);
      result[static_cast<size_t>(half + i)] = second * std::cos(angle) + first * std::sin(angle);
    }
    return result;
  }

  [[nodiscard]] Values operator()(const Values& qkv) const {
    const auto head_dim = static_cast<size_t>(shape.head_dim);
    Values out;
    for (int64_t token = 0; token < shape.batch * shape.sequence; ++token) {
      for (int64_t head = 0; head < shape.heads; ++head) {
        const int64_t kv_head = head / (shape.heads / shape.kv_heads);
        const Values query = rotated(qkv, token, head);
        Values mixed(head_dim);
        double total = 0;
        for (int64_t other = token - token % shape.sequence; other <= token; ++other) {
          const Values key = rotated(qkv, other, shape.heads + kv_head);
          double score = 0;
          for (size_t i = 0; i < head_dim; ++i) score += query[i] * key[i];
          const double weight = std::exp(score / std::sqrt(static_cast<double>(shape.head_dim)));
          total += weight;
          const auto value = static_cast<size_t>(other * shape.qkv_row() +
                                                 (shape.heads + shape.kv_heads + kv_head) * shape.head_dim);
          for (size_t i = 0; i < head_dim; ++i) mixed[i] += weight * qkv[value + i];
        }
        for (const double value : mixed) out.push_back(value / total);
      }
    }
    return out;
  }
};

struct AttentionRun {
  std::vector<float> out;
  std::vector<float> log_sums;
  std::vector<float> d_qkv;
};

AttentionRun run_attention(const AttentionShape& shape, const RopeTable& rope, const std::vector<float>& qkv,
                           const std::vector<float>& d_out, AttentionScratch& scratch) {
  AttentionRun run;
  run.out.resize(d_out.size());
  run.log_sums.resize(static_cast<size_t>(shape.batch * shape.heads * shape.sequence));
  run.d_qkv.resize(qkv.size());
  for (int64_t unit = 0; unit < shape.units(); ++unit) {
    attention_forward(AttentionForward<float>{shape, qkv.data(), &rope, run.out.data(), run.log_sums.data()},
                      unit, scratch);
  }
  for (int64_t unit = 0; unit < shape.units(); ++unit) {
    attention_backward(AttentionBackward<float>{shape, qkv.data(), &rope, run.log_sums.data(), d_out.data(),
                                                run.d_qkv.data()},
                       unit, scratch);
  }
  return run;
}

TEST_P(Kernels, AttentionEqualsItsDefinitionAndItsGradientTheDifferences) {
  // A short sequence, and one of more than a block of queries; heads shared and not.
  for (const AttentionShape& shape : {AttentionShape{2, 5, 4, 2, 6}, AttentionShape{1, 35, 2, 2, 4}}) {
    const AttentionDefinition definition{shape};
    const RopeTable rope(shape.sequence, shape.head_dim, definition.theta);
    const std::vector<float> qkv =
        random_floats(static_cast<size_t>(shape.batch * shape.sequence * shape.qkv_row()), 1);
    const std::vector<float> d_out =
        random_floats(static_cast<size_t>(shape.batch * shape.sequence * shape.heads * shape.head_dim), 2);
    AttentionScratch scratch(shape.sequence, shape.head_dim);
    const AttentionRun run = run_attention(shape, rope, qkv, d_out, scratch);
    expect_close(run.out, definition(widened(qkv)), 1e-5, "out");
    expect_close(run.d_qkv,
                 numerical_gradient([&](const Values& at) { return dot(definition(at), d_out); }, qkv), 1e-4,
                 "d_qkv");
  }
}

TEST_P(Kernels, AttentionOfAShortSequenceIgnoresWhatALongOneLeftBehind) {
  const AttentionShape shape{1, 5, 1, 1, 4};
  const AttentionShape longer{1, 40, 1, 1, 4};
  const RopeTable rope(longer.sequence, longer.head_dim, 100);
  const std::vector<float> qkv = random_floats(60, 1);
  const std::vector<float> d_out = random_floats(20, 2);
  AttentionScratch fresh(longer.sequence, longer.head_dim);
  AttentionScratch used(longer.sequence, longer.head_dim);
  (void)run_attention(longer, rope, std::vector<float>(480, NAN), random_floats(160, 3), used);
  const AttentionRun want = run_attention(shape, rope, qkv, d_out, fresh);
  const AttentionRun got = run_attention(shape, rope, qkv, d_out, used);
  EXPECT_EQ(got.out, want.out);
  EXPECT_EQ(got.d_qkv, want.d_qkv);
}

TEST_P(Kernels, OneStepOfAttentionEqualsTheLastRowOfAWholeOne) {
  const AttentionShape shape{1, 9, 4, 2, 6};
  const RopeTable rope(shape.sequence, shape.head_dim, 100);
  const std::vector<float> qkv = random_floats(static_cast<size_t>(shape.sequence * shape.qkv_row()), 1);
  AttentionScratch scratch(shape.sequence, shape.head_dim);
  const AttentionRun whole =
      run_attention(shape, rope, qkv, random_floats(static_cast<size_t>(shape.sequence * 24), 2), scratch);
  std::vector<float> queries(qkv.end() - shape.qkv_row(), qkv.end() - 24);
  for (int64_t head = 0; head < 4; ++head)
    rotate_head(rope, shape.sequence - 1, 6, queries.data() + head * 6);
  std::vector<float> keys, values, scores(9), out(24);
  for (int64_t token = 0; token < shape.sequence; ++token) {
    const auto row = qkv.begin() + token * shape.qkv_row();
    keys.insert(keys.end(), row + 24, row + 36);
    values.insert(values.end(), row + 36, row + 48);
    for (int64_t head = 0; head < 2; ++head) rotate_head(rope, token, 6, keys.data() + token * 12 + head * 6);
  }
  attention_step(
      {shape, queries.data(), keys.data(), values.data(), shape.sequence, scores.data(), out.data()});
  expect_close(out, widened({whole.out.end() - 24, whole.out.end()}), 1e-5, "out");
}

// ---- Embedding and AdamW

TEST(Embedding, AddsEachTokensGradientToItsRow) {
  const std::vector<uint32_t> tokens = {2, 0, 2};
  const std::vector<float> table = random_floats(12, 1);
  const std::vector<float> d_x = random_floats(12, 2);
  for (const int threads : {1, 2}) {
    ThreadTeam team(threads);
    std::vector<float> x(12), d_table(12, 1.0F);
    embed(team, tokens, table.data(), 4, x.data());
    embed_backward(team, tokens, d_x.data(), 4, d_table.data());
    for (size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(x[i], table[8 + i]);
      EXPECT_EQ(x[4 + i], table[i]);
      EXPECT_EQ(d_table[i], 1.0F + d_x[4 + i]);
      EXPECT_EQ(d_table[4 + i], 1.0F);
      EXPECT_EQ(d_table[8 + i], 1.0F + d_x[i] + d_x[8 + i]);
    }
  }
}

TEST_P(Kernels, AdamwEqualsItsDefinition) {
  const InnerSpec inner{.beta1 = 0.9, .beta2 = 0.95, .epsilon = 1e-8, .weight_decay = 0.1};
  constexpr size_t kCount = 75;
  constexpr double kRate = 0.01;
  constexpr double kClip = 0.5;
  std::vector<float> parameters = random_floats(kCount, 1);
  std::vector<float> first(kCount), second(kCount);
  std::vector<Bf16> copy(kCount);
  Values want = widened(parameters), want_first(kCount), want_second(kCount);
  for (int64_t t = 1; t <= 3; ++t) {
    const std::vector<float> gradients = random_floats(kCount, 10 + static_cast<uint64_t>(t));
    AdamwUpdate update{};
    update.factors = adamw_factors(inner, kRate, t, kClip);
    update.parameters = parameters.data();
    update.parameters_bf16 = copy.data();
    update.gradients = gradients.data();
    update.first_moment = first.data();
    update.second_moment = second.data();
    adamw_update(update, 0, 40);
    adamw_update(update, 40, kCount);
    for (size_t i = 0; i < kCount; ++i) {
      const double gradient = gradients[i] * kClip;
      want_first[i] = 0.9 * want_first[i] + 0.1 * gradient;
      want_second[i] = 0.95 * want_second[i] + 0.05 * gradient * gradient;
      const double first_hat = want_first[i] / (1 - std::pow(0.9, t));
      const double second_hat = want_second[i] / (1 - std::pow(0.95, t));
      want[i] = want[i] * (1 - kRate * 0.1) - kRate * first_hat / (std::sqrt(second_hat) + 1e-8);
    }
  }
  expect_close(parameters, want, 1e-6, "parameters");
  expect_close(first, want_first, 1e-6, "first moment");
  expect_close(second, want_second, 1e-6, "second moment");
  for (size_t i = 0; i < kCount; ++i) EXPECT_EQ(copy[i].bits, to_bf16(parameters[i]).bits);
}

TEST(L2Norm, IsTheSameForEveryNumberOfThreads) {
  const std::vector<float> values = random_floats(20001, 1);
  double squares = 0;
  for (const float value : values) squares += static_cast<double>(value) * value;
  ThreadTeam one(1);
  const double norm = l2_norm(one, values.data(), values.size());
  EXPECT_NEAR(norm, std::sqrt(squares), 1e-5 * norm);
  for (const int threads : {2, 3, 5}) {
    ThreadTeam team(threads);
    EXPECT_EQ(l2_norm(team, values.data(), values.size()), norm);
  }
}

// As simd-inl.h defines a sum, whatever the width of vectors; squares need no fused multiply-add.
double norm_in_order(const std::vector<float>& values) {
  constexpr size_t kLanes = 32;
  float lanes[kLanes] = {};
  for (size_t i = 0; i < values.size(); ++i) lanes[i % kLanes] += values[i] * values[i];
  for (size_t half = kLanes / 2; half > 0; half /= 2) {
    for (size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return std::sqrt(static_cast<double>(lanes[0]));
}

TEST_P(Kernels, AddUpInTheSameOrderOnEveryTarget) {
  ThreadTeam team(1);
  for (const size_t count : {1, 3, 4, 8, 15, 17, 31, 32, 33, 63, 64, 100, 1000, 4096}) {
    const std::vector<float> values = random_floats(count, count);
    EXPECT_EQ(l2_norm(team, values.data(), count), norm_in_order(values)) << count << " values";
  }
}

}  // namespace
}  // namespace templar
