// Runs a suite of tests once for each of Highway's targets that this machine can run.
//   class Kernels : public testing::OnEachSimdTarget {};
//   INSTANTIATE_TEST_SUITE_P(Targets, Kernels, testing::simd_targets(), testing::simd_target_name);
#pragma once

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <string>

namespace templar::testing {

class OnEachSimdTarget : public ::testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { use(GetParam()); }
  void TearDown() override { use(0); }

 private:
  static void use(int64_t targets) {
    hwy::SetSupportedTargetsForTest(targets);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

inline auto simd_targets() {
  return ::testing::ValuesIn(hwy::SupportedAndGeneratedTargets());
}

inline std::string simd_target_name(const ::testing::TestParamInfo<int64_t>& target) {
  return hwy::TargetName(target.param);
}

}  // namespace templar::testing
