#include "engine/device/device_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/check.h"
#include "engine/cpu/adamw.h"
#include "engine/cpu/decoder.h"
#include "engine/model/batch_checks.h"

namespace templar {
namespace {

// Contexts are filled up to one of few lengths, since each length costs the making of new plans: causality
// keeps what is added from mattering.
int64_t filled_length(int64_t tokens, int64_t most) {
  int64_t length = 32;
  while (length < tokens) length *= 2;
  return std::min(length, most);
}

// A device's failure ends here.
template <typename Work>
auto without_exceptions(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const DeviceFailure& failure) {
    return fatal_error(fmt::format("the device failed: {}", failure.what()));
  } catch (const std::bad_alloc&) {
    return fatal_error("the engine ran out of the host's memory");
  }
}

}  // namespace

template <typename Scalar>
DeviceEngine<Scalar>::DeviceEngine(const ModelSpec& model, const InnerSpec& inner,
                                   const DeviceEngineOptions& options,
                                   std::unique_ptr<Operations<Scalar>> operations)
    : model_(model),
      inner_(inner),
      options_(options),
      layout_(parameter_layout(model)),
      count_(parameter_count(layout_)),
      operations_(std::move(operations)) {
  for (Values* values : {&parameters_, &gradients_, &first_moment_, &second_moment_}) {
    values->device = static_cast<float*>(operations_->allocate(count_ * 4));
  }
  if constexpr (std::is_same_v<Scalar, float>) {
    weights_ =
        model_tensors<const float, const float>(model, layout_, parameters_.device, parameters_.device);
  } else {
    rounded_ = static_cast<Scalar*>(operations_->allocate(count_ * static_cast<int64_t>(sizeof(Scalar))));
    weights_ = model_tensors<const Scalar, const float>(model, layout_, rounded_, parameters_.device);
  }
  gradient_tensors_ = model_tensors<float, float>(model, layout_, gradients_.device, gradients_.device);
  numbers_ = static_cast<double*>(operations_->allocate(2 * sizeof(double)));
  transformer_.emplace(model, inner.sequence_length, options, *operations_);
}

template <typename Scalar>
const float* DeviceEngine<Scalar>::first_host_value(Values& values) const {
  const ConstParameterSpans spans = std::as_const(*values.host).spans();
  for (size_t i = 1; i < spans.size(); ++i)
    CHECK(spans[i].data() == spans[i - 1].data() + spans[i - 1].size());
  return spans.front().data();
}

template <typename Scalar>
void DeviceEngine<Scalar>::fetch(Values& values) const {
  if (!values.host) values.host.emplace(layout_);
  if (!values.host_is_current) {
    operations_->download(const_cast<float*>(first_host_value(values)), values.device, count_ * 4);
  }
  values.host_is_current = true;
}

template <typename Scalar>
void DeviceEngine<Scalar>::put(Values& values) {
  operations_->upload(values.device, first_host_value(values), count_ * 4);
  values.lent = false;
}

template <typename Scalar>
void DeviceEngine<Scalar>::put_lent_moments() {
  for (Values* moment : {&first_moment_, &second_moment_}) {
    if (moment->lent) put(*moment);
  }
}

template <typename Scalar>
ParameterSpans DeviceEngine<Scalar>::parameters() {
  fetch(parameters_);
  return parameters_.host->spans();
}

template <typename Scalar>
ConstParameterSpans DeviceEngine<Scalar>::parameters() const {
  fetch(parameters_);
  return std::as_const(*parameters_.host).spans();
}

template <typename Scalar>
void DeviceEngine<Scalar>::parameters_changed() {
  if (!parameters_.host) return;  // nobody has got any that could have been changed
  // Spans got before the last step don't show it: writing through them would undo it.
  CHECK(parameters_.host_is_current);
  put(parameters_);
  if (rounded_ != nullptr) operations_->round(parameters_.device, rounded_, count_);
}

template <typename Scalar>
ParameterSpans DeviceEngine<Scalar>::gradients() {
  fetch(gradients_);
  return gradients_.host->spans();
}

template <typename Scalar>
OptimiserState DeviceEngine<Scalar>::optimiser_state() {
  OptimiserState state;
  for (Values* moment : {&first_moment_, &second_moment_}) {
    fetch(*moment);
    moment->lent = true;
    const ParameterSpans spans = moment->host->spans();
    (moment == &first_moment_ ? state.first_moment : state.second_moment).assign(spans.begin(), spans.end());
  }
  state.updates = &updates_;
  return state;
}

