#include "support/contracts/engine_contract.h"

#include <algorithm>

#include "base/random.h"
#include "engine/device/device_engine.h"
#include "engine/device/host_operations.h"
#include "engine/model/batch_checks.h"
#include "support/reference_model.h"

namespace templar::testing {
namespace {

using EngineResult = Result<std::unique_ptr<Engine>>;

EngineResult make_on_cpu(const ModelSpec& model, const InnerSpec& inner, Precision precision,
                         int64_t micro_batch) {
  return make_cpu_engine(model, inner, {.threads = 2, .precision = precision, .micro_batch = micro_batch});
}

template <bool kRecompute>
EngineResult make_on_host(const ModelSpec& model, const InnerSpec& inner, Precision precision,
                          int64_t micro_batch) {
  const DeviceEngineOptions options{precision, micro_batch, kRecompute};
  TRY(check_model(model, inner));
  TRY(check_micro_batch(micro_batch, inner));
  TRY(check_device_memory(model, inner, options, int64_t{1} << 30));
  if (precision == Precision::kF32) {
    return make_device_engine<float>(model, inner, options, std::make_unique<HostOperations<float>>());
  }
  return make_device_engine<DeviceBf16>(model, inner, options,
                                        std::make_unique<HostOperations<DeviceBf16>>());
}

template <bool kRecompute>
EngineResult make_on_card(const ModelSpec& model, const InnerSpec& inner, Precision precision,
                          int64_t micro_batch) {
  CudaEngineOptions options;
  options.precision = precision;
  options.micro_batch = micro_batch;
  options.recompute_layers = kRecompute;
  return make_cuda_engine(model, inner, options);
}

}  // namespace

const std::vector<Contender>& contenders() {
  static const std::vector<Contender> kAll = {
      {"CpuF32", Precision::kF32, make_on_cpu},
      {"CpuBf16", Precision::kBf16, make_on_cpu},
      {"HostDeviceF32", Precision::kF32, make_on_host<false>},
      {"HostDeviceBf16", Precision::kBf16, make_on_host<false>},
      {"HostDeviceRecomputingF32", Precision::kF32, make_on_host<true>},
      {"CudaF32", Precision::kF32, make_on_card<false>, true},
      {"CudaBf16", Precision::kBf16, make_on_card<false>, true},
      {"CudaRecomputingBf16", Precision::kBf16, make_on_card<true>, true},
  };
  return kAll;
}

ModelSpec contract_model(bool tied) {
  return {.vocab_size = kContractVocab,
          .hidden_size = 24,
          .num_hidden_layers = 2,
          .num_attention_heads = 4,
          .num_key_value_heads = 2,
          .intermediate_size = 40,
          .rope_theta = 10000,
          .rms_norm_eps = 1e-5,
          .tie_word_embeddings = tied,
          .initializer_range = 0.2};
}

InnerSpec contract_inner() {
  return {.sequence_length = kContractSequence,
          .batch_size = 5,
          .steps = 3,
          .learning_rate = 1e-2,
          .beta1 = 0.9,
          .beta2 = 0.95,
          .epsilon = 1e-8,
          .weight_decay = 0.1,
          .clip_grad_norm = 1.0};
}

std::vector<uint32_t> contract_tokens(int64_t count, uint64_t seed) {
  Random random(seed);
  std::vector<uint32_t> tokens(static_cast<size_t>(count));
  for (uint32_t& token : tokens) token = static_cast<uint32_t>(random.below(kContractVocab));
  return tokens;
}

void EngineContract::SetUp() {
  if (!GetParam().on_a_card) return;
  const Status usable = check_cuda_device(0);
  if (!usable) GTEST_SKIP() << usable.error().message;
}

std::unique_ptr<Engine> EngineContract::make(const ModelSpec& model, const InnerSpec& inner,
                                             int64_t micro_batch) {
  auto engine = GetParam().make(model, inner, GetParam().precision, micro_batch);
  EXPECT_TRUE(engine.has_value()) << engine.error().message;
  return std::move(*engine);
}

std::unique_ptr<Engine> EngineContract::make_small(const ModelSpec& model, int64_t micro_batch) {
  auto engine = make(model, contract_inner(), micro_batch);
  initialise_parameters(engine->layout(), model, 7, engine->parameters());
  engine->parameters_changed();
  return engine;
}

std::unique_ptr<Engine> EngineContract::make_reference(const ReferenceModel& reference, int64_t micro_batch) {
  auto engine = make(reference.model, reference.inner, micro_batch);
  const ParameterSpans parameters = engine->parameters();
  for (size_t i = 0; i < engine->layout().size(); ++i) {
    std::ranges::copy(reference.tensors.at("param." + engine->layout()[i].name), parameters[i].begin());
  }
  engine->parameters_changed();
  return engine;
}

INSTANTIATE_TEST_SUITE_P(Engines, EngineContract, ::testing::ValuesIn(contenders()),
                         [](const auto& info) { return info.param.name; });

}  // namespace templar::testing
