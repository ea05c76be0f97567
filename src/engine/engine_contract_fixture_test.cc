#include "support/contracts/engine_contract.h"

#include <algorithm>

#include "base/random.h"
#include "engine/device/device_backend.h"
#include "engine/device/device_memory.h"
#include "engine/device/host_operations.h"
#include "support/engine_values.h"
#include "support/reference_model.h"

namespace templar::testing {
namespace {

using EngineResult = Result<std::unique_ptr<Engine>>;

template <typename Scalar>
EngineResult make_on_host_in(const ModelSpec& model, const InnerSpec& inner, const EngineOptions& options) {
  return make_device_engine<Scalar>(model, inner, options, std::make_unique<HostOperations<Scalar>>());
}

EngineResult make_on_host(const ModelSpec& model, const InnerSpec& inner, const EngineOptions& options) {
  TRY(check_engine(model, inner, options));
  TRY(check_device_precision(options.precision));
  TRY(device_engine_memory(model, inner, options).check_fits(int64_t{1} << 30, "this test has", options));
  if (options.precision == Precision::kF32) return make_on_host_in<float>(model, inner, options);
  return make_on_host_in<DeviceBf16>(model, inner, options);
}

EngineResult make_on_card(const ModelSpec& model, const InnerSpec& inner, const EngineOptions& options) {
  CudaEngineOptions of_card;
  static_cast<EngineOptions&>(of_card) = options;
  return make_cuda_engine(model, inner, of_card);
}

}  // namespace

const std::vector<Contender>& contenders() {
  constexpr EngineOptions kF32{.threads = 2, .precision = Precision::kF32};
  constexpr EngineOptions kBf16{.threads = 2, .precision = Precision::kBf16};
  constexpr EngineOptions kDeterministic{.threads = 2, .precision = Precision::kF32Deterministic};
  constexpr EngineOptions kRecomputingF32{
      .threads = 2, .precision = Precision::kF32, .recompute_layers = true};
  constexpr EngineOptions kRecomputingBf16{
      .threads = 2, .precision = Precision::kBf16, .recompute_layers = true};
  static const std::vector<Contender> kAll = {
      {"CpuF32", kF32, make_cpu_engine},
      {"CpuBf16", kBf16, make_cpu_engine},
      {"CpuRecomputingF32", kRecomputingF32, make_cpu_engine},
      {"CpuMuonF32", kF32, make_cpu_engine, false, InnerOptimiser::kMuon},
      {"CpuMuonBf16", kBf16, make_cpu_engine, false, InnerOptimiser::kMuon},
      {"CpuDeterministic", kDeterministic, make_cpu_engine},
      {"CpuMuonDeterministic", kDeterministic, make_cpu_engine, false, InnerOptimiser::kMuon},
      {"HostDeviceF32", kF32, make_on_host},
      {"HostDeviceBf16", kBf16, make_on_host},
      {"HostDeviceRecomputingF32", kRecomputingF32, make_on_host},
      {"CudaF32", kF32, make_on_card, true},
      {"CudaBf16", kBf16, make_on_card, true},
      {"CudaRecomputingBf16", kRecomputingBf16, make_on_card, true},
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

std::vector<ModelSpec> contract_models() {
  std::vector<ModelSpec> models(3, contract_model());
  models[1].head_dim = 10;
  models[2].head_dim = 4;
  return models;
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

EngineOptions EngineContract::options(int64_t micro_batch, EngineUse use) const {
  EngineOptions options = GetParam().options;
  options.micro_batch = micro_batch;
  options.use = use;
  return options;
}

std::unique_ptr<Engine> EngineContract::make(const ModelSpec& model, const InnerSpec& inner,
                                             const EngineOptions& options) {
  auto engine = GetParam().make(model, inner, options);
  EXPECT_TRUE(engine.has_value()) << engine.error().message;
  return std::move(*engine);
}

std::unique_ptr<Engine> EngineContract::make_small(const ModelSpec& model, int64_t micro_batch,
                                                   EngineUse use) {
  InnerSpec inner = contract_inner();
  inner.optimiser = GetParam().optimiser;
  auto engine = make(model, inner, options(micro_batch, use));
  initialise(*engine, model, 7);
  return engine;
}

std::unique_ptr<Engine> EngineContract::make_reference(const ReferenceModel& reference, int64_t micro_batch) {
  auto engine = make(reference.model, reference.inner, options(micro_batch));
  edit_parameters(*engine, [&](ParameterSpans parameters) {
    for (size_t i = 0; i < engine->layout().size(); ++i) {
      std::ranges::copy(reference.tensors.at("param." + engine->layout()[i].name), parameters[i].begin());
    }
  });
  return engine;
}

INSTANTIATE_TEST_SUITE_P(Engines, EngineContract, ::testing::ValuesIn(contenders()),
                         [](const auto& info) { return info.param.name; });

}  // namespace templar::testing
