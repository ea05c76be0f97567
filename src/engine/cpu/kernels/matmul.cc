#include "engine/cpu/kernels/matmul.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <dnnl.hpp>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/check.h"
#include "base/threads/signal_stack.h"
#include "engine/backend_failure.h"
#include "engine/cpu/kernels/fixed_order_products.h"

namespace templar {
namespace {

// Slices are cut at multiples of this many rows or columns, which suits the register tiles of every kernel.
constexpr int64_t kSliceGrain = 16;
// With fewer rows than these, columns are shared out.
constexpr int64_t kFewestRowsToShare = 32;
// Rows of a slice of a transposed operand: more would not stay in a core's cache.
constexpr int64_t kMaxRowsTransposed = 1024;
// Enough for every shape of a training run; generation and odd batches can't make it grow for ever.
constexpr size_t kMaxKernels = 1024;

dnnl::memory::data_type data_type(ElementType type) {
  return type == ElementType::kF32 ? dnnl::memory::data_type::f32 : dnnl::memory::data_type::bf16;
}

int64_t element_size(ElementType type) {
  return type == ElementType::kF32 ? 4 : 2;
}

// What oneDNN needs of each thread that calls it.
//
// oneDNN asks OpenMP how many threads to use; OpenMP keeps that number for each calling thread. Asking the
// OpenMP runtime that is in the process works whichever one oneDNN was built with.
//
// Its kernels for AVX and AVX2 move the stack pointer into memory that they have allocated: a signal's
// handler must not run there.
void prepare_thread() {
  using SetThreads = void (*)(int);
  static const auto set_threads = reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
  thread_local const bool done = [] {
    if (set_threads != nullptr) set_threads(1);
    ensure_signal_stack();
    return true;
  }();
  (void)done;
}

const dnnl::engine& cpu() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

// A slice of a product as oneDNN sees it: sizes of the slice, row lengths of the whole matrices.
struct SliceShape {
  ProductKind kind = ProductKind::kABt;
  ProductSize size;
  RowLengths rows;
  ElementType in = ElementType::kF32;
  ElementType out = ElementType::kF32;
  bool accumulate = false;

  [[nodiscard]] auto key() const {
    return std::tuple(kind, size.m, size.n, size.k, rows.a, rows.b, rows.c, in, out, accumulate);
  }
  bool operator<(const SliceShape& other) const { return key() < other.key(); }
};

// A compiled kernel with memory objects whose pointers are set anew for each call, so that a call allocates
// nothing.
class SliceKernel {
 public:
  explicit SliceKernel(const SliceShape& shape) : stream_(cpu()) {
    using Desc = dnnl::memory::desc;
    const auto [m, n, k] = shape.size;
    const bool a_transposed = shape.kind == ProductKind::kAtB;
    const bool b_transposed = shape.kind == ProductKind::kABt;
    const dnnl::memory::dims a_strides =
        a_transposed ? dnnl::memory::dims{1, shape.rows.a} : dnnl::memory::dims{shape.rows.a, 1};
    const dnnl::memory::dims b_strides =
        b_transposed ? dnnl::memory::dims{1, shape.rows.b} : dnnl::memory::dims{shape.rows.b, 1};
    const Desc a({m, k}, data_type(shape.in), a_strides);
    const Desc b({k, n}, data_type(shape.in), b_strides);
    const Desc c({m, n}, data_type(shape.out), dnnl::memory::dims{shape.rows.c, 1});
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (shape.accumulate) {
      dnnl::post_ops add;
      add.append_sum(1.0F);
      attributes.set_post_ops(add);
    }
    const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a, b, c), attributes, cpu());
    primitive_ = dnnl::matmul(description);
    a_ = dnnl::memory(a, cpu(), nullptr);
    b_ = dnnl::memory(b, cpu(), nullptr);
    c_ = dnnl::memory(c, cpu(), nullptr);
    const dnnl::memory scratch(description.scratchpad_desc(), cpu());
    arguments_ = {
        {DNNL_ARG_SRC, a_}, {DNNL_ARG_WEIGHTS, b_}, {DNNL_ARG_DST, c_}, {DNNL_ARG_SCRATCHPAD, scratch}};
  }

  void run(const void* a, const void* b, void* c) {
    a_.set_data_handle(const_cast<void*>(a));
    b_.set_data_handle(const_cast<void*>(b));
    c_.set_data_handle(c);
    primitive_.execute(stream_, arguments_);
  }

 private:
  dnnl::stream stream_;
  dnnl::matmul primitive_;
  dnnl::memory a_;
  dnnl::memory b_;
  dnnl::memory c_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

struct Range {
  int64_t begin = 0;
  int64_t end = 0;
};

Range range_of_part(int64_t count, int64_t part, int64_t parts) {
  const int64_t units = (count + kSliceGrain - 1) / kSliceGrain;
  return {std::min(count, units * part / parts * kSliceGrain),
          std::min(count, units * (part + 1) / parts * kSliceGrain)};
}

// Where the slice lies in the whole matrices.
struct Slice {
  SliceShape shape;
  int64_t a_offset = 0;
  int64_t b_offset = 0;
  int64_t c_offset = 0;
};

RowLengths row_lengths(ProductKind kind, ProductSize size, RowLengths given) {
  const auto or_dense = [](int64_t length, int64_t columns) { return length == 0 ? columns : length; };
  return {.a = or_dense(given.a, kind == ProductKind::kAtB ? size.m : size.k),
          .b = or_dense(given.b, kind == ProductKind::kABt ? size.k : size.n),
          .c = or_dense(given.c, size.n)};
}

Slice slice_of_product(ProductKind kind, ProductSize size, RowLengths rows, bool by_rows, Range range) {
  ProductSize part = size;
  (by_rows ? part.m : part.n) = range.end - range.begin;
  Slice slice{.shape = {.kind = kind, .size = part, .rows = rows}};
  if (by_rows) {
    slice.a_offset = range.begin * (kind == ProductKind::kAtB ? 1 : rows.a);
    slice.c_offset = range.begin * rows.c;
  } else {
    slice.b_offset = range.begin * (kind == ProductKind::kABt ? rows.b : 1);
    slice.c_offset = range.begin;
  }
  return slice;
}

}  // namespace

