#include "engine/cuda/cuda_operations.h"

#include <cstring>

#include "base/check.h"
#include "base/log/log.h"
#include "core/consensus/state_block_key.h"
#include "engine/cuda/cuda_errors.h"
#include "engine/cuda/kernels.h"
#include "engine/device/device_memory.h"

namespace templar {
namespace {

constexpr int64_t kStagingBytes = int64_t{16} << 20;

}  // namespace

template <typename Scalar>
CudaOperations<Scalar>::CudaOperations(const Options& options) : options_(options) {
  select_device();
  check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream");
  check_cuda(cudaHostAlloc(reinterpret_cast<void**>(&staging_), kStagingBytes, cudaHostAllocDefault),
             "allocating the host's memory");
  partials_ = static_cast<double*>(allocate(kSumPartials * 8));
  products_.emplace(stream_, allocate(kDeviceWorkspaceBytes), kDeviceWorkspaceBytes);
  if constexpr (std::is_same_v<Scalar, DeviceBf16>) {
    try {
      attention_.emplace(stream_, allocate(options.attention_workspace_bytes),
                         options.attention_workspace_bytes, options.deterministic);
    } catch (const BackendFailure& failure) {
      log(LogLevel::kWarning, "engine", fmt::format("attention goes without cuDNN: {}", failure.what()));
    }
  }
}

template <typename Scalar>
CudaOperations<Scalar>::~CudaOperations() {
  cudaSetDevice(options_.device);
  cudaStreamSynchronize(stream_);
  attention_.reset();
  products_.reset();
  for (cudaEvent_t event : events_) cudaEventDestroy(event);
  for (void* memory : memory_) cudaFree(memory);
  cudaFreeHost(staging_);
  cudaStreamDestroy(stream_);
}

// The calling thread may have come from anywhere.
template <typename Scalar>
void CudaOperations<Scalar>::select_device() const {
  check_cuda(cudaSetDevice(options_.device), "choosing the card");
}

template <typename Scalar>
void* CudaOperations<Scalar>::allocate(int64_t bytes) {
  select_device();
  void* memory = nullptr;
  check_cuda(cudaMalloc(&memory, static_cast<size_t>(bytes)), "allocating the card's memory");
  memory_.push_back(memory);
  clear(memory, bytes);
  return memory;
}

// The caller's memory may go as soon as this returns: what is small is staged, for what is large it waits.
template <typename Scalar>
void CudaOperations<Scalar>::upload(void* to, const void* host_from, int64_t bytes) {
  select_device();
  const bool staged = bytes <= kStagingBytes / 8;
  if (staged) {
    if (staged_ + bytes > kStagingBytes) {
      wait();
      staged_ = 0;
    }
    std::memcpy(staging_ + staged_, host_from, static_cast<size_t>(bytes));
    host_from = staging_ + staged_;
    staged_ += bytes;
  }
  check_cuda(cudaMemcpyAsync(to, host_from, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, stream_),
             "copying to the card");
  if (!staged) wait();
}

template <typename Scalar>
void CudaOperations<Scalar>::download(void* host_to, const void* from, int64_t bytes) {
  select_device();
  check_cuda(cudaMemcpyAsync(host_to, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost, stream_),
             "copying from the card");
  wait();
}

template <typename Scalar>
void CudaOperations<Scalar>::clear(void* to, int64_t bytes) {
  check_cuda(cudaMemsetAsync(to, 0, static_cast<size_t>(bytes), stream_), "clearing memory");
}

template <typename Scalar>
void CudaOperations<Scalar>::wait() {
  check_cuda(cudaStreamSynchronize(stream_), "waiting for the card");
}

template <typename Scalar>
cudaEvent_t CudaOperations<Scalar>::next_event() {
  if (events_used_ == events_.size()) {
    cudaEvent_t event = nullptr;
    check_cuda(cudaEventCreate(&event), "making an event");
    events_.push_back(event);
  }
  return events_[events_used_++];
}

template <typename Scalar>
void CudaOperations<Scalar>::begin_part(DeviceStepPart part) {
  if (!measures_ || (!marks_.empty() && marks_.back().part == part)) return;
  const cudaEvent_t event = next_event();
  check_cuda(cudaEventRecord(event, stream_), "marking time");
  marks_.push_back({event, part});
}

template <typename Scalar>
std::vector<double> CudaOperations<Scalar>::take_part_seconds() {
  if (!measures_) return {};
  std::vector<double> seconds(kDeviceStepParts);
  if (marks_.empty()) return seconds;
  const cudaEvent_t end = next_event();
  check_cuda(cudaEventRecord(end, stream_), "marking time");
  wait();
  for (size_t i = 0; i < marks_.size(); ++i) {
    float milliseconds = 0;
    check_cuda(cudaEventElapsedTime(&milliseconds, marks_[i].event,
                                    i + 1 < marks_.size() ? marks_[i + 1].event : end),
               "reading time");
    seconds[static_cast<size_t>(marks_[i].part)] += static_cast<double>(milliseconds) / 1e3;
  }
  marks_.clear();
  events_used_ = 0;
  return seconds;
}

namespace {

template <typename Scalar>
constexpr cudaDataType_t kTypeOf = std::is_same_v<Scalar, float> ? CUDA_R_32F : CUDA_R_16BF;

}  // namespace

template <typename Scalar>
void CudaOperations<Scalar>::multiply(DeviceProduct kind, const DeviceProductSize& size, const Scalar* a,
                                      const Scalar* b, Scalar* c, const Scalar* added) {
  products_->multiply(kind, size, {kTypeOf<Scalar>, kTypeOf<Scalar>, a, b, c, added});
}

template <typename Scalar>
void CudaOperations<Scalar>::multiply_to_f32(DeviceProduct kind, const DeviceProductSize& size,
                                             const Scalar* a, const Scalar* b, float* c, bool accumulate) {
  products_->multiply(kind, size, {kTypeOf<Scalar>, CUDA_R_32F, a, b, c, accumulate ? c : nullptr});
}

template <typename Scalar>
void CudaOperations<Scalar>::round(const float* from, Scalar* to, int64_t count) {
  check_cuda(launch_round(from, to, count, stream_), "rounding");
}

template <typename Scalar>
void CudaOperations<Scalar>::embed(const Embedding<Scalar>& embedding, int64_t tokens) {
  check_cuda(launch_embed(embedding, tokens, stream_), "embedding");
}

template <typename Scalar>
void CudaOperations<Scalar>::embed_backward(const EmbeddingBackward<Scalar>& embedding) {
  check_cuda(launch_embed_backward(embedding, stream_), "the embedding's gradient");
}

template <typename Scalar>
void CudaOperations<Scalar>::norm_forward(const NormForward<Scalar>& norm, int64_t rows) {
  check_cuda(launch_norm_forward(norm, rows, stream_), "a norm");
}

template <typename Scalar>
void CudaOperations<Scalar>::norm_backward(NormBackward<Scalar> norm, float* d_weight, bool accumulate) {
  const int64_t blocks = norm_block_count(norm.rows);
  norm.rows_a_block = norm_rows_a_block(norm.rows);
  check_cuda(launch_norm_backward(norm, blocks, stream_), "a norm's gradient");
  check_cuda(launch_sum_columns(norm.weight_partials, blocks, norm.width, d_weight, accumulate, stream_),
             "a norm's weight's gradient");
}

template <typename Scalar>
void CudaOperations<Scalar>::rotate(const Rope<Scalar>& rope) {
  check_cuda(launch_rotate(rope, stream_), "rotating");
}

template <typename Scalar>
void CudaOperations<Scalar>::attention_forward(const DeviceAttention<Scalar>& attention) {
  if constexpr (std::is_same_v<Scalar, DeviceBf16>) {
    if (use_cudnn_ && attention_ && attention_->forward(attention)) return;
  }
  check_cuda(launch_attention_forward(attention, stream_), "attention");
}

template <typename Scalar>
void CudaOperations<Scalar>::attention_backward(const DeviceAttention<Scalar>& attention) {
  if constexpr (std::is_same_v<Scalar, DeviceBf16>) {
    if (use_cudnn_ && attention_ && attention_->backward(attention)) return;
  }
  check_cuda(launch_attention_backward(attention, stream_), "attention's gradient");
}

template <typename Scalar>
void CudaOperations<Scalar>::swiglu_forward(const Swiglu<Scalar>& swiglu, int64_t rows) {
  check_cuda(launch_swiglu_forward(swiglu, rows, stream_), "SwiGLU");
}

template <typename Scalar>
void CudaOperations<Scalar>::swiglu_backward(const Swiglu<Scalar>& swiglu, int64_t rows) {
  check_cuda(launch_swiglu_backward(swiglu, rows, stream_), "SwiGLU's gradient");
}

template <typename Scalar>
void CudaOperations<Scalar>::cross_entropy(const DeviceCrossEntropy<Scalar>& rows, int64_t count) {
  check_cuda(launch_cross_entropy(rows, count, stream_), "cross-entropy");
}

template <typename Scalar>
void CudaOperations<Scalar>::gather_rows(const GatherRows<Scalar>& gather, int64_t count) {
  check_cuda(launch_gather(gather, count, stream_), "gathering rows");
}

template <typename Scalar>
void CudaOperations<Scalar>::adamw(const AdamwStep<Scalar>& step, int64_t count) {
  check_cuda(launch_adamw(step, count, stream_), "AdamW");
}

template <typename Scalar>
void CudaOperations<Scalar>::sum(const double* values, int64_t count, double* total, bool add) {
  check_cuda(launch_sum(values, count, partials_, total, add, stream_), "a sum");
}

template <typename Scalar>
void CudaOperations<Scalar>::sum_squares(const float* values, int64_t count, double* total) {
  check_cuda(launch_sum_squares(values, count, partials_, total, stream_), "a sum of squares");
}

namespace {

// Memory for one call.
class Scratch {
 public:
  explicit Scratch(size_t bytes) { check_cuda(cudaMalloc(&memory_, bytes), "allocating the card's memory"); }
  ~Scratch() { cudaFree(memory_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  template <typename T>
  [[nodiscard]] T* as() const {
    return static_cast<T*>(memory_);
  }

 private:
  void* memory_ = nullptr;
};

BlakeKey state_block_key() {
  BlakeKey key{};
  std::memcpy(key.words, kStateBlockKey.data(), kStateBlockKey.size());
  key.bytes = static_cast<uint32_t>(kStateBlockKey.size());
  return key;
}

}  // namespace

template <typename Scalar>
std::vector<Hash256> CudaOperations<Scalar>::hash_blocks(std::span<const DeviceHashBlock> blocks) {
  select_device();
  const size_t count = blocks.size();
  std::vector<const float*> values;
  std::vector<int64_t> counts;
  for (const DeviceHashBlock& block : blocks) {
    values.push_back(block.values);
    counts.push_back(block.count);
  }
  const Scratch on_card_values(count * sizeof(values[0]));
  const Scratch on_card_counts(count * sizeof(counts[0]));
  const Scratch on_card_hashes(count * sizeof(Hash256));
  upload(on_card_values.template as<void>(), values.data(), static_cast<int64_t>(count * sizeof(values[0])));
  upload(on_card_counts.template as<void>(), counts.data(), static_cast<int64_t>(count * sizeof(counts[0])));
  check_cuda(launch_hash_blocks(state_block_key(), on_card_values.template as<const float*>(),
                                on_card_counts.template as<int64_t>(), static_cast<int64_t>(count),
                                on_card_hashes.template as<uint64_t>(), stream_),
             "hashing");
  std::vector<Hash256> hashes(count);
  download(hashes.data(), on_card_hashes.template as<void>(), static_cast<int64_t>(count * sizeof(Hash256)));
  return hashes;
}

template class CudaOperations<float>;
template class CudaOperations<DeviceBf16>;

}  // namespace templar
