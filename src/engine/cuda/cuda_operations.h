// A device's operations on an NVIDIA card: products by cuBLASLt, attention by cuDNN where it takes the shape,
// own kernels for the rest, all on one stream.
#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <memory>
#include <optional>

#include "engine/cuda/cudnn_attention.h"
#include "engine/cuda/lt_products.h"
#include "engine/cuda_engine.h"
#include "engine/device/operations.h"

namespace templar {

template <typename Scalar>
class CudaOperations final : public Operations<Scalar> {
 public:
  struct Options {
    int device = 0;
    bool deterministic = true;
    int64_t attention_workspace_bytes = 0;
  };
  // Throws BackendFailure.
  explicit CudaOperations(const Options& options);
  ~CudaOperations() override;
  CudaOperations(const CudaOperations&) = delete;
  CudaOperations& operator=(const CudaOperations&) = delete;

  void* allocate(int64_t bytes) override;
  void upload(void* to, const void* host_from, int64_t bytes) override;
  void download(void* host_to, const void* from, int64_t bytes) override;
  void clear(void* to, int64_t bytes) override;
  void begin_part(DeviceStepPart part) override;
  void measure_parts(bool on) override { measures_ = on; }
  std::vector<double> take_part_seconds() override;

  void multiply(DeviceProduct kind, const DeviceProductSize& size, const Scalar* a, const Scalar* b,
                Scalar* c, const Scalar* added) override;
  void multiply_to_f32(DeviceProduct kind, const DeviceProductSize& size, const Scalar* a, const Scalar* b,
                       float* c, bool accumulate) override;
  void round(const float* from, Scalar* to, int64_t count) override;
  void embed(const Embedding<Scalar>& embedding, int64_t tokens) override;
  void embed_backward(const EmbeddingBackward<Scalar>& embedding) override;
  void norm_forward(const NormForward<Scalar>& norm, int64_t rows) override;
  void norm_backward(NormBackward<Scalar> norm, float* d_weight, bool accumulate) override;
  void rotate(const Rope<Scalar>& rope) override;
  void attention_forward(const DeviceAttention<Scalar>& attention) override;
  void attention_backward(const DeviceAttention<Scalar>& attention) override;
  void swiglu_forward(const Swiglu<Scalar>& swiglu, int64_t rows) override;
  void swiglu_backward(const Swiglu<Scalar>& swiglu, int64_t rows) override;
  void cross_entropy(const DeviceCrossEntropy<Scalar>& rows, int64_t count) override;
  void gather_rows(const GatherRows<Scalar>& gather, int64_t count) override;
  void adamw(const AdamwStep<Scalar>& step, int64_t count) override;
  void sum(const double* values, int64_t count, double* total, bool add) override;
  void sum_squares(const float* values, int64_t count, double* total) override;
  std::vector<Hash256> hash_blocks(std::span<const DeviceHashBlock> blocks) override;

  // Whether attention may go to cuDNN; off, the plain kernels do it all: for comparing the two.
  void use_cudnn(bool on) { use_cudnn_ = on; }
  void wait();
  [[nodiscard]] cudaStream_t stream() const { return stream_; }

 private:
  struct Mark {
    cudaEvent_t event;
    DeviceStepPart part;
  };
  void select_device() const;
  [[nodiscard]] cudaEvent_t next_event();

  Options options_;
  bool use_cudnn_ = true;
  bool measures_ = false;
  cudaStream_t stream_ = nullptr;
  std::vector<void*> memory_;
  double* partials_ = nullptr;
  char* staging_ = nullptr;  // the host's, which the card reads while the caller goes on
  int64_t staged_ = 0;       // bytes of it in use
  std::optional<LtProducts> products_;
  std::optional<CudnnAttention> attention_;  // none where cuDNN does not start, or in f32
  std::vector<cudaEvent_t> events_;
  size_t events_used_ = 0;
  std::vector<Mark> marks_;
};

}  // namespace templar
