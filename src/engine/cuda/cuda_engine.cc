#include "engine/cuda_engine.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "engine/cuda/cuda_errors.h"
#include "engine/cuda/cuda_operations.h"
#include "engine/cuda/kernels.h"
#include "engine/device/device_backend.h"
#include "engine/device/device_memory.h"

namespace templar {
namespace {

// Kernels are built for Hopper alone.
constexpr int kMajor = 9;
constexpr int kMinor = 0;

template <typename Work>
auto without_exceptions(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (const BackendFailure& failure) {
    return fatal_error(fmt::format("the card failed: {}", failure.what()));
  }
}

// What the kernels' shapes allow.
Status check_kernels(const ModelSpec& model, const InnerSpec& inner, const CudaEngineOptions& options) {
  if (model.hidden_size > kWidestNorm ||
      (model.hidden_size > kWidestOddNorm && model.hidden_size % kPackSize != 0)) {
    return fatal_error(
        fmt::format("the card's kernels take hidden sizes up to {}, above {} multiples of {}; not {}",
                    kWidestNorm, kWidestOddNorm, kPackSize, model.hidden_size));
  }
  const DeviceAttentionShape shape{1, inner.sequence_length, model.num_attention_heads,
                                   model.num_key_value_heads, model.head_width()};
  const bool plain = options.precision == Precision::kF32 || !cudnn_takes(shape);
  if (plain && attention_scratch(shape) * 4 > kPlainAttentionBytes) {
    return fatal_error(
        fmt::format("the card's plain attention, which f32 and heads of {} need, has no room for "
                    "sequences of {} tokens",
                    model.head_width(), inner.sequence_length));
  }
  return {};
}

template <typename Scalar>
Result<std::unique_ptr<Engine>> make(const ModelSpec& model, const InnerSpec& inner,
                                     const CudaEngineOptions& options) {
  typename CudaOperations<Scalar>::Options of_operations;
  of_operations.device = options.device;
  of_operations.deterministic = options.deterministic;
  of_operations.attention_workspace_bytes =
      device_attention_workspace(model, options.micro_batch, inner.sequence_length);
  return make_device_engine<Scalar>(model, inner, options,
                                    std::make_unique<CudaOperations<Scalar>>(of_operations));
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

// Seconds of one run of the work, by the card's own clock.
template <typename Work>
double seconds_of(cudaStream_t stream, const Work& work) {
  constexpr int kWarmUp = 3;
  constexpr int kRuns = 15;
  cudaEvent_t begin = nullptr;
  cudaEvent_t end = nullptr;
  check_cuda(cudaEventCreate(&begin), "making an event");
  check_cuda(cudaEventCreate(&end), "making an event");
  std::vector<double> seconds;
  for (int run = 0; run < kWarmUp + kRuns; ++run) {
    check_cuda(cudaEventRecord(begin, stream), "marking time");
    work();
    check_cuda(cudaEventRecord(end, stream), "marking time");
    check_cuda(cudaEventSynchronize(end), "waiting for the card");
    float milliseconds = 0;
    check_cuda(cudaEventElapsedTime(&milliseconds, begin, end), "reading time");
    if (run >= kWarmUp) seconds.push_back(static_cast<double>(milliseconds) / 1e3);
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  return median(std::move(seconds));
}

}  // namespace

Status check_cuda_device(int device) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) {
    return fatal_error(fmt::format("no card can be used: {}", cudaGetErrorString(error)));
  }
  if (device < 0 || device >= count) {
    return fatal_error(fmt::format("there is no card {}; this machine has {}", device, count));
  }
  int major = 0;
  int minor = 0;
  return without_exceptions([&]() -> Status {
    check_cuda(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "asking the card");
    check_cuda(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "asking the card");
    if (major != kMajor || minor != kMinor) {
      return fatal_error(
          fmt::format("card {} has compute capability {}.{}; this engine is built for {}.{} (Hopper)", device,
                      major, minor, kMajor, kMinor));
    }
    static_cast<void>(cublas_lt());
    return {};
  });
}

Result<std::unique_ptr<Engine>> make_cuda_engine(const ModelSpec& model, const InnerSpec& inner,
                                                 const CudaEngineOptions& options) {
  TRY(check_engine(model, inner, options));
  TRY(check_device_precision(options.precision));
  TRY(check_kernels(model, inner, options));
  TRY(check_cuda_device(options.device));
  // Before the operations take their own part of it.
  return without_exceptions([&]() -> Result<std::unique_ptr<Engine>> {
    check_cuda(cudaSetDevice(options.device), "choosing the card");
    size_t free = 0;
    size_t total = 0;
    check_cuda(cudaMemGetInfo(&free, &total), "asking for free memory");
    TRY(device_engine_memory(model, inner, options)
            .check_fits(static_cast<int64_t>(free), "the card has free", options));
    if (options.precision == Precision::kF32) return make<float>(model, inner, options);
    return make<DeviceBf16>(model, inner, options);
  });
}

Result<CudaPeaks> measure_cuda_peaks(int device) {
  TRY(check_cuda_device(device));
  return without_exceptions([&]() -> Result<CudaPeaks> {
    constexpr int64_t kEdge = 8192;
    constexpr int64_t kCopyBytes = int64_t{2} << 30;
    CudaPeaks peaks;
    CudaOperations<DeviceBf16>::Options options;
    options.device = device;
    options.attention_workspace_bytes = 256;
    CudaOperations<DeviceBf16> operations(options);
    cudaDeviceProp properties{};
    check_cuda(cudaGetDeviceProperties(&properties, device), "asking the card");
    peaks.card = properties.name;
    auto* a = static_cast<DeviceBf16*>(operations.allocate(kEdge * kEdge * 2));
    auto* b = static_cast<DeviceBf16*>(operations.allocate(kEdge * kEdge * 2));
    auto* c = static_cast<DeviceBf16*>(operations.allocate(kEdge * kEdge * 2));
    check_cuda(launch_fill_random(a, kEdge * kEdge, 1, operations.stream()), "filling");
    check_cuda(launch_fill_random(b, kEdge * kEdge, 2, operations.stream()), "filling");
    const double product = seconds_of(operations.stream(), [&] {
      operations.multiply(DeviceProduct::kABt, {kEdge, kEdge, kEdge}, a, b, c, nullptr);
    });
    peaks.product_flops_per_second = 2.0 * kEdge * kEdge * kEdge / product;
    void* from = operations.allocate(kCopyBytes);
    void* to = operations.allocate(kCopyBytes);
    const double copy = seconds_of(operations.stream(), [&] {
      check_cuda(cudaMemcpyAsync(to, from, kCopyBytes, cudaMemcpyDeviceToDevice, operations.stream()),
                 "copying");
    });
    peaks.copy_bytes_per_second = 2.0 * kCopyBytes / copy;
    return peaks;
  });
}

namespace {

template <typename Work>
auto with_device_backend(Engine& engine, const Work& work) {
  Backend& backend = engine.backend();
  if (auto* of_bf16 = dynamic_cast<DeviceBackend<DeviceBf16>*>(&backend)) return work(*of_bf16);
  auto* of_f32 = dynamic_cast<DeviceBackend<float>*>(&backend);
  CHECK(of_f32 != nullptr);
  return work(*of_f32);
}

}  // namespace

CudaMeter::CudaMeter(Engine& engine) : engine_(engine) {
  with_device_backend(engine, [](auto&) {});
}

void CudaMeter::begin() {
  with_device_backend(engine_, [](auto& backend) { backend.operations().measure_parts(true); });
}

std::vector<CudaMeter::Part> CudaMeter::end() {
  std::vector<Part> parts;
  with_device_backend(engine_, [&](auto& backend) {
    const std::vector<double> seconds = backend.operations().take_part_seconds();
    for (size_t i = 0; i < seconds.size(); ++i) {
      parts.push_back({device_part_name(static_cast<DeviceStepPart>(i)), seconds[i]});
    }
    backend.operations().measure_parts(false);
  });
  return parts;
}

}  // namespace templar
