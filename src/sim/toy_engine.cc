#include "sim/toy_engine.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

#include "base/random.h"
#include "base/threads/thread_team.h"
#include "engine/backend.h"
#include "engine/model/adamw_factors.h"
#include "engine/model/optimiser_plan.h"

namespace templar {
namespace {

// A pair of tokens, as the seed of its targets.
uint64_t pair_of(uint32_t token, uint32_t next) {
  return mix64((uint64_t{token} << 32) | next);
}

// The pair's target for a parameter: a multiple of 2^-23 in [-1, 1).
float target_of(uint64_t pair, size_t parameter) {
  const uint64_t drawn = mix64(pair + parameter) >> 40;
  return static_cast<float>(static_cast<int64_t>(drawn) - (int64_t{1} << 23)) / static_cast<float>(1 << 23);
}

class ToyBackend final : public Backend {
 public:
  ToyBackend(const ModelSpec& model, const InnerSpec& inner)
      : inner_(inner),
        layout_(parameter_layout(model)),
        count_(static_cast<size_t>(parameter_count(layout_))),
        vocab_size_(static_cast<uint32_t>(model.vocab_size)),
        parameters_(layout_),
        gradients_(layout_),
        first_moment_(layout_),
        second_moment_(layout_) {}

  [[nodiscard]] ParameterBuffers& parameters() override { return parameters_; }
  void take_parameters() override {}
  [[nodiscard]] StateTree state_tree() override {
    return compute_state_tree(layout_, std::as_const(parameters_).spans(), team_);
  }

  [[nodiscard]] ParameterBuffers& gradients() override { return gradients_; }
  [[nodiscard]] std::vector<Moment> moments() override {
    std::vector<Moment> moments;
    for (size_t i = 0; i < layout_.size(); ++i) {
      moments.push_back({first_moment_name(layout_[i], InnerOptimiser::kAdamw), first_moment_.spans()[i]});
      moments.push_back({second_moment_name(layout_[i]), second_moment_.spans()[i]});
    }
    return moments;
  }
  void take_moments() override {}

  void add_gradient(const TokenBatch& part, float scale, bool first) override {
    if (first) gradients_.fill_zero();
    add_loss(part, first);
    const float share = scale / static_cast<float>(count_);
    for_pairs(part, [&](uint64_t pair) {
      for (size_t i = 0; i < count_; ++i)
        gradients_.data()[i] += share * (parameters_.data()[i] - target_of(pair, i));
    });
  }

  [[nodiscard]] GradientSum gradient_sum() override {
    double squares = 0;
    for (size_t i = 0; i < count_; ++i)
      squares += static_cast<double>(gradients_.data()[i]) * gradients_.data()[i];
    return {loss_sum_, std::sqrt(squares)};
  }

  void update(const OptimiserStep& step) override {
    const AdamwFactors factors = adamw_factors(inner_, step.learning_rate, step.update, step.gradient_scale);
    for (size_t i = 0; i < count_; ++i) {
      const float gradient = factors.gradient_scale * gradients_.data()[i];
      float& first = first_moment_.data()[i];
      float& second = second_moment_.data()[i];
      first = factors.beta1 * first + (1 - factors.beta1) * gradient;
      second = factors.beta2 * second + (1 - factors.beta2) * gradient * gradient;
      parameters_.data()[i] =
          factors.weight_keep * parameters_.data()[i] -
          factors.step_size * first / (std::sqrt(second) * factors.second_scale + factors.epsilon);
    }
  }

  void add_loss(const TokenBatch& part, bool first) override {
    if (first) loss_sum_ = 0;
    for_pairs(part, [&](uint64_t pair) { loss_sum_ += loss_of(pair); });
  }
  [[nodiscard]] double loss_sum() override { return loss_sum_; }

  void logits(const TokenBatch& part, float* out) override {
    for (const uint32_t token : part.tokens) out = std::ranges::copy(logits_after(token), out).out;
  }

  [[nodiscard]] std::vector<ContinuationScore> score(std::span<const ScoredSequence> sequences) override {
    std::vector<ContinuationScore> scores;
    for (const ScoredSequence& sequence : sequences) {
      ContinuationScore score;
      for (size_t i = static_cast<size_t>(sequence.context); i < sequence.tokens.size(); ++i) {
        const std::vector<float>& after = logits_after(sequence.tokens[i - 1]);
        score.log_probability += static_cast<double>(after[sequence.tokens[i]]);
        const auto best = static_cast<uint32_t>(std::ranges::max_element(after) - after.begin());
        score.greedy = score.greedy && best == sequence.tokens[i];
        ++score.tokens;
      }
      scores.push_back(score);
    }
    return scores;
  }

  [[nodiscard]] std::span<const float> next_logits(std::span<const uint32_t> tokens) override {
    return logits_after(tokens.back());
  }

 private:
  template <typename Work>
  static void for_pairs(const TokenBatch& part, const Work& work) {
    for (int64_t row = 0; row < part.batch; ++row) {
      const auto tokens =
          part.tokens.subspan(static_cast<size_t>(row * part.sequence), static_cast<size_t>(part.sequence));
      for (size_t i = 1; i < tokens.size(); ++i) work(pair_of(tokens[i - 1], tokens[i]));
    }
  }

  [[nodiscard]] double loss_of(uint64_t pair) const {
    double squares = 0;
    for (size_t i = 0; i < count_; ++i) {
      const double distance = static_cast<double>(parameters_.data()[i]) - target_of(pair, i);
      squares += distance * distance;
    }
    return squares / (2 * static_cast<double>(count_));
  }

  // Until the next call.
  [[nodiscard]] const std::vector<float>& logits_after(uint32_t token) {
    logits_.clear();
    for (uint32_t next = 0; next < vocab_size_; ++next)
      logits_.push_back(static_cast<float>(-loss_of(pair_of(token, next))));
    return logits_;
  }

  const InnerSpec inner_;
  const ParameterLayout layout_;
  const size_t count_;  // of all parameters
  const uint32_t vocab_size_;
  ThreadTeam team_{1};
  ParameterBuffers parameters_;
  ParameterBuffers gradients_;
  ParameterBuffers first_moment_;
  ParameterBuffers second_moment_;
  double loss_sum_ = 0;
  std::vector<float> logits_;
};

}  // namespace

Result<std::unique_ptr<Engine>> make_toy_engine(const ModelSpec& model, const InnerSpec& inner,
                                                const EngineOptions& options) {
  TRY(check_engine(model, inner, options));
  if (inner.optimiser != InnerOptimiser::kAdamw)
    return fatal_error("the toy engine knows AdamW alone (inner.optimiser)");
  return std::make_unique<Engine>(model, inner, options, std::make_unique<ToyBackend>(model, inner));
}

}  // namespace templar
