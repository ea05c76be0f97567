// What every engine promises, on every engine: the CPU's, the device engine with its operations on the
// processor, and the card's, whose tests skip where there is none. The fixture of
// src/engine/engine_contract_test.cc and engine_contract_text_test.cc.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "engine/cpu_engine.h"
#include "engine/cuda_engine.h"
#include "engine/engine.h"

namespace templar::testing {

struct ReferenceModel;

// An engine that must keep the contract.
struct Contender {
  const char* name;
  EngineOptions options;
  Result<std::unique_ptr<Engine>> (*make)(const ModelSpec& model, const InnerSpec& inner,
                                          const EngineOptions& options);
  bool on_a_card = false;
  InnerOptimiser optimiser = InnerOptimiser::kAdamw;  // that make_small's engines have
};

// What the tests' listings call it.
inline void PrintTo(const Contender& contender, std::ostream* out) {
  *out << contender.name;
}

[[nodiscard]] const std::vector<Contender>& contenders();

inline constexpr int64_t kContractVocab = 50;
inline constexpr int64_t kContractSequence = 12;

[[nodiscard]] ModelSpec contract_model(bool tied = false);
// The same with heads of hidden_size / heads elements, of more and of fewer.
[[nodiscard]] std::vector<ModelSpec> contract_models();
[[nodiscard]] InnerSpec contract_inner();
[[nodiscard]] std::vector<uint32_t> contract_tokens(int64_t count, uint64_t seed);

class EngineContract : public ::testing::TestWithParam<Contender> {
 protected:
  void SetUp() override;
  [[nodiscard]] bool exact() const { return GetParam().options.precision != Precision::kBf16; }
  // What a bf16 engine's numbers may differ by beside an f32 one's.
  [[nodiscard]] double tolerance(double of_f32, double of_bf16) const { return exact() ? of_f32 : of_bf16; }

  [[nodiscard]] EngineOptions options(int64_t micro_batch, EngineUse use = EngineUse::kTraining) const;
  std::unique_ptr<Engine> make(const ModelSpec& model, const InnerSpec& inner, const EngineOptions& options);
  std::unique_ptr<Engine> make_small(const ModelSpec& model = contract_model(), int64_t micro_batch = 8,
                                     EngineUse use = EngineUse::kTraining);
  std::unique_ptr<Engine> make_reference(const ReferenceModel& reference, int64_t micro_batch = 8);
};

}  // namespace templar::testing
