// Turning what NVIDIA's libraries return into BackendFailure.
#pragma once

#include <cuda_runtime_api.h>
#include <fmt/format.h>

#include "engine/device/operations.h"

namespace templar {

inline void check_cuda(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  throw BackendFailure(fmt::format("{}: {} ({})", what, cudaGetErrorString(error), static_cast<int>(error)));
}

}  // namespace templar
