// Causal attention as graphs for cuDNN's fused kernels.
#pragma once

#include <map>
#include <optional>

#include "engine/cuda/cudnn_graph.h"
#include "engine/device/attention_math.h"

namespace templar {

// softmax(scale · q·kᵀ, keys after the query left out)·v, and the logarithms of the softmax's denominators.
struct AttentionForwardGraph {
  CudnnGraph graph;
  CudnnGraph::Tensor q, k, v, out, log_sums;
  AttentionForwardGraph(const DeviceAttentionShape& shape, cudnnHandle_t handle);
};

// Its gradient. deterministic: the gradient of all scores stands in the workspace, and the queries' is summed
// in order; else it is added up in query_sums.
struct AttentionBackwardGraph {
  CudnnGraph graph;
  CudnnGraph::Tensor q, k, v, out, log_sums, d_out, d_q, d_k, d_v;
  CudnnGraph::Tensor row_sums;  // f32 [batch, heads, sequence], working memory
  std::optional<CudnnGraph::Tensor>
      query_sums;  // f32 [batch, heads, sequence, head_dim], zero before each run
  AttentionBackwardGraph(const DeviceAttentionShape& shape, cudnnHandle_t handle, bool deterministic);
};

// Whether the fused kernels can take a shape at all.
[[nodiscard]] bool cudnn_takes(const DeviceAttentionShape& shape);

// Runs attention on a stream, with a plan for each shape, made when it is first met. Throws BackendFailure.
class CudnnAttention {
 public:
  // Workspace of that size, 256-aligned, which outlives the object. A plan that needs more gets more, with a
  // warning.
  CudnnAttention(cudaStream_t stream, void* workspace, int64_t workspace_bytes, bool deterministic);
  ~CudnnAttention();
  CudnnAttention(const CudnnAttention&) = delete;
  CudnnAttention& operator=(const CudnnAttention&) = delete;

  // False: cuDNN does not take the shape; the log says why.
  [[nodiscard]] bool forward(const DeviceAttention<DeviceBf16>& attention);
  [[nodiscard]] bool backward(const DeviceAttention<DeviceBf16>& attention);

 private:
  struct Compare {
    bool operator()(const DeviceAttentionShape& a, const DeviceAttentionShape& b) const;
  };
  // Null where there is no plan.
  template <typename Graph>
  using Plans = std::map<DeviceAttentionShape, std::unique_ptr<Graph>, Compare>;
  // The plan's workspace begins `beside` bytes into ours; the caller uses those in front.
  template <typename Graph, typename Make>
  Graph* plan_for(Plans<Graph>& plans, const DeviceAttentionShape& shape, int64_t beside, const Make& make);

  void reserve(int64_t bytes);

  cudaStream_t stream_;
  char* workspace_;
  int64_t workspace_bytes_;
  bool deterministic_;
  cudnnHandle_t handle_ = nullptr;
  Plans<AttentionForwardGraph> forward_;
  Plans<AttentionBackwardGraph> backward_;
  void* more_workspace_ = nullptr;  // its own, where a plan needed it
};

}  // namespace templar
