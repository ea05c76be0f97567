// cuDNN's graph interface: tensors, operations on them, and plans made of these. Only what attention needs.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "engine/cuda/libraries.h"

namespace templar {

// Owns one of cuDNN's descriptors. All methods throw BackendFailure.
class CudnnDescriptor {
 public:
  CudnnDescriptor() = default;
  explicit CudnnDescriptor(cudnnBackendDescriptorType_t type);
  ~CudnnDescriptor();
  CudnnDescriptor(CudnnDescriptor&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  CudnnDescriptor& operator=(CudnnDescriptor&& other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }

  template <typename T>
  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, const T* values,
           size_t count = 1) {
    set_raw(name, type, values, count);
  }
  void set(cudnnBackendAttributeName_t name, const CudnnDescriptor& descriptor) {
    set_raw(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, &descriptor.raw_, 1);
  }
  void finalize();
  [[nodiscard]] cudnnBackendDescriptor_t raw() const { return raw_; }

 private:
  void set_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, const void* values,
               size_t count);
  cudnnBackendDescriptor_t raw_ = nullptr;
};

using Dimensions = std::array<int64_t, 4>;

// A graph under construction, then its plan.
class CudnnGraph {
 public:
  using Tensor = size_t;  // its place, which is also its number for execute()

  // In memory, at a multiple of 16 bytes.
  Tensor tensor(const Dimensions& sizes, const Dimensions& strides, cudnnDataType_t type);
  // Between operations; packed.
  Tensor inner(const Dimensions& sizes, cudnnDataType_t type = CUDNN_DATA_FLOAT);
  Tensor inner_strided(const Dimensions& sizes, const Dimensions& strides, cudnnDataType_t type);
  // A number.
  Tensor scalar(float value);

  void matmul(Tensor a, Tensor b, Tensor c);
  void pointwise(cudnnPointwiseMode_t mode, Tensor x, Tensor y, cudnnDataType_t compute = CUDNN_DATA_FLOAT);
  void pointwise(cudnnPointwiseMode_t mode, Tensor x, Tensor b, Tensor y,
                 cudnnDataType_t compute = CUDNN_DATA_FLOAT);
  void select(Tensor where_true, Tensor where_false, Tensor condition, Tensor y);
  void index(Tensor like, int64_t axis, Tensor y);
  void reduce(cudnnReduceTensorOp_t operation, Tensor x, Tensor y);
  void reshape(Tensor x, Tensor y);

  // Takes the first of cuDNN's own choices that can be planned. Throws if it has none.
  void plan(cudnnHandle_t handle);
  [[nodiscard]] int64_t workspace_bytes() const { return workspace_bytes_; }
  // Whether cuDNN says that the chosen engine may give other bits each time.
  [[nodiscard]] bool may_vary() const { return may_vary_; }

  // Runs the plan with these addresses of the tensors in memory.
  void execute(cudnnHandle_t handle, std::span<const std::pair<Tensor, void*>> addresses,
               void* workspace) const;

 private:
  Tensor add_tensor(const Dimensions& sizes, const Dimensions& strides, cudnnDataType_t type, bool is_virtual,
                    bool by_value);
  void add_pointwise(CudnnDescriptor kind, cudnnPointwiseMode_t mode, cudnnDataType_t compute, Tensor x,
                     const Tensor* b, const Tensor* condition, Tensor y);
  [[nodiscard]] CudnnDescriptor graph_of_operations(cudnnHandle_t handle) const;

  std::vector<CudnnDescriptor> tensors_;
  std::vector<CudnnDescriptor> kinds_;  // what operations refer to
  std::vector<CudnnDescriptor> operations_;
  std::vector<std::pair<Tensor, std::unique_ptr<float>>> scalars_;
  CudnnDescriptor plan_;
  int64_t workspace_bytes_ = 0;
  bool may_vary_ = false;
};

}  // namespace templar
