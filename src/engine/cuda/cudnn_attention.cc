#include "engine/cuda/cudnn_attention.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <tuple>

#include "base/log/log.h"
#include "engine/cuda/cuda_errors.h"

namespace templar {
namespace {

constexpr cudnnDataType_t kBf16Type = CUDNN_DATA_BFLOAT16;

// The graphs' tensors of a shape, in cuDNN's order of batch, head, position, dimension.
struct Layout {
  explicit Layout(const DeviceAttentionShape& of)
      : shape(of),
        scores{of.batch, of.heads, of.sequence, of.sequence},
        rows{of.batch, of.heads, of.sequence, 1},
        queries{of.batch, of.heads, of.sequence, of.head_dim},
        keys{of.batch, of.kv_heads, of.sequence, of.head_dim},
        keys_turned{of.batch, of.kv_heads, of.head_dim, of.sequence},
        in_qkv{of.sequence * of.qkv_row(), of.head_dim, of.qkv_row(), 1},
        in_qkv_turned{in_qkv[0], in_qkv[1], in_qkv[3], in_qkv[2]},
        in_out{of.sequence * of.heads * of.head_dim, of.head_dim, of.heads * of.head_dim, 1},
        row_strides{of.heads * of.sequence, of.sequence, 1, 1} {}
  DeviceAttentionShape shape;
  Dimensions scores, rows, queries, keys, keys_turned;
  Dimensions in_qkv, in_qkv_turned, in_out, row_strides;
};

float scale_of(const DeviceAttentionShape& shape) {
  return 1.0F / std::sqrt(static_cast<float>(shape.head_dim));
}

// Scores of keys after the query become −∞.
CudnnGraph::Tensor mask_after(CudnnGraph& graph, const Layout& layout, CudnnGraph::Tensor scores) {
  const auto row = graph.inner(layout.scores, CUDNN_DATA_INT32);
  const auto column = graph.inner(layout.scores, CUDNN_DATA_INT32);
  const auto visible = graph.inner(layout.scores, CUDNN_DATA_BOOLEAN);
  const auto masked = graph.inner(layout.scores);
  graph.index(scores, 2, row);
  graph.index(scores, 3, column);
  graph.pointwise(CUDNN_POINTWISE_CMP_GE, row, column, visible, CUDNN_DATA_BOOLEAN);
  graph.select(scores, graph.scalar(-std::numeric_limits<float>::infinity()), visible, masked);
  return masked;
}

CudnnGraph::Tensor apply(CudnnGraph& graph, const Dimensions& sizes, cudnnPointwiseMode_t mode,
                         CudnnGraph::Tensor x) {
  const auto y = graph.inner(sizes);
  graph.pointwise(mode, x, y);
  return y;
}

CudnnGraph::Tensor apply(CudnnGraph& graph, const Dimensions& sizes, cudnnPointwiseMode_t mode,
                         CudnnGraph::Tensor x, CudnnGraph::Tensor b) {
  const auto y = graph.inner(sizes);
  graph.pointwise(mode, x, b, y);
  return y;
}

// [batch, heads, keys, queries] of scores [batch, heads, queries, keys], as bf16 for a matrix product.
CudnnGraph::Tensor turned(CudnnGraph& graph, const Layout& layout, CudnnGraph::Tensor scores) {
  const Dimensions& sizes = layout.scores;
  const auto y =
      graph.inner_strided({sizes[0], sizes[1], sizes[3], sizes[2]},
                          {sizes[1] * sizes[2] * sizes[3], sizes[2] * sizes[3], 1, sizes[3]}, kBf16Type);
  graph.reshape(scores, y);
  return y;
}

// The gradient of keys or values: with grouped queries first of each query head, then their sum.
void sum_into_keys(CudnnGraph& graph, const Layout& layout, CudnnGraph::Tensor weights,
                   CudnnGraph::Tensor rows, CudnnGraph::Tensor out) {
  if (layout.shape.heads == layout.shape.kv_heads) {
    graph.matmul(weights, rows, out);
    return;
  }
  const auto of_each_head = graph.inner(layout.queries, kBf16Type);
  graph.matmul(weights, rows, of_each_head);
  graph.reduce(CUDNN_REDUCE_TENSOR_ADD, of_each_head, out);
}

// Its address in a token's row of q, k and v.
void* part(const DeviceBf16* qkv, int64_t heads_before, const DeviceAttentionShape& shape) {
  return const_cast<DeviceBf16*>(qkv) + heads_before * shape.head_dim;
}

int64_t aligned(int64_t bytes) {
  return (bytes + 255) / 256 * 256;
}

}  // namespace

AttentionForwardGraph::AttentionForwardGraph(const DeviceAttentionShape& shape, cudnnHandle_t handle) {
  const Layout layout(shape);
  q = graph.tensor(layout.queries, layout.in_qkv, kBf16Type);
  k = graph.tensor(layout.keys_turned, layout.in_qkv_turned, kBf16Type);
  v = graph.tensor(layout.keys, layout.in_qkv, kBf16Type);
  out = graph.tensor(layout.queries, layout.in_out, kBf16Type);
  log_sums = graph.tensor(layout.rows, layout.row_strides, CUDNN_DATA_FLOAT);

  const auto products = graph.inner(layout.scores);
  graph.matmul(q, k, products);
  const auto scaled =
      apply(graph, layout.scores, CUDNN_POINTWISE_MUL, products, graph.scalar(scale_of(shape)));
  const auto masked = mask_after(graph, layout, scaled);
  const auto highest = graph.inner_strided(layout.rows, layout.row_strides, CUDNN_DATA_FLOAT);
  graph.reduce(CUDNN_REDUCE_TENSOR_MAX, masked, highest);
  const auto below = apply(graph, layout.scores, CUDNN_POINTWISE_SUB, masked, highest);
  const auto exponentials = apply(graph, layout.scores, CUDNN_POINTWISE_EXP, below);
  const auto sums = graph.inner_strided(layout.rows, layout.row_strides, CUDNN_DATA_FLOAT);
  graph.reduce(CUDNN_REDUCE_TENSOR_ADD, exponentials, sums);
  const auto logs = graph.inner_strided(layout.rows, layout.row_strides, CUDNN_DATA_FLOAT);
  graph.pointwise(CUDNN_POINTWISE_LOG, sums, logs);
  graph.pointwise(CUDNN_POINTWISE_ADD, highest, logs, log_sums);
  const auto probabilities = graph.inner(layout.scores, kBf16Type);
  graph.pointwise(CUDNN_POINTWISE_DIV, exponentials, sums, probabilities);
  graph.matmul(probabilities, v, out);
  graph.plan(handle);
}

AttentionBackwardGraph::AttentionBackwardGraph(const DeviceAttentionShape& shape, cudnnHandle_t handle,
                                               bool deterministic) {
  const Layout layout(shape);
  q = graph.tensor(layout.queries, layout.in_qkv, kBf16Type);
  k = graph.tensor(layout.keys_turned, layout.in_qkv_turned, kBf16Type);
  v = graph.tensor(layout.keys_turned, layout.in_qkv_turned, kBf16Type);
  out = graph.tensor(layout.queries, layout.in_out, kBf16Type);
  d_out = graph.tensor(layout.queries, layout.in_out, kBf16Type);
  log_sums = graph.tensor(layout.rows, layout.row_strides, CUDNN_DATA_FLOAT);
  row_sums = graph.tensor(layout.rows, layout.row_strides, CUDNN_DATA_FLOAT);
  d_q = graph.tensor(layout.queries, layout.in_qkv, kBf16Type);
  d_k = graph.tensor(layout.keys, layout.in_qkv, kBf16Type);
  d_v = graph.tensor(layout.keys, layout.in_qkv, kBf16Type);
  const auto scale = graph.scalar(scale_of(shape));

  // What each row's gradients are measured from: Σ d_out·out.
  const auto mixed = graph.inner_strided(layout.queries,
                                         {shape.heads * shape.sequence * shape.head_dim,
                                          shape.sequence * shape.head_dim, shape.heads * shape.head_dim, 1},
                                         CUDNN_DATA_FLOAT);
  graph.pointwise(CUDNN_POINTWISE_MUL, d_out, out, mixed);
  const auto sums = graph.inner_strided(layout.rows, layout.row_strides, CUDNN_DATA_FLOAT);
  graph.reduce(CUDNN_REDUCE_TENSOR_ADD, mixed, sums);
  graph.pointwise(CUDNN_POINTWISE_MUL, sums, graph.scalar(1.0F), row_sums);

  const auto products = graph.inner(layout.scores);
  graph.matmul(q, k, products);
  const auto scaled = apply(graph, layout.scores, CUDNN_POINTWISE_MUL, products, scale);
  const auto below = apply(graph, layout.scores, CUDNN_POINTWISE_SUB, scaled, log_sums);
  const auto masked = mask_after(graph, layout, below);
  const auto probabilities = apply(graph, layout.scores, CUDNN_POINTWISE_EXP, masked);
  sum_into_keys(graph, layout, turned(graph, layout, probabilities), d_out, d_v);

  const auto d_probabilities = graph.inner(layout.scores);
  graph.matmul(d_out, v, d_probabilities);
  const auto apart = apply(graph, layout.scores, CUDNN_POINTWISE_SUB, d_probabilities, row_sums);
  const auto d_scaled = apply(graph, layout.scores, CUDNN_POINTWISE_MUL, apart, probabilities);
  const auto d_scores = graph.inner(layout.scores);
  graph.pointwise(CUDNN_POINTWISE_MUL, d_scaled, scale, d_scores);
  sum_into_keys(graph, layout, turned(graph, layout, d_scores), q, d_k);

  const auto keys = graph.inner_strided(layout.keys, layout.in_qkv, kBf16Type);
  graph.reshape(k, keys);
  if (deterministic) {
    graph.matmul(d_scores, keys, d_q);
  } else {
    query_sums = graph.tensor(
        layout.queries,
        {shape.heads * shape.sequence * shape.head_dim, shape.sequence * shape.head_dim, shape.head_dim, 1},
        CUDNN_DATA_FLOAT);
    graph.matmul(d_scores, keys, *query_sums);
    graph.pointwise(CUDNN_POINTWISE_IDENTITY, *query_sums, d_q);
  }
  graph.plan(handle);
}

bool cudnn_takes(const DeviceAttentionShape& shape) {
  return shape.head_dim % 8 == 0 && shape.head_dim <= 256 && shape.sequence >= 64;
}

bool CudnnAttention::Compare::operator()(const DeviceAttentionShape& a, const DeviceAttentionShape& b) const {
  const auto all = [](const DeviceAttentionShape& s) {
    return std::tie(s.batch, s.sequence, s.heads, s.kv_heads, s.head_dim);
  };
  return all(a) < all(b);
}

CudnnAttention::CudnnAttention(cudaStream_t stream, void* workspace, int64_t workspace_bytes,
                               bool deterministic)
    : stream_(stream),
      workspace_(static_cast<char*>(workspace)),
      workspace_bytes_(workspace_bytes),
      deterministic_(deterministic) {
  const cudnnStatus_t status = cudnn().create(&handle_);
  if (status != CUDNN_STATUS_SUCCESS) {
    throw BackendFailure(fmt::format("cuDNN does not start: {}", cudnn().error_string(status)));
  }
  cudnn().set_stream(handle_, stream);
}

CudnnAttention::~CudnnAttention() {
  forward_.clear();
  backward_.clear();
  cudnn().destroy(handle_);
  cudaFree(more_workspace_);
}

void CudnnAttention::reserve(int64_t bytes) {
  if (bytes <= workspace_bytes_) return;
  log(LogLevel::kWarning, "engine",
      fmt::format("attention needs {} bytes of workspace, {} more than planned", bytes,
                  bytes - workspace_bytes_));
  check_cuda(cudaStreamSynchronize(stream_), "waiting for the card");
  cudaFree(std::exchange(more_workspace_, nullptr));
  check_cuda(cudaMalloc(&more_workspace_, static_cast<size_t>(bytes)), "allocating attention's workspace");
  workspace_ = static_cast<char*>(more_workspace_);
  workspace_bytes_ = bytes;
}

template <typename Graph, typename Make>
Graph* CudnnAttention::plan_for(Plans<Graph>& plans, const DeviceAttentionShape& shape, int64_t beside,
                                const Make& make) {
  if (!cudnn_takes(shape)) return nullptr;
  const auto known = plans.find(shape);
  if (known != plans.end()) return known->second.get();
  std::unique_ptr<Graph>& plan = plans[shape];
  try {
    plan = make();
    reserve(plan->graph.workspace_bytes() + beside);
    log(LogLevel::kInfo, "engine",
        fmt::format("attention of {} x {} tokens, {} heads of {}: cuDNN's plan takes {} bytes of workspace{}",
                    shape.batch, shape.sequence, shape.heads, shape.head_dim, plan->graph.workspace_bytes(),
                    plan->graph.may_vary() ? " and may give other bits each time" : ""));
  } catch (const BackendFailure& failure) {
    plan.reset();
    log(LogLevel::kWarning, "engine",
        fmt::format("attention of {} x {} tokens, {} heads of {} goes without cuDNN: {}", shape.batch,
                    shape.sequence, shape.heads, shape.head_dim, failure.what()));
  }
  return plan.get();
}

bool CudnnAttention::forward(const DeviceAttention<DeviceBf16>& attention) {
  const DeviceAttentionShape& shape = attention.shape;
  const auto* plan =
      plan_for(forward_, shape, 0, [&] { return std::make_unique<AttentionForwardGraph>(shape, handle_); });
  if (plan == nullptr) return false;
  const std::pair<CudnnGraph::Tensor, void*> addresses[] = {
      {plan->q, part(attention.qkv, 0, shape)},
      {plan->k, part(attention.qkv, shape.heads, shape)},
      {plan->v, part(attention.qkv, shape.heads + shape.kv_heads, shape)},
      {plan->out, attention.out},
      {plan->log_sums, attention.log_sums}};
  plan->graph.execute(handle_, addresses, workspace_);
  return true;
}

bool CudnnAttention::backward(const DeviceAttention<DeviceBf16>& attention) {
  const DeviceAttentionShape& shape = attention.shape;
  const int64_t row_bytes = aligned(shape.tokens() * shape.heads * 4);
  const int64_t query_bytes = deterministic_ ? 0 : aligned(shape.tokens() * shape.heads * shape.head_dim * 4);
  const auto* plan = plan_for(backward_, shape, row_bytes + query_bytes, [&] {
    return std::make_unique<AttentionBackwardGraph>(shape, handle_, deterministic_);
  });
  if (plan == nullptr) return false;
  std::vector<std::pair<CudnnGraph::Tensor, void*>> addresses = {
      {plan->q, part(attention.qkv, 0, shape)},
      {plan->k, part(attention.qkv, shape.heads, shape)},
      {plan->v, part(attention.qkv, shape.heads + shape.kv_heads, shape)},
      {plan->out, attention.out},
      {plan->log_sums, attention.log_sums},
      {plan->d_out, const_cast<DeviceBf16*>(attention.d_out)},
      {plan->d_q, part(attention.d_qkv, 0, shape)},
      {plan->d_k, part(attention.d_qkv, shape.heads, shape)},
      {plan->d_v, part(attention.d_qkv, shape.heads + shape.kv_heads, shape)},
      {plan->row_sums, workspace_}};
  if (plan->query_sums) {
    char* sums = workspace_ + row_bytes;
    check_cuda(cudaMemsetAsync(sums, 0, static_cast<size_t>(query_bytes), stream_),
               "clearing attention's sums");
    addresses.emplace_back(*plan->query_sums, sums);
  }
  plan->graph.execute(handle_, addresses, workspace_ + row_bytes + query_bytes);
  return true;
}

}  // namespace templar
