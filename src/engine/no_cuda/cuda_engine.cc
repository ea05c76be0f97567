// What stands for the CUDA engine in a build without NVIDIA's toolkit.
#include "engine/cuda_engine.h"

#include "base/check.h"

namespace templar {
namespace {

std::unexpected<Error> missing() {
  return fatal_error(
      "this build has no CUDA engine: NVIDIA's toolkit (nvcc, cuBLASLt's and cuDNN's headers) was not found "
      "when it "
      "was configured, or TEMPLAR_CUDA was OFF");
}

}  // namespace

Status check_cuda_device(int) {
  return missing();
}

Result<std::unique_ptr<Engine>> make_cuda_engine(const ModelSpec&, const InnerSpec&,
                                                 const CudaEngineOptions&) {
  return missing();
}

Result<CudaPeaks> measure_cuda_peaks(int) {
  return missing();
}

CudaMeter::CudaMeter(Engine& engine) : engine_(engine) {
  CHECK(false);  // no engine here is of a card
}

void CudaMeter::begin() {
  static_cast<void>(engine_);
}

std::vector<CudaMeter::Part> CudaMeter::end() {
  return {};
}

}  // namespace templar
