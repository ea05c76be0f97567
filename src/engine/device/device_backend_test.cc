// What the device engine has beyond the contract: the state's hash where it lies, the memory plan.
#include "engine/device/device_backend.h"

#include <gtest/gtest.h>

#include "engine/device/device_memory.h"
#include "engine/device/host_operations.h"
#include "support/engine_values.h"
#include "support/expect_failure.h"
#include "support/test_run.h"

namespace templar {
namespace {

using testing::fails;

TEST(DeviceBackend, HashesTheStateWhereItLies) {
  // A hidden size whose embedding is several state blocks, the last one not full.
  RunSpec spec = testing::small_run_spec();
  spec.model.vocab_size = 5000;
  spec.model.hidden_size = 72;
  spec.model.num_attention_heads = spec.model.num_key_value_heads = 4;
  const testing::TestRun run(spec);
  auto engine = make_device_engine<float>(spec.model, spec.inner, {.micro_batch = 1},
                                          std::make_unique<HostOperations<float>>());
  ASSERT_TRUE(engine.has_value()) << engine.error().message;
  testing::set_parameters(**engine, run.values());
  ThreadTeam team(1);
  EXPECT_EQ((*engine)->state_tree().value(), compute_state_tree(run.layout, run.values(), team));
}

TEST(DeviceBackend, AllocatesNoMoreThanItsPlan) {
  RunSpec spec = testing::small_run_spec();
  for (const EngineUse use : {EngineUse::kTraining, EngineUse::kEvaluating}) {
    for (const int64_t micro_batch : {1, 3}) {
      // Heads that are wider together than the hidden size, too.
      spec.model.head_dim = micro_batch == 3 ? 2 * testing::small_run_spec().model.head_width() : 0;
      const EngineOptions options{.precision = Precision::kBf16,
                                  .micro_batch = micro_batch,
                                  .use = use,
                                  .recompute_layers = micro_batch == 3};
      // The host's operations need no workspace.
      const int64_t planned = device_engine_memory(spec.model, spec.inner, options).total() -
                              kDeviceWorkspaceBytes -
                              device_attention_workspace(spec.model, micro_batch, spec.inner.sequence_length);
      EXPECT_TRUE(make_device_engine<DeviceBf16>(spec.model, spec.inner, options,
                                                 std::make_unique<HostOperations<DeviceBf16>>(planned)));
      EXPECT_TRUE(
          fails(make_device_engine<DeviceBf16>(spec.model, spec.inner, options,
                                               std::make_unique<HostOperations<DeviceBf16>>(planned - 256)),
                ErrorKind::kFatal, "no memory"));
    }
  }
}

TEST(DeviceBackend, TrainsWithAdamwAlone) {
  RunSpec spec = testing::small_run_spec();
  spec.inner.optimiser = InnerOptimiser::kMuon;
  const auto make = [&](EngineUse use) {
    return make_device_engine<float>(spec.model, spec.inner, {.micro_batch = 1, .use = use},
                                     std::make_unique<HostOperations<float>>());
  };
  EXPECT_TRUE(fails(make(EngineUse::kTraining), ErrorKind::kFatal, "--device cpu"));
  EXPECT_TRUE(make(EngineUse::kEvaluating)) << "losses need no optimiser";
}

double gib(int64_t bytes) {
  return static_cast<double>(bytes) / (1024.0 * 1024.0 * 1024.0);
}

TEST(DeviceMemory, OfThePresetsIsWhatAPersonCountsThatItIs) {
  const auto total = [](const char* preset, int64_t micro_batch, bool recompute) {
    const RunSpec spec = preset_run_spec(preset).value();
    const EngineMemory plan = device_engine_memory(
        spec.model, spec.inner,
        {.precision = Precision::kBf16, .micro_batch = micro_batch, .recompute_layers = recompute});
    RecordProperty(std::string(preset) + (recompute ? " recomputing" : ""), plan.text());
    std::cout << preset << ", micro-batch " << micro_batch << (recompute ? ", recomputing layers" : "")
              << "\n"
              << plan.text();
    EXPECT_NE(plan.text().find("in all"), std::string::npos);
    return gib(plan.total());
  };
  // 18 bytes a parameter, 1.2 G of them: 20.2 GiB; 16 layers of 16,384 tokens of 2048 x 20 bf16 values: 20
  // GiB.
  EXPECT_NEAR(total("1B", 8, false), 43.5, 1);
  EXPECT_NEAR(total("1B", 8, true), 26, 2);
  EXPECT_NEAR(total("150M", 8, false), 13, 2);
  EXPECT_LT(total("tiny", 8, false), 2);
  EXPECT_GT(total("70B", 1, true), 1000);
}

}  // namespace
}  // namespace templar
