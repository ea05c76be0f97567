#include "engine/cuda/cudnn_graph.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/device/operations.h"

namespace templar {
namespace {

constexpr int64_t kTensorAlignment = 16;  // bytes
// How many of cuDNN's choices are tried.
constexpr int64_t kMostChoices = 16;

[[nodiscard]] std::string last_error() {
  char text[512] = {};
  cudnn().last_error(text, sizeof(text));
  return text;
}

void check(cudnnStatus_t status, const char* what) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  throw BackendFailure(
      fmt::format("cuDNN can't {}: {} {}", what, cudnn().error_string(status), last_error()));
}

Dimensions packed(const Dimensions& sizes) {
  return {sizes[1] * sizes[2] * sizes[3], sizes[2] * sizes[3], sizes[3], 1};
}

}  // namespace

CudnnDescriptor::CudnnDescriptor(cudnnBackendDescriptorType_t type) {
  check(cudnn().descriptor_create(type, &raw_), "make a descriptor");
}

CudnnDescriptor::~CudnnDescriptor() {
  if (raw_ != nullptr) cudnn().descriptor_destroy(raw_);
}

void CudnnDescriptor::set_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                              const void* values, size_t count) {
  const cudnnStatus_t status = cudnn().set(raw_, name, type, static_cast<int64_t>(count), values);
  if (status == CUDNN_STATUS_SUCCESS) return;
  check(status, fmt::format("set attribute {}", static_cast<int>(name)).c_str());
}

void CudnnDescriptor::finalize() {
  check(cudnn().finalize(raw_), "finish a descriptor");
}

auto CudnnGraph::add_tensor(const Dimensions& sizes, const Dimensions& strides, cudnnDataType_t type,
                            bool is_virtual, bool by_value) -> Tensor {
  const auto number = static_cast<int64_t>(tensors_.size());
  CudnnDescriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, &type);
  tensor.set(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, sizes.data(), sizes.size());
  tensor.set(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, strides.data(), strides.size());
  tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, &number);
  tensor.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, &kTensorAlignment);
  tensor.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, &is_virtual);
  tensor.set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, &by_value);
  tensor.finalize();
  tensors_.push_back(std::move(tensor));
  return static_cast<Tensor>(number);
}

auto CudnnGraph::tensor(const Dimensions& sizes, const Dimensions& strides, cudnnDataType_t type) -> Tensor {
  return add_tensor(sizes, strides, type, false, false);
}

auto CudnnGraph::inner(const Dimensions& sizes, cudnnDataType_t type) -> Tensor {
  return add_tensor(sizes, packed(sizes), type, true, false);
}

auto CudnnGraph::inner_strided(const Dimensions& sizes, const Dimensions& strides, cudnnDataType_t type)
    -> Tensor {
  return add_tensor(sizes, strides, type, true, false);
}

auto CudnnGraph::scalar(float value) -> Tensor {
  const Tensor tensor = add_tensor({1, 1, 1, 1}, {1, 1, 1, 1}, CUDNN_DATA_FLOAT, false, true);
  scalars_.emplace_back(tensor, std::make_unique<float>(value));
  return tensor;
}

void CudnnGraph::matmul(Tensor a, Tensor b, Tensor c) {
  const cudnnDataType_t compute = CUDNN_DATA_FLOAT;
  CudnnDescriptor kind(CUDNN_BACKEND_MATMUL_DESCRIPTOR);
  kind.set(CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, &compute);
  kind.finalize();
  CudnnDescriptor operation(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_MATMUL_ADESC, tensors_[a]);
  operation.set(CUDNN_ATTR_OPERATION_MATMUL_BDESC, tensors_[b]);
  operation.set(CUDNN_ATTR_OPERATION_MATMUL_CDESC, tensors_[c]);
  operation.set(CUDNN_ATTR_OPERATION_MATMUL_DESC, kind);
  operation.finalize();
  kinds_.push_back(std::move(kind));
  operations_.push_back(std::move(operation));
}

void CudnnGraph::add_pointwise(CudnnDescriptor kind, cudnnPointwiseMode_t mode, cudnnDataType_t compute,
                               Tensor x, const Tensor* b, const Tensor* condition, Tensor y) {
  kind.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, &mode);
  kind.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, &compute);
  kind.finalize();
  CudnnDescriptor operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, kind);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, tensors_[x]);
  if (b != nullptr) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, tensors_[*b]);
  if (condition != nullptr) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_TDESC, tensors_[*condition]);
  operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, tensors_[y]);
  operation.finalize();
  kinds_.push_back(std::move(kind));
  operations_.push_back(std::move(operation));
}

void CudnnGraph::pointwise(cudnnPointwiseMode_t mode, Tensor x, Tensor y, cudnnDataType_t compute) {
  add_pointwise(CudnnDescriptor(CUDNN_BACKEND_POINTWISE_DESCRIPTOR), mode, compute, x, nullptr, nullptr, y);
}

