#include "app/bench/measure/bench_model.h"

#include <gtest/gtest.h>

namespace templar {
namespace {

TEST(BenchModel, HasTheFewestLayersThatMakeSoManyParameters) {
  for (const int64_t millions : {1, 29, 30, 268, 65'536}) {
    ModelSpec model = bench_model(millions);
    EXPECT_GE(parameter_count(parameter_layout(model)), millions * 1'000'000) << millions;
    if (model.num_hidden_layers == 1) continue;
    --model.num_hidden_layers;
    EXPECT_LT(parameter_count(parameter_layout(model)), millions * 1'000'000) << millions;
  }
}

}  // namespace
}  // namespace templar
