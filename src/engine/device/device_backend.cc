#include "engine/device/device_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <new>
#include <numeric>
#include <utility>

#include "engine/model/adamw_factors.h"
#include "engine/model/optimiser_plan.h"

namespace templar {
namespace {

// Contexts are filled up to one of few lengths, since each length costs the making of new plans: causality
// keeps what is added from mattering.
int64_t filled_length(int64_t tokens, int64_t most) {
  int64_t length = 32;
  while (length < tokens) length *= 2;
  return std::min(length, most);
}

}  // namespace

template <typename Scalar>
DeviceBackend<Scalar>::DeviceBackend(const ModelSpec& model, const InnerSpec& inner,
                                     const EngineOptions& options,
                                     std::unique_ptr<Operations<Scalar>> operations)
    : inner_(inner),
      most_rows_(options.micro_batch * inner.sequence_length),
      layout_(parameter_layout(model)),
      count_(parameter_count(layout_)),
      operations_(std::move(operations)),
      next_logits_(model.vocab_size) {
  const auto allocate = [&](Values& values) {
    values.device = static_cast<float*>(operations_->allocate(count_ * 4));
  };
  allocate(parameters_);
  if constexpr (std::is_same_v<Scalar, float>) {
    weights_ =
        model_tensors<const float, const float>(model, layout_, parameters_.device, parameters_.device);
  } else {
    rounded_ = static_cast<Scalar*>(operations_->allocate(count_ * static_cast<int64_t>(sizeof(Scalar))));
    weights_ = model_tensors<const Scalar, const float>(model, layout_, rounded_, parameters_.device);
  }
  if (options.use == EngineUse::kTraining) {
    for (Values* values : {&gradients_, &first_moment_, &second_moment_}) allocate(*values);
    gradient_tensors_ = model_tensors<float, float>(model, layout_, gradients_.device, gradients_.device);
  }
  numbers_ = static_cast<double*>(operations_->allocate(2 * sizeof(double)));
  transformer_.emplace(model, inner.sequence_length, options, *operations_);
}

template <typename Scalar>
ParameterBuffers& DeviceBackend<Scalar>::on_host(Values& values) {
  if (!values.host) values.host.emplace(layout_);
  if (!values.host_is_current) operations_->download(values.host->data(), values.device, count_ * 4);
  values.host_is_current = true;
  return *values.host;
}

template <typename Scalar>
void DeviceBackend<Scalar>::take_from_host(Values& values) {
  operations_->upload(values.device, values.host->data(), count_ * 4);
}

template <typename Scalar>
void DeviceBackend<Scalar>::take_parameters() {
  take_from_host(parameters_);
  if (rounded_ != nullptr) operations_->round(parameters_.device, rounded_, count_);
}

template <typename Scalar>
std::vector<Moment> DeviceBackend<Scalar>::moments() {
  const ParameterSpans first = on_host(first_moment_).spans();
  const ParameterSpans second = on_host(second_moment_).spans();
  std::vector<Moment> moments;
  for (size_t i = 0; i < layout_.size(); ++i) {
    moments.push_back({first_moment_name(layout_[i], InnerOptimiser::kAdamw), first[i]});
    moments.push_back({second_moment_name(layout_[i]), second[i]});
  }
  return moments;
}

template <typename Scalar>
void DeviceBackend<Scalar>::take_moments() {
  take_from_host(first_moment_);
  take_from_host(second_moment_);
}

template <typename Scalar>
void DeviceBackend<Scalar>::add_gradient(const TokenBatch& part, float scale, bool first) {
  gradients_.host_is_current = false;
  transformer_->forward(weights_, part);
  transformer_->backward(weights_, gradient_tensors_, part, scale, !first, numbers_);
}

template <typename Scalar>
auto DeviceBackend<Scalar>::gradient_sum() -> GradientSum {
  operations_->begin_part(DeviceStepPart::kOptimiser);
  operations_->sum_squares(gradients_.device, count_, numbers_ + 1);
  double found[2] = {};
  operations_->download(found, numbers_, sizeof(found));
  return {found[0], std::sqrt(found[1])};
}

template <typename Scalar>
void DeviceBackend<Scalar>::update(const OptimiserStep& step) {
  const AdamwFactors factors = adamw_factors(inner_, step.learning_rate, step.update, step.gradient_scale);
  operations_->adamw({.parameters = parameters_.device,
                      .rounded = rounded_,
                      .gradients = gradients_.device,
                      .first_moment = first_moment_.device,
                      .second_moment = second_moment_.device,
                      .gradient_scale = factors.gradient_scale,
                      .weight_keep = factors.weight_keep,
                      .step_size = factors.step_size,
                      .second_scale = factors.second_scale,
                      .beta1 = factors.beta1,
                      .beta2 = factors.beta2,
                      .epsilon = factors.epsilon},
                     count_);
  for (Values* values : {&parameters_, &first_moment_, &second_moment_}) values->host_is_current = false;
}

template <typename Scalar>
void DeviceBackend<Scalar>::add_loss(const TokenBatch& part, bool first) {
  transformer_->forward(weights_, part);
  transformer_->loss_sum(weights_, part, numbers_, !first);
}

template <typename Scalar>
double DeviceBackend<Scalar>::loss_sum() {
  double found = 0;
  operations_->download(&found, numbers_, sizeof(found));
  return found;
}

template <typename Scalar>
void DeviceBackend<Scalar>::logits(const TokenBatch& part, float* out) {
  transformer_->forward(weights_, part);
  std::vector<uint32_t> rows(part.tokens.size());
  std::iota(rows.begin(), rows.end(), 0U);
  transformer_->logits(weights_, rows, out);
}

// Sequences of a filled length side by side, as many as the memory has rows.
template <typename Scalar>
std::vector<ContinuationScore> DeviceBackend<Scalar>::score(std::span<const ScoredSequence> sequences) {
  std::map<int64_t, std::vector<size_t>> by_length;
  for (size_t i = 0; i < sequences.size(); ++i) {
    // The last token is only predicted.
    const auto read = static_cast<int64_t>(sequences[i].tokens.size()) - 1;
    by_length[filled_length(read, inner_.sequence_length)].push_back(i);
  }
  std::vector<ContinuationScore> scores(sequences.size());
  for (const auto& [length, members] : by_length) {
    const auto most = static_cast<size_t>(most_rows_ / length);
    for (size_t first = 0; first < members.size(); first += most) {
      score_group(sequences, std::span(members).subspan(first, std::min(most, members.size() - first)),
                  length, scores);
    }
  }
  return scores;
}

template <typename Scalar>
void DeviceBackend<Scalar>::score_group(std::span<const ScoredSequence> sequences,
                                        std::span<const size_t> group, int64_t length,
                                        std::vector<ContinuationScore>& scores) {
  std::vector<uint32_t> tokens(group.size() * static_cast<size_t>(length));
  std::vector<uint32_t> rows;
  std::vector<uint32_t> targets;
  std::vector<size_t> owners;
  for (size_t place = 0; place < group.size(); ++place) {
    const ScoredSequence& sequence = sequences[group[place]];
    const size_t begin = place * static_cast<size_t>(length);
    std::ranges::copy(sequence.tokens.first(sequence.tokens.size() - 1),
                      tokens.begin() + static_cast<std::ptrdiff_t>(begin));
    for (auto at = static_cast<size_t>(sequence.context); at < sequence.tokens.size(); ++at) {
      rows.push_back(static_cast<uint32_t>(begin + at - 1));
      targets.push_back(sequence.tokens[at]);
      owners.push_back(group[place]);
    }
  }
  transformer_->forward(weights_, {tokens, static_cast<int64_t>(group.size()), length});
  const auto found = transformer_->likelihoods(weights_, rows, targets);
  for (size_t i = 0; i < found.size(); ++i) {
    ContinuationScore& score = scores[owners[i]];
    score.log_probability += found[i].log_probability;
    score.greedy = score.greedy && found[i].greedy;
    ++score.tokens;
  }
}

// Each token costs a whole forward pass: keys and values are not kept.
template <typename Scalar>
std::span<const float> DeviceBackend<Scalar>::next_logits(std::span<const uint32_t> tokens) {
  std::vector<uint32_t> context(tokens.begin(), tokens.end());
  context.resize(
      static_cast<size_t>(filled_length(static_cast<int64_t>(tokens.size()), inner_.sequence_length)));
  transformer_->forward(weights_, {context, 1, static_cast<int64_t>(context.size())});
  const auto last = static_cast<uint32_t>(tokens.size() - 1);
  transformer_->logits(weights_, {&last, 1}, next_logits_.data());
  return next_logits_;
}

template <typename Scalar>
StateTree DeviceBackend<Scalar>::state_tree() {
  constexpr auto kBlockValues = static_cast<int64_t>(kStateBlockBytes / sizeof(float));
  std::vector<std::vector<Hash256>> places = state_block_places(layout_);
  std::vector<DeviceHashBlock> blocks;
  const float* values = parameters_.device;
  for (const ParameterInfo& parameter : layout_) {
    for (int64_t at = 0; at < parameter.count(); at += kBlockValues) {
      blocks.push_back({values + at, std::min(kBlockValues, parameter.count() - at)});
    }
    values += parameter.count();
  }
  const std::vector<Hash256> hashes = operations_->hash_blocks(blocks);
  auto next = hashes.begin();
  for (std::vector<Hash256>& of_parameter : places) {
    std::copy_n(next, of_parameter.size(), of_parameter.begin());
    next += static_cast<std::ptrdiff_t>(of_parameter.size());
  }
  return assemble_state_tree(layout_, std::move(places));
}

template class DeviceBackend<float>;
template class DeviceBackend<DeviceBf16>;

template <typename Scalar>
Result<std::unique_ptr<Engine>> make_device_engine(const ModelSpec& model, const InnerSpec& inner,
                                                   const EngineOptions& options,
                                                   std::unique_ptr<Operations<Scalar>> operations) {
  TRY(check_engine(model, inner, options));
  if (options.use == EngineUse::kTraining && inner.optimiser != InnerOptimiser::kAdamw) {
    return fatal_error(
        "a device's engine has AdamW alone, the run's inner.optimiser is Muon: train with "
        "--device cpu");
  }
  try {
    return std::make_unique<Engine>(
        model, inner, options,
        std::make_unique<DeviceBackend<Scalar>>(model, inner, options, std::move(operations)));
  } catch (const BackendFailure& failure) {
    return fatal_error(fmt::format("the device failed: {}", failure.what()));
  } catch (const std::bad_alloc&) {
    return fatal_error("the engine ran out of the host's memory");
  }
}

template Result<std::unique_ptr<Engine>> make_device_engine(const ModelSpec&, const InnerSpec&,
                                                            const EngineOptions&,
                                                            std::unique_ptr<Operations<float>>);
template Result<std::unique_ptr<Engine>> make_device_engine(const ModelSpec&, const InnerSpec&,
                                                            const EngineOptions&,
                                                            std::unique_ptr<Operations<DeviceBf16>>);

}  // namespace templar
