// Matrix products by cuBLASLt, with its own first choice for each shape, found once.
#pragma once

#include <map>
#include <tuple>

#include "engine/cuda/libraries.h"
#include "engine/device/operations.h"

namespace templar {

class LtProducts {
 public:
  // The workspace outlives the object. Throws BackendFailure, as all methods do.
  LtProducts(cudaStream_t stream, void* workspace, int64_t workspace_bytes);
  ~LtProducts();
  LtProducts(const LtProducts&) = delete;
  LtProducts& operator=(const LtProducts&) = delete;

  struct Operands {
    cudaDataType_t in;   // of a and b: CUDA_R_16BF or CUDA_R_32F
    cudaDataType_t out;  // of c and added
    const void* a;
    const void* b;
    void* c;
    const void* added;  // c = added + product; null: c = product; may be c
  };
  // Sums are f32, without the matrix units' shortened f32.
  void multiply(DeviceProduct kind, const DeviceProductSize& size, const Operands& operands);

 private:
  // All that cuBLASLt's choice depends on.
  using Key = std::tuple<DeviceProduct, int64_t, int64_t, int64_t, int64_t, int64_t, cudaDataType_t,
                         cudaDataType_t, bool, uint32_t, uint32_t, uint32_t, uint32_t>;
  struct Plan {
    cublasLtMatmulDesc_t product = nullptr;
    cublasLtMatrixLayout_t first = nullptr;   // cuBLASLt counts by columns: our b
    cublasLtMatrixLayout_t second = nullptr;  // our a
    cublasLtMatrixLayout_t out = nullptr;
    cublasLtMatmulAlgo_t algorithm{};
  };
  [[nodiscard]] Plan make_plan(DeviceProduct kind, const DeviceProductSize& size,
                               const Operands& operands) const;
  void choose(Plan& plan, const Operands& operands, const std::string& what) const;

  cudaStream_t stream_;
  void* workspace_;
  size_t workspace_bytes_;
  cublasLtHandle_t handle_ = nullptr;
  std::map<Key, Plan> plans_;
};

}  // namespace templar
