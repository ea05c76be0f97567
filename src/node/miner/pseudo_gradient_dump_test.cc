#include "node/miner/pseudo_gradient_dump.h"

#include <gtest/gtest.h>

#include "formats/safetensors/safetensors.h"
#include "support/temporary_folder.h"

namespace templar {
namespace {

TEST(PseudoGradientDump, HoldsBothTensorsOfEveryParameterAsTheyWere) {
  const ParameterLayout layout{{"matrix", {2, 3}}, {"vector", {4}}};
  ParameterBuffers gradient(layout);
  ParameterBuffers feedback(layout);
  gradient.spans()[0][5] = -1.5f;
  feedback.spans()[1][2] = 2.5f;
  const testing::TemporaryFolder folder;
  ASSERT_TRUE(dump_pseudo_gradient(folder.path() / "dump", 7, 3, layout, std::as_const(gradient).spans(),
                                   std::as_const(feedback).spans()));
  const auto file = MappedSafetensors::open(folder.path() / "dump" / "window-00007-uid-3.safetensors");
  ASSERT_TRUE(file);
  ASSERT_EQ(file->header().tensors.size(), 4u);
  std::vector<float> matrix(6);
  ASSERT_TRUE(file->copy_f32({"pseudo_gradient.matrix", {2, 3}}, matrix));
  EXPECT_EQ(matrix, (std::vector<float>{0, 0, 0, 0, 0, -1.5f}));
  std::vector<float> vector(4);
  ASSERT_TRUE(file->copy_f32({"error_feedback.vector", {4}}, vector));
  EXPECT_EQ(vector, (std::vector<float>{0, 0, 2.5f, 0}));
}

}  // namespace
}  // namespace templar
