// What the processor's engine promises beyond the contract of all engines.
#include "engine/cpu_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <dnnl.hpp>
#include <fstream>
#include <iostream>
#include <limits>

#include "support/child_process.h"
#include "support/contracts/engine_contract.h"
#include "support/engine_values.h"
#include "support/expect_failure.h"

namespace templar::testing {
namespace {

std::vector<float> trained_parameters(const EngineOptions& options, const ModelSpec& model,
                                      const InnerSpec& inner) {
  constexpr int64_t kBatch = 8;
  const auto engine = make_cpu_engine(model, inner, options).value();
  initialise(*engine, model, 7);
  for (uint64_t step = 0; step < 2; ++step) {
    const auto tokens = contract_tokens(kBatch * inner.sequence_length, 100 + step);
    EXPECT_TRUE(engine->train_step({tokens, kBatch, inner.sequence_length}, 1e-2).has_value());
  }
  return flat_parameters(*engine);
}

TEST(CpuEngine, TrainsToTheSameBitsForEveryNumberOfThreads) {
  if (dnnl::get_effective_cpu_isa() < dnnl::cpu_isa::avx512_core) {
    GTEST_SKIP() << "oneDNN's older kernels add in an order that depends on where a slice ends";
  }
  // Large enough that every product is shared out and cut along its depth.
  ModelSpec model = contract_model();
  model.vocab_size = 300;
  model.hidden_size = 64;
  model.intermediate_size = 176;
  InnerSpec inner = contract_inner();
  inner.sequence_length = 64;
  for (const InnerOptimiser optimiser : {InnerOptimiser::kAdamw, InnerOptimiser::kMuon}) {
    inner.optimiser = optimiser;
    for (const Precision precision : {Precision::kF32, Precision::kBf16}) {
      const auto one = trained_parameters({.threads = 1, .precision = precision}, model, inner);
      for (const int threads : {2, 3, 4}) {
        EXPECT_EQ(trained_parameters({.threads = threads, .precision = precision}, model, inner), one)
            << threads << " threads";
      }
    }
  }
}

TEST(CpuEngine, RecomputesLayersToTheSameBits) {
  for (const Precision precision : {Precision::kF32, Precision::kBf16}) {
    const EngineOptions kept{.threads = 2, .precision = precision, .micro_batch = 3};
    EngineOptions recomputed = kept;
    recomputed.recompute_layers = true;
    EXPECT_EQ(trained_parameters(recomputed, contract_model(), contract_inner()),
              trained_parameters(kept, contract_model(), contract_inner()));
  }
}

TEST(CpuEngine, RefusesOptionsThatItCannotMeet) {
  EXPECT_TRUE(fails(make_cpu_engine(contract_model(), contract_inner(), {.threads = 0}), ErrorKind::kFatal,
                    "0 threads"));
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  EXPECT_TRUE(fails(make_cpu_engine(contract_model(), contract_inner(), {.micro_batch = kHuge}),
                    ErrorKind::kFatal, "micro_batch"));
}

// A run whose engine is large beside what a process allocates here and there.
RunSpec engine_of_some_megabytes(InnerOptimiser optimiser) {
  RunSpec spec = preset_run_spec("tiny").value();
  spec.model.hidden_size = 512;
  spec.model.intermediate_size = 1536;
  spec.inner.optimiser = optimiser;
  return spec;
}

double resident_bytes() {
  int64_t size = 0;
  int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return static_cast<double>(resident * sysconf(_SC_PAGESIZE));
}

TEST(CpuEngine, AllocatesNoMoreThanItSaid) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's allocator doesn't count";
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "a sanitizer's allocator doesn't count";
#endif
#endif
  for (const InnerOptimiser optimiser : {InnerOptimiser::kAdamw, InnerOptimiser::kMuon}) {
    for (const EngineUse use : {EngineUse::kTraining, EngineUse::kEvaluating}) {
      for (const bool recompute : {false, true}) {
        const RunSpec spec = engine_of_some_megabytes(optimiser);
        // One of the precisions that have memory of their own for products.
        const EngineOptions options{.threads = 2,
                                    .precision = recompute ? Precision::kF32Deterministic : Precision::kF32,
                                    .use = use,
                                    .recompute_layers = recompute};
        const auto said = static_cast<double>(cpu_engine_memory(spec.model, spec.inner, options).total());
        // In a process of its own: here earlier engines have left memory that the next one would reuse.
        EXPECT_EQ(run_in_child([&] {
                    const double before = resident_bytes();
                    const auto engine = make_cpu_engine(spec.model, spec.inner, options).value();
                    const double held = resident_bytes() - before;
                    std::cerr << held << " bytes held, " << said << " said\n";
                    return std::abs(held - said) <= 0.03 * said ? 0 : 1;
                  }),
                  0);
      }
    }
  }
}

TEST(CpuEngine, HoldsForEvaluatingTheParametersAndOneLayer) {
  const RunSpec spec = preset_run_spec("1B").value();
  const auto bytes_a_parameter = [&](EngineUse use) {
    // Without the activations, which depend on the sequences and not on the parameters.
    int64_t bytes = 0;
    for (const MemoryEntry& entry :
         cpu_engine_memory(spec.model, spec.inner, {.micro_batch = 1, .use = use}).entries) {
      if (entry.what != "activations") bytes += entry.bytes;
    }
    return static_cast<double>(bytes) / static_cast<double>(parameter_count(parameter_layout(spec.model)));
  };
  EXPECT_DOUBLE_EQ(bytes_a_parameter(EngineUse::kEvaluating), 4);
  EXPECT_DOUBLE_EQ(bytes_a_parameter(EngineUse::kTraining), 16);
}

}  // namespace
}  // namespace templar::testing
