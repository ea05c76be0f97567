#include "adapters/system_metrics/gpu_metrics.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "support/measurement_forms.h"

namespace templar {
namespace {

// The library lies beside the test's program.
std::string test_library() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "libtemplar_test_nvml.so";
}

class NvmlLibrary : public ::testing::Test {
 protected:
  void SetUp() override {
    handle_ = ::dlopen(test_library().c_str(), RTLD_NOW);
    ASSERT_NE(handle_, nullptr) << ::dlerror();
    set_(2, 0);
  }
  void TearDown() override {
    EXPECT_EQ(started(), 0u) << "the library was not shut down as often as it was started";
    ::dlclose(handle_);
  }
  void set_(unsigned int gpus, unsigned int broken) const {
    reinterpret_cast<void (*)(unsigned int, unsigned int)>(::dlsym(handle_, "templar_test_nvml_set"))(gpus,
                                                                                                      broken);
  }
  [[nodiscard]] unsigned int started() const {
    return reinterpret_cast<unsigned int (*)()>(::dlsym(handle_, "templar_test_nvml_started"))();
  }

 private:
  void* handle_ = nullptr;
};

using GpuMetricsTest = NvmlLibrary;

TEST_F(GpuMetricsTest, TellsOfEachGpu) {
  const auto gpu = open_gpu_metrics(test_library());
  EXPECT_EQ(started(), 1u);
  EXPECT_EQ(testing::misfits_of({.name = "system", .tags = {}, .fields = gpu->sample()}), "");
  EXPECT_EQ(gpu->sample(), (MetricFields{{"gpu_count", int64_t{2}},
                                         {"gpu_0_name", "Test GPU A"},
                                         {"gpu_0_utilisation_percent", int64_t{40}},
                                         {"gpu_0_memory_used_bytes", int64_t{1} << 30},
                                         {"gpu_0_memory_total_bytes", int64_t{80} << 30},
                                         {"gpu_0_temperature_celsius", int64_t{60}},
                                         {"gpu_0_power_watts", 250.5},
                                         {"gpu_1_name", "Test GPU B"},
                                         {"gpu_1_utilisation_percent", int64_t{41}},
                                         {"gpu_1_memory_used_bytes", int64_t{2} << 30},
                                         {"gpu_1_memory_total_bytes", int64_t{80} << 30},
                                         {"gpu_1_temperature_celsius", int64_t{61}},
                                         {"gpu_1_power_watts", 250.501}}));
}

TEST_F(GpuMetricsTest, LeavesOutWhatAGpuDoesNotTell) {
  set_(1, 3);
  const MetricFields fields = open_gpu_metrics(test_library())->sample();
  EXPECT_FALSE(fields.contains("gpu_0_power_watts"));
  EXPECT_TRUE(fields.contains("gpu_0_temperature_celsius"));
}

TEST_F(GpuMetricsTest, KeepsTheNumbersOfTheOthersWhereOneIsBroken) {
  set_(2, 2);
  const MetricFields fields = open_gpu_metrics(test_library())->sample();
  EXPECT_FALSE(fields.contains("gpu_0_name"));
  EXPECT_EQ(fields.at("gpu_1_name"), MetricValue("Test GPU B"));
  EXPECT_EQ(fields.at("gpu_count"), MetricValue(int64_t{2}));
}

TEST_F(GpuMetricsTest, GivesNothingWithoutADriverOrAGpu) {
  std::string why_not;
  set_(2, 1);
  EXPECT_TRUE(open_gpu_metrics(test_library(), &why_not)->sample().empty());
  EXPECT_EQ(why_not, "NVML does not start: error 9");
  set_(0, 0);
  EXPECT_TRUE(open_gpu_metrics(test_library(), &why_not)->sample().empty());
  EXPECT_EQ(why_not, "NVML knows of no GPU");
}

TEST(GpuMetrics, GivesNothingWithoutTheLibrary) {
  std::string why_not;
  EXPECT_TRUE(open_gpu_metrics("libthat-nobody-has.so.1", &why_not)->sample().empty());
  EXPECT_THAT(why_not, ::testing::HasSubstr("libthat-nobody-has.so.1"));
}

TEST(GpuMetrics, GivesNothingFromAnotherLibrary) {
  std::string why_not;
  EXPECT_TRUE(open_gpu_metrics("libz.so.1", &why_not)->sample().empty());
  EXPECT_EQ(why_not, "libz.so.1 lacks functions of NVML");
}

}  // namespace
}  // namespace templar
