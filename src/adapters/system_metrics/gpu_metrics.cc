#include "adapters/system_metrics/gpu_metrics.h"

#include <dlfcn.h>

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <vector>

#include "adapters/system_metrics/nvml.h"
#include "base/threads/mutex.h"

namespace templar {
namespace {

class NoGpuMetrics final : public GpuMetrics {
 public:
  [[nodiscard]] MetricFields sample() override { return {}; }
};

struct Library {
  explicit Library(const std::string& path) : handle(::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    // dlerror() belongs to this thread.
    if (handle == nullptr) error = ::dlerror();
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() {
    if (handle != nullptr) ::dlclose(handle);
  }

  template <typename Function>
  void find(const char* name, Function& function) const {
    function = reinterpret_cast<Function>(::dlsym(handle, name));
  }

  void* handle;
  std::string error;
};

struct Gpu {
  nvml::Device device = nullptr;
  std::string name;
};

class NvmlMetrics final : public GpuMetrics {
 public:
  explicit NvmlMetrics(const std::string& path) : library_(path) {
    if (library_.handle == nullptr) {
      missing_ = library_.error;
      return;
    }
    find_functions();
    if (init_ == nullptr || shutdown_ == nullptr || get_count_ == nullptr || get_handle_ == nullptr) {
      missing_ = path + " lacks functions of NVML";
      return;
    }
    const nvml::Return started = init_();
    initialised_ = started == nvml::kSuccess;
    if (!initialised_) {
      missing_ = fmt::format("NVML does not start: error {}", started);
      return;
    }
    find_gpus();
    if (gpus_.empty()) missing_ = "NVML knows of no GPU";
  }
  NvmlMetrics(const NvmlMetrics&) = delete;
  NvmlMetrics& operator=(const NvmlMetrics&) = delete;
  ~NvmlMetrics() override {
    if (initialised_) shutdown_();
  }

  // Empty: nothing.
  [[nodiscard]] const std::string& missing() const { return missing_; }

  [[nodiscard]] MetricFields sample() override {
    MetricFields fields;
    fields["gpu_count"] = static_cast<int64_t>(gpus_.size());
    const MutexLock lock(mutex_);
    for (size_t i = 0; i < gpus_.size(); ++i) add_gpu(gpus_[i], fmt::format("gpu_{}_", i), fields);
    return fields;
  }

 private:
  void find_functions() {
    library_.find("nvmlInit_v2", init_);
    library_.find("nvmlShutdown", shutdown_);
    library_.find("nvmlDeviceGetCount_v2", get_count_);
    library_.find("nvmlDeviceGetHandleByIndex_v2", get_handle_);
    library_.find("nvmlDeviceGetName", get_name_);
    library_.find("nvmlDeviceGetUtilizationRates", get_utilization_);
    library_.find("nvmlDeviceGetMemoryInfo", get_memory_);
    library_.find("nvmlDeviceGetTemperature", get_temperature_);
    library_.find("nvmlDeviceGetPowerUsage", get_power_);
  }

  void find_gpus() {
    unsigned int count = 0;
    if (get_count_(&count) != nvml::kSuccess) return;
    for (unsigned int i = 0; i < count; ++i) {
      Gpu gpu;
      // One that fell off its bus keeps its place, so that the others keep their numbers.
      if (get_handle_(i, &gpu.device) != nvml::kSuccess) gpu.device = nullptr;
      std::array<char, nvml::kNameBytes> name{};
      if (gpu.device != nullptr && get_name_ != nullptr &&
          get_name_(gpu.device, name.data(), nvml::kNameBytes) == nvml::kSuccess) {
        gpu.name.assign(name.data(), ::strnlen(name.data(), name.size()));
      }
      gpus_.push_back(std::move(gpu));
    }
  }

  void add_gpu(const Gpu& gpu, const std::string& prefix, MetricFields& fields) const REQUIRES(mutex_) {
    if (gpu.device == nullptr) return;
    if (!gpu.name.empty()) fields[prefix + "name"] = gpu.name;
    nvml::Utilization utilization;
    if (get_utilization_ != nullptr && get_utilization_(gpu.device, &utilization) == nvml::kSuccess) {
      fields[prefix + "utilisation_percent"] = static_cast<int64_t>(utilization.gpu);
    }
    nvml::Memory memory;
    if (get_memory_ != nullptr && get_memory_(gpu.device, &memory) == nvml::kSuccess) {
      fields[prefix + "memory_used_bytes"] = static_cast<int64_t>(memory.used);
      fields[prefix + "memory_total_bytes"] = static_cast<int64_t>(memory.total);
    }
    unsigned int number = 0;
    if (get_temperature_ != nullptr &&
        get_temperature_(gpu.device, nvml::kTemperatureGpu, &number) == nvml::kSuccess) {
      fields[prefix + "temperature_celsius"] = static_cast<int64_t>(number);
    }
    if (get_power_ != nullptr && get_power_(gpu.device, &number) == nvml::kSuccess) {
      fields[prefix + "power_watts"] = static_cast<double>(number) / 1000;
    }
  }

  Library library_;
  Mutex mutex_;  // one thread asks the library at a time; what is below is set by the constructor alone
  std::string missing_;
  bool initialised_ = false;
  std::vector<Gpu> gpus_;
  nvml::Init init_ = nullptr;
  nvml::Shutdown shutdown_ = nullptr;
  nvml::GetCount get_count_ = nullptr;
  nvml::GetHandle get_handle_ = nullptr;
  nvml::GetName get_name_ = nullptr;
  nvml::GetUtilization get_utilization_ = nullptr;
  nvml::GetMemory get_memory_ = nullptr;
  nvml::GetTemperature get_temperature_ = nullptr;
  nvml::GetPower get_power_ = nullptr;
};

}  // namespace

std::unique_ptr<GpuMetrics> open_gpu_metrics(const std::string& library, std::string* why_not) {
  auto metrics = std::make_unique<NvmlMetrics>(library);
  if (metrics->missing().empty()) return metrics;
  if (why_not != nullptr) *why_not = metrics->missing();
  return std::make_unique<NoGpuMetrics>();
}

}  // namespace templar
