#include "node/validator/start_copy.h"

#include <gtest/gtest.h>

#include "support/test_run.h"

namespace templar::testing {
namespace {

Hash256 root(const char* name) {
  return blake2b_256(as_bytes(std::string_view(name)));
}

bool equal(ConstParameterSpans a, ConstParameterSpans b) {
  return std::ranges::equal(a, b, [](auto x, auto y) { return std::ranges::equal(x, y); });
}

}  // namespace

TEST(StartCopy, IsMadeOnceForAModel) {
  const TestRun run;
  const ParameterBuffers values = random_values(run.layout, 1);
  ThreadTeam team(3);
  StartCopy copy(run.layout);
  const auto first = copy.take(root("one"), values.spans(), team);
  EXPECT_TRUE(equal(first->spans(), values.spans()));
  const ParameterBuffers others = random_values(run.layout, 2);
  EXPECT_EQ(copy.take(root("one"), others.spans(), team), first) << "of the same model: not looked at";
  EXPECT_TRUE(equal(first->spans(), values.spans()));
}

TEST(StartCopy, StaysAsItIsWhileSomebodyHoldsIt) {
  const TestRun run;
  const ParameterBuffers one = random_values(run.layout, 1);
  const ParameterBuffers two = random_values(run.layout, 2);
  ThreadTeam team(2);
  StartCopy copy(run.layout);
  const auto held = copy.take(root("one"), one.spans(), team);
  const auto next = copy.take(root("two"), two.spans(), team);
  EXPECT_TRUE(equal(held->spans(), one.spans()));
  EXPECT_TRUE(equal(next->spans(), two.spans()));
}

TEST(StartCopy, TakesNoFurtherMemoryOnceTheOneBeforeIsLetGo) {
  const TestRun run;
  const ParameterBuffers one = random_values(run.layout, 1);
  const ParameterBuffers two = random_values(run.layout, 2);
  ThreadTeam team(1);
  StartCopy copy(run.layout);
  const float* place = copy.take(root("one"), one.spans(), team)->spans()[0].data();
  const auto next = copy.take(root("two"), two.spans(), team);
  EXPECT_EQ(next->spans()[0].data(), place);
  EXPECT_TRUE(equal(next->spans(), two.spans()));
}

}  // namespace templar::testing