struct MatrixProducts::State {
  State(ThreadTeam& its_team, SumOrder order) : team(its_team), kernels(its_team.threads()) {
    if (order == SumOrder::kFixed) in_fixed_order.emplace(its_team);
  }

  SliceKernel& kernel(int member, const SliceShape& shape) {
    std::map<SliceShape, SliceKernel>& own = kernels[member];
    if (const auto found = own.find(shape); found != own.end()) return found->second;
    return own.try_emplace(shape, shape).first->second;
  }

  struct Job {
    SliceKernel* kernel = nullptr;
    const void* a = nullptr;
    const void* b = nullptr;
    void* c = nullptr;
  };

  ThreadTeam& team;
  std::optional<FixedOrderProducts> in_fixed_order;  // then nothing below is used
  std::vector<std::map<SliceShape, SliceKernel>>
      kernels;            // one map a member: a kernel's memory serves one call at a time
  std::vector<Job> jobs;  // the product at hand; job i is member i mod threads' work
};

MatrixProducts::MatrixProducts(ThreadTeam& team, SumOrder order)
    : state_(std::make_unique<State>(team, order)) {}
MatrixProducts::~MatrixProducts() = default;

int64_t MatrixProducts::memory_bytes(SumOrder order, int threads) {
  return order == SumOrder::kFixed ? FixedOrderProducts::memory_bytes(threads) : 0;
}

void MatrixProducts::run_in_fixed_order(ProductKind kind, ProductSize size, const Operands& operands) {
  CHECK(operands.in == ElementType::kF32 && operands.out == ElementType::kF32);
  state_->in_fixed_order->multiply({.kind = kind,
                                    .size = size,
                                    .a = static_cast<const float*>(operands.a),
                                    .b = static_cast<const float*>(operands.b),
                                    .c = static_cast<float*>(operands.c),
                                    .accumulate = operands.accumulate,
                                    .rows = row_lengths(kind, size, operands.rows)});
}

// oneDNN throws when it cannot make a kernel for a shape or has no memory.
void MatrixProducts::run(ProductKind kind, ProductSize size, const Operands& operands) {
  if (state_->in_fixed_order) return run_in_fixed_order(kind, size, operands);
  try {
    run_throwing(kind, size, operands);
  } catch (const dnnl::error& error) {
    throw BackendFailure(fmt::format("a matrix product failed: {} (oneDNN status {})", error.what(),
                                     static_cast<int>(error.status)));
  }
}

void MatrixProducts::run_throwing(ProductKind kind, ProductSize size, const Operands& operands) {
  prepare_thread();
  const int members = state_->team.threads();
  // A few rows (generation) leave nothing to share out but the columns.
  const bool by_rows = size.m >= kFewestRowsToShare || size.m >= size.n;
  // oneDNN takes another kernel, which adds in another order, for a slice whose rows don't lie side by side.
  // Such products are cut even for one thread, so that the number of threads does not change the result.
  const bool slices_lie_apart = kind == ProductKind::kAtB || !by_rows;
  const int64_t most_rows = kind == ProductKind::kAtB ? kMaxRowsTransposed : size.m;
  const auto fewest = static_cast<int>((size.m + most_rows - 1) / most_rows);
  const int parts = (std::max(slices_lie_apart ? 2 : 1, fewest) + members - 1) / members * members;
  const RowLengths rows = row_lengths(kind, size, operands.rows);
  for (auto& own : state_->kernels) {
    if (own.size() >= kMaxKernels) own.clear();
  }
  std::vector<State::Job>& jobs = state_->jobs;
  jobs.clear();
  for (int part = 0; part < parts; ++part) {
    const Range range = range_of_part(by_rows ? size.m : size.n, part, parts);
    if (range.begin == range.end) continue;
    Slice slice = slice_of_product(kind, size, rows, by_rows, range);
    slice.shape.in = operands.in;
    slice.shape.out = operands.out;
    slice.shape.accumulate = operands.accumulate;
    const int member = static_cast<int>(jobs.size()) % members;
    jobs.push_back({.kernel = &state_->kernel(member, slice.shape),
                    .a = static_cast<const char*>(operands.a) + slice.a_offset * element_size(operands.in),
                    .b = static_cast<const char*>(operands.b) + slice.b_offset * element_size(operands.in),
                    .c = static_cast<char*>(operands.c) + slice.c_offset * element_size(operands.out)});
  }
  state_->team.run([&jobs, members](int member) {
    prepare_thread();
    for (size_t job = member; job < jobs.size(); job += members) {
      jobs[job].kernel->run(jobs[job].a, jobs[job].b, jobs[job].c);
    }
  });
}

bool MatrixProducts::supports_bf16() {
  try {
    prepare_thread();
    SliceKernel({ProductKind::kABt, {16, 16, 16}, {16, 16, 16}, ElementType::kBf16, ElementType::kF32, true});
    return true;
  } catch (const dnnl::error&) {
    return false;
  }
}

}  // namespace templar
