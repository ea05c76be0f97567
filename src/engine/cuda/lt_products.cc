#include "engine/cuda/lt_products.h"

#include <fmt/format.h>

#include <algorithm>

namespace templar {
namespace {

void check(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw BackendFailure(fmt::format("cuBLASLt can't {}: status {}", what, static_cast<int>(status)));
}

// The largest power of two up to 256 that divides the address.
uint32_t alignment_of(const void* address) {
  const auto bits = reinterpret_cast<uintptr_t>(address);
  return bits == 0 ? 256U : static_cast<uint32_t>(std::min<uintptr_t>(256, bits & (~bits + 1)));
}

// The values from row to row where the caller left them to lie side by side.
DeviceProductSize with_rows(DeviceProduct kind, DeviceProductSize size) {
  if (size.a_row == 0) size.a_row = kind == DeviceProduct::kAtB ? size.m : size.k;
  if (size.c_row == 0) size.c_row = size.n;
  return size;
}

cublasLtMatrixLayout_t layout(cudaDataType_t type, int64_t rows, int64_t columns, int64_t stride) {
  cublasLtMatrixLayout_t made = nullptr;
  check(cublas_lt().layout_create(&made, type, static_cast<uint64_t>(rows), static_cast<uint64_t>(columns),
                                  stride),
        "describe a matrix");
  return made;
}

}  // namespace

LtProducts::LtProducts(cudaStream_t stream, void* workspace, int64_t workspace_bytes)
    : stream_(stream), workspace_(workspace), workspace_bytes_(static_cast<size_t>(workspace_bytes)) {
  check(cublas_lt().create(&handle_), "start");
}

LtProducts::~LtProducts() {
  for (auto& [key, plan] : plans_) {
    cublas_lt().desc_destroy(plan.product);
    for (cublasLtMatrixLayout_t made : {plan.first, plan.second, plan.out}) cublas_lt().layout_destroy(made);
  }
  cublas_lt().destroy(handle_);
}

// A row-major matrix is its transpose by columns: c = a·b becomes cᵀ = bᵀ·aᵀ, with b first.
auto LtProducts::make_plan(DeviceProduct kind, const DeviceProductSize& size, const Operands& operands) const
    -> Plan {
  Plan plan;
  check(cublas_lt().desc_create(&plan.product, CUBLAS_COMPUTE_32F, CUDA_R_32F), "describe a product");
  const cublasOperation_t turn_first = kind == DeviceProduct::kABt ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasOperation_t turn_second = kind == DeviceProduct::kAtB ? CUBLAS_OP_T : CUBLAS_OP_N;
  check(cublas_lt().desc_set(plan.product, CUBLASLT_MATMUL_DESC_TRANSA, &turn_first, sizeof(turn_first)),
        "turn b");
  check(cublas_lt().desc_set(plan.product, CUBLASLT_MATMUL_DESC_TRANSB, &turn_second, sizeof(turn_second)),
        "turn a");
  plan.first = kind == DeviceProduct::kABt ? layout(operands.in, size.k, size.n, size.k)
                                           : layout(operands.in, size.n, size.k, size.n);
  plan.second = kind == DeviceProduct::kAtB ? layout(operands.in, size.m, size.k, size.a_row)
                                            : layout(operands.in, size.k, size.m, size.a_row);
  plan.out = layout(operands.out, size.n, size.m, size.c_row);
  choose(plan, operands, fmt::format("{} x {} x {}", size.m, size.n, size.k));
  return plan;
}

void LtProducts::choose(Plan& plan, const Operands& operands, const std::string& what) const {
  cublasLtMatmulPreference_t preference = nullptr;
  check(cublas_lt().preference_create(&preference), "describe a choice");
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t name, const auto& value) {
    check(cublas_lt().preference_set(preference, name, &value, sizeof(value)), "describe a choice");
  };
  const void* added = operands.added == nullptr ? operands.c : operands.added;
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes_);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment_of(operands.b));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment_of(operands.a));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment_of(added));
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment_of(operands.c));
  cublasLtMatmulHeuristicResult_t found{};
  int count = 0;
  const cublasStatus_t status = cublas_lt().heuristic(handle_, plan.product, plan.first, plan.second,
                                                      plan.out, plan.out, preference, 1, &found, &count);
  cublas_lt().preference_destroy(preference);
  if (status != CUBLAS_STATUS_SUCCESS || count == 0) {
    throw BackendFailure(
        fmt::format("cuBLASLt has no product of {}: status {}", what, static_cast<int>(status)));
  }
  plan.algorithm = found.algo;
}

void LtProducts::multiply(DeviceProduct kind, const DeviceProductSize& given, const Operands& operands) {
  const DeviceProductSize size = with_rows(kind, given);
  const void* added = operands.added == nullptr ? operands.c : operands.added;
  const Key key{kind,
                size.m,
                size.n,
                size.k,
                size.a_row,
                size.c_row,
                operands.in,
                operands.out,
                operands.added != nullptr,
                alignment_of(operands.a),
                alignment_of(operands.b),
                alignment_of(operands.c),
                alignment_of(added)};
  auto known = plans_.find(key);
  if (known == plans_.end()) known = plans_.emplace(key, make_plan(kind, size, operands)).first;
  const Plan& plan = known->second;
  const float one = 1;
  const float of_added = operands.added == nullptr ? 0.0F : 1.0F;
  check(cublas_lt().matmul(handle_, plan.product, &one, operands.b, plan.first, operands.a, plan.second,
                           &of_added, added, plan.out, operands.c, plan.out, &plan.algorithm, workspace_,
                           workspace_bytes_, stream_),
        "multiply");
}

}  // namespace templar
