// Matrix products, shared out among a team's threads: by oneDNN, or in an order of summation that is the same
// everywhere. All matrices are row-major.
//
// oneDNN would start OpenMP threads of its own, which two engines in one process would fight over: here each
// member of the team computes a slice of the result alone. Every element is summed over its full depth by one
// thread.
#pragma once

#include <cstdint>
#include <memory>

#include "base/bfloat16.h"
#include "base/threads/thread_team.h"

namespace templar {

enum class SumOrder {
  kFastest,  // oneDNN's, which depends on the processor, and before AVX-512 on the number of threads
  kFixed,    // FixedOrderProducts'; f32 alone
};

enum class ElementType { kF32, kBf16 };

template <typename T>
inline constexpr ElementType kElementType = ElementType::kF32;
template <>
inline constexpr ElementType kElementType<Bf16> = ElementType::kBf16;

// Which operand is read transposed, and so which of the three products of a linear layer it is:
// with weights w [out, in] and activations x [tokens, in], y [tokens, out],
enum class ProductKind {
  kABt,  // y = x wᵀ     c [m, n] = a [m, k] · b [n, k]ᵀ
  kAB,   // dx = dy w    c [m, n] = a [m, k] · b [k, n]
  kAtB,  // dw = dyᵀ x   c [m, n] = a [k, m]ᵀ · b [k, n]
};

struct ProductSize {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
};

// Elements from one row of a matrix to the next; 0: its own columns. Rows whose length is a multiple of 1024
// should be made longer (padded_row): otherwise all elements of a column share a few places of the cache.
struct RowLengths {
  int64_t a = 0;
  int64_t b = 0;
  int64_t c = 0;
};

[[nodiscard]] constexpr int64_t padded_row(int64_t columns) {
  constexpr int64_t kAlias = 1024;
  constexpr int64_t kPad = 16;
  return columns % kAlias == 0 ? columns + kPad : columns;
}

// Not thread-safe. Compiled kernels are kept by size: the first product of a size is slow. Throws
// BackendFailure where oneDNN can't make a kernel.
class MatrixProducts {
 public:
  // kFixed: where FixedOrderProducts are supported.
  MatrixProducts(ThreadTeam& team, SumOrder order);
  ~MatrixProducts();
  MatrixProducts(const MatrixProducts&) = delete;
  MatrixProducts& operator=(const MatrixProducts&) = delete;

  // What it holds from its making on; kernels that are compiled later are not in it.
  [[nodiscard]] static int64_t memory_bytes(SumOrder order, int threads);

  // c = product, or c += product. Sums are f32 whatever the element types are.
  template <typename In, typename Out>
  void multiply(ProductKind kind, ProductSize size, const In* a, const In* b, Out* c, bool accumulate = false,
                RowLengths rows = {}) {
    run(kind, size, {a, kElementType<In>, b, c, kElementType<Out>, accumulate, rows});
  }

  // Whether this processor computes bf16 products at all.
  [[nodiscard]] static bool supports_bf16();

 private:
  struct Operands {
    const void* a;
    ElementType in;
    const void* b;
    void* c;
    ElementType out;
    bool accumulate;
    RowLengths rows;
  };
  struct State;

  void run(ProductKind kind, ProductSize size, const Operands& operands);
  void run_throwing(ProductKind kind, ProductSize size, const Operands& operands);
  void run_in_fixed_order(ProductKind kind, ProductSize size, const Operands& operands);

  std::unique_ptr<State> state_;
};

}  // namespace templar