void CudnnGraph::pointwise(cudnnPointwiseMode_t mode, Tensor x, Tensor b, Tensor y, cudnnDataType_t compute) {
  add_pointwise(CudnnDescriptor(CUDNN_BACKEND_POINTWISE_DESCRIPTOR), mode, compute, x, &b, nullptr, y);
}

void CudnnGraph::select(Tensor where_true, Tensor where_false, Tensor condition, Tensor y) {
  add_pointwise(CudnnDescriptor(CUDNN_BACKEND_POINTWISE_DESCRIPTOR), CUDNN_POINTWISE_BINARY_SELECT,
                CUDNN_DATA_FLOAT, where_true, &where_false, &condition, y);
}

void CudnnGraph::index(Tensor like, int64_t axis, Tensor y) {
  CudnnDescriptor kind(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  kind.set(CUDNN_ATTR_POINTWISE_AXIS, CUDNN_TYPE_INT64, &axis);
  add_pointwise(std::move(kind), CUDNN_POINTWISE_GEN_INDEX, CUDNN_DATA_FLOAT, like, nullptr, nullptr, y);
}

void CudnnGraph::reduce(cudnnReduceTensorOp_t reduction, Tensor x, Tensor y) {
  const cudnnDataType_t compute = CUDNN_DATA_FLOAT;
  CudnnDescriptor kind(CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
  kind.set(CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, &compute);
  kind.set(CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, &reduction);
  kind.finalize();
  CudnnDescriptor operation(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_REDUCTION_DESC, kind);
  operation.set(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, tensors_[x]);
  operation.set(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, tensors_[y]);
  operation.finalize();
  kinds_.push_back(std::move(kind));
  operations_.push_back(std::move(operation));
}

void CudnnGraph::reshape(Tensor x, Tensor y) {
  CudnnDescriptor operation(CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR);
  operation.set(CUDNN_ATTR_OPERATION_RESHAPE_XDESC, tensors_[x]);
  operation.set(CUDNN_ATTR_OPERATION_RESHAPE_YDESC, tensors_[y]);
  operation.finalize();
  operations_.push_back(std::move(operation));
}

CudnnDescriptor CudnnGraph::graph_of_operations(cudnnHandle_t handle) const {
  std::vector<cudnnBackendDescriptor_t> raw;
  for (const CudnnDescriptor& operation : operations_) raw.push_back(operation.raw());
  CudnnDescriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, &handle);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, raw.data(), raw.size());
  graph.finalize();
  return graph;
}

void CudnnGraph::plan(cudnnHandle_t handle) {
  const CudnnDescriptor graph = graph_of_operations(handle);
  CudnnDescriptor heuristic(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  const cudnnBackendHeurMode_t mode = CUDNN_HEUR_MODE_A;
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, &mode);
  heuristic.finalize();
  std::vector<CudnnDescriptor> choices;
  std::vector<cudnnBackendDescriptor_t> raw;
  for (int64_t i = 0; i < kMostChoices; ++i) {
    choices.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    raw.push_back(choices.back().raw());
  }
  int64_t found = 0;
  check(cudnn().get(heuristic.raw(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                    kMostChoices, &found, raw.data()),
        "choose an engine");
  std::string refusal = "it has no engine for the graph";
  for (int64_t i = 0; i < std::min(found, kMostChoices); ++i) {
    const CudnnDescriptor& choice = choices[static_cast<size_t>(i)];
    try {
      CudnnDescriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, &handle);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, choice);
      plan.finalize();
      plan_ = std::move(plan);
    } catch (const BackendFailure& failure) {
      refusal = failure.what();
      continue;
    }
    int64_t count = 0;
    check(cudnn().get(plan_.raw(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &count,
                      &workspace_bytes_),
          "tell a plan's workspace");
    const CudnnDescriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    cudnnBackendDescriptor_t raw_engine = engine.raw();
    check(cudnn().get(choice.raw(), CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count,
                      &raw_engine),
          "tell a choice's engine");
    std::array<cudnnBackendNumericalNote_t, CUDNN_NUMERICAL_NOTE_TYPE_COUNT> notes{};
    check(cudnn().get(raw_engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                      CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &count, notes.data()),
          "tell an engine's notes");
    may_vary_ = std::find(notes.begin(), notes.begin() + count, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) !=
                notes.begin() + count;
    return;
  }
  throw BackendFailure(fmt::format("cuDNN has no plan: {}", refusal));
}

void CudnnGraph::execute(cudnnHandle_t handle, std::span<const std::pair<Tensor, void*>> addresses,
                         void* workspace) const {
  std::vector<int64_t> numbers;
  std::vector<void*> pointers;
  for (const auto& [tensor, address] : addresses) {
    numbers.push_back(static_cast<int64_t>(tensor));
    pointers.push_back(address);
  }
  for (const auto& [tensor, value] : scalars_) {
    numbers.push_back(static_cast<int64_t>(tensor));
    pointers.push_back(value.get());
  }
  CudnnDescriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, numbers.data(), numbers.size());
  pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, pointers.data(), pointers.size());
  pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, &workspace);
  pack.finalize();
  check(cudnn().execute(handle, plan_.raw(), pack.raw()), "run a plan");
}

}  // namespace templar