template <typename Scalar>
auto DeviceEngine<Scalar>::gradient_of(const TokenBatch& batch) -> Result<Gradient> {
  TRY(check_batch(model_, inner_, batch, 2));
  return without_exceptions([&]() -> Result<Gradient> {
    const int64_t predicted = batch.batch * (batch.sequence - 1);
    const auto scale = static_cast<float>(1.0 / static_cast<double>(predicted));
    gradients_.host_is_current = false;
    for (int64_t row = 0; row < batch.batch; row += options_.micro_batch) {
      const TokenBatch part = part_of_batch(batch, row, options_.micro_batch);
      transformer_->forward(weights_, part);
      transformer_->backward(weights_, gradient_tensors_, part, scale, row > 0, numbers_);
    }
    operations_->begin_part(DeviceStepPart::kOptimiser);
    operations_->sum_squares(gradients_.device, count_, numbers_ + 1);
    double found[2] = {};
    operations_->download(found, numbers_, sizeof(found));
    const Gradient gradient{found[0] / static_cast<double>(predicted), std::sqrt(found[1])};
    if (!std::isfinite(gradient.loss) || !std::isfinite(gradient.norm)) {
      return skip_error(fmt::format("the loss ({}) or the norm of its gradient ({}) is not finite",
                                    gradient.loss, gradient.norm));
    }
    return gradient;
  });
}

template <typename Scalar>
Result<double> DeviceEngine<Scalar>::compute_gradients(const TokenBatch& batch) {
  TRY_ASSIGN(const Gradient gradient, gradient_of(batch));
  return gradient.loss;
}

template <typename Scalar>
Result<TrainStepReport> DeviceEngine<Scalar>::train_step(const TokenBatch& batch, double learning_rate) {
  TRY_ASSIGN(const Gradient gradient, gradient_of(batch));
  return without_exceptions([&]() -> Result<TrainStepReport> {
    apply_adamw(learning_rate, gradient.norm);
    return TrainStepReport{gradient.loss, gradient.norm, learning_rate};
  });
}

template <typename Scalar>
void DeviceEngine<Scalar>::apply_adamw(double learning_rate, double gradient_norm) {
  put_lent_moments();
  const AdamwUpdate factors =
      adamw_factors(inner_, learning_rate, ++updates_, clip_factor(inner_, gradient_norm));
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
Result<EvaluationReport> DeviceEngine<Scalar>::evaluate(const TokenBatch& batch) {
  TRY(check_batch(model_, inner_, batch, 2));
  return without_exceptions([&]() -> Result<EvaluationReport> {
    EvaluationReport report{0, batch.batch * (batch.sequence - 1)};
    for (int64_t row = 0; row < batch.batch; row += options_.micro_batch) {
      const TokenBatch part = part_of_batch(batch, row, options_.micro_batch);
      transformer_->forward(weights_, part);
      transformer_->loss_sum(weights_, part, numbers_, row > 0);
    }
    operations_->download(&report.loss_sum, numbers_, sizeof(double));
    return report;
  });
}

template <typename Scalar>
Result<std::vector<float>> DeviceEngine<Scalar>::logits(const TokenBatch& batch) {
  TRY(check_batch(model_, inner_, batch, 1));
  return without_exceptions([&]() -> Result<std::vector<float>> {
    std::vector<float> values(batch.tokens.size() * static_cast<size_t>(model_.vocab_size));
    float* out = values.data();
    for (int64_t row = 0; row < batch.batch; row += options_.micro_batch) {
      const TokenBatch part = part_of_batch(batch, row, options_.micro_batch);
      transformer_->forward(weights_, part);
      std::vector<uint32_t> rows(part.tokens.size());
      std::iota(rows.begin(), rows.end(), 0U);
      transformer_->logits(weights_, rows, out);
      out += rows.size() * static_cast<size_t>(model_.vocab_size);
    }
    return values;
  });
}

// Sequences of a filled length side by side, as many as the memory has rows.
template <typename Scalar>
Result<std::vector<ContinuationScore>> DeviceEngine<Scalar>::score_continuations(
    std::span<const ScoredSequence> sequences) {
  TRY(check_sequences(model_, inner_, sequences));
  return without_exceptions([&]() -> Result<std::vector<ContinuationScore>> {
    std::map<int64_t, std::vector<size_t>> by_length;
    for (size_t i = 0; i < sequences.size(); ++i) {
      // The last token is only predicted.
      const auto read = static_cast<int64_t>(sequences[i].tokens.size()) - 1;
      by_length[filled_length(read, inner_.sequence_length)].push_back(i);
    }
    std::vector<ContinuationScore> scores(sequences.size());
    for (const auto& [length, members] : by_length) {
      const auto most = static_cast<size_t>(options_.micro_batch * inner_.sequence_length / length);
      for (size_t first = 0; first < members.size(); first += most) {
        score_group(sequences, std::span(members).subspan(first, std::min(most, members.size() - first)),
                    length, scores);
      }
    }
    return scores;
  });
}

template <typename Scalar>
void DeviceEngine<Scalar>::score_group(std::span<const ScoredSequence> sequences,
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

template <typename Scalar>
Result<std::vector<uint32_t>> DeviceEngine<Scalar>::generate(std::span<const uint32_t> prompt,
                                                             const GenerationOptions& options) {
  std::vector<uint32_t> made;
  TRY(generate_each(prompt, options, [&](const GeneratedToken& token) {
    made.push_back(token.id);
    return true;
  }));
  return made;
}

// Each token costs a whole forward pass: keys and values are not kept.
template <typename Scalar>
Status DeviceEngine<Scalar>::generate_each(std::span<const uint32_t> prompt, const GenerationOptions& options,
                                           const std::function<bool(const GeneratedToken&)>& on_token) {
  TRY(check_generation(model_, prompt, options));
  return without_exceptions([&]() -> Status {
    std::vector<uint32_t> tokens(prompt.begin(), prompt.end());
    Sampler sampler(options);
    std::vector<float> logits(static_cast<size_t>(model_.vocab_size));
    for (int64_t made = 0; made < options.max_new_tokens; ++made) {
      const size_t length = std::min(tokens.size(), static_cast<size_t>(inner_.sequence_length));
      std::vector<uint32_t> context(tokens.end() - static_cast<std::ptrdiff_t>(length), tokens.end());
      context.resize(
          static_cast<size_t>(filled_length(static_cast<int64_t>(length), inner_.sequence_length)));
      transformer_->forward(weights_, {context, 1, static_cast<int64_t>(context.size())});
      const auto last = static_cast<uint32_t>(length - 1);
      transformer_->logits(weights_, {&last, 1}, logits.data());
      tokens.push_back(sampler.draw(logits));
      if (!on_token({tokens.back(), log_probability(logits, tokens.back())})) break;
    }
    return {};
  });
}

template <typename Scalar>
Result<StateTree> DeviceEngine<Scalar>::state_tree() {
  return without_exceptions([&]() -> Result<StateTree> {
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
  });
}

template class DeviceEngine<float>;
template class DeviceEngine<DeviceBf16>;

Status check_device_memory(const ModelSpec& model, const InnerSpec& inner, const DeviceEngineOptions& options,
                           int64_t available_bytes) {
  const int64_t needed = plan_device_memory(model, inner, options).total();
  if (needed <= available_bytes) return {};
  constexpr double kGib = 1024.0 * 1024.0 * 1024.0;
  return fatal_error(fmt::format(
      "training this model takes {:.1f} GiB, the device has {:.1f} free; a smaller micro_batch than {} or "
      "recomputing "
      "layers takes less",
      static_cast<double>(needed) / kGib, static_cast<double>(available_bytes) / kGib, options.micro_batch));
}

template <typename Scalar>
Result<std::unique_ptr<DeviceEngine<Scalar>>> make_device_engine(
    const ModelSpec& model, const InnerSpec& inner, const DeviceEngineOptions& options,
    std::unique_ptr<Operations<Scalar>> operations) {
  TRY(check_model(model, inner));
  TRY(check_micro_batch(options.micro_batch, inner));
  return without_exceptions([&]() -> Result<std::unique_ptr<DeviceEngine<Scalar>>> {
    return std::make_unique<DeviceEngine<Scalar>>(model, inner, options, std::move(operations));
  });
}

template Result<std::unique_ptr<DeviceEngine<float>>> make_device_engine(const ModelSpec&, const InnerSpec&,
                                                                         const DeviceEngineOptions&,
                                                                         std::unique_ptr<Operations<float>>);
template Result<std::unique_ptr<DeviceEngine<DeviceBf16>>> make_device_engine(
    const ModelSpec&, const InnerSpec&, const DeviceEngineOptions&, std::unique_ptr<Operations<DeviceBf16>>);

}  // namespace templar
