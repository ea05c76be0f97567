// A device's operations on the processor: the kernels' own arithmetic, one thread to a row, and products by
// their definition. Slow; for the tests of all that doesn't need a card.
#pragma once

#include <cstring>
#include <memory>
#include <new>

#include "core/consensus/state_block_key.h"
#include "engine/device/blake2b_math.h"
#include "engine/device/operations.h"

namespace templar {

// The key of a state block's hash.
[[nodiscard]] inline BlakeKey state_block_key() {
  BlakeKey key{};
  std::memcpy(key.words, kStateBlockKey.data(), kStateBlockKey.size());
  key.bytes = static_cast<uint32_t>(kStateBlockKey.size());
  return key;
}

template <typename Scalar>
class HostOperations final : public Operations<Scalar> {
 public:
  explicit HostOperations(int64_t memory_bytes = int64_t{1} << 30) : free_bytes_(memory_bytes) {}

  void* allocate(int64_t bytes) override {
    const int64_t size = (bytes + 255) / 256 * 256;
    if (size > free_bytes_) throw BackendFailure("no memory is left");
    free_bytes_ -= size;
    auto* memory = static_cast<char*>(::operator new(static_cast<size_t>(size), std::align_val_t{256}));
    std::memset(memory, 0, static_cast<size_t>(size));
    memory_.emplace_back(memory);
    return memory;
  }
  void upload(void* to, const void* from, int64_t bytes) override {
    std::memcpy(to, from, static_cast<size_t>(bytes));
  }
  void download(void* to, const void* from, int64_t bytes) override {
    std::memcpy(to, from, static_cast<size_t>(bytes));
  }
  void clear(void* to, int64_t bytes) override { std::memset(to, 0, static_cast<size_t>(bytes)); }
  void begin_part(DeviceStepPart) override {}
  void measure_parts(bool) override {}
  std::vector<double> take_part_seconds() override { return {}; }

  void multiply(DeviceProduct kind, const DeviceProductSize& size, const Scalar* a, const Scalar* b,
                Scalar* c, const Scalar* added) override {
    for_products(kind, size, a, b, [&](int64_t at, float value) {
      assign(c[at], added == nullptr ? value : to_f32(added[at]) + value);
    });
  }
  void multiply_to_f32(DeviceProduct kind, const DeviceProductSize& size, const Scalar* a, const Scalar* b,
                       float* c, bool accumulate) override {
    for_products(kind, size, a, b,
                 [&](int64_t at, float value) { c[at] = accumulate ? c[at] + value : value; });
  }

  void round(const float* from, Scalar* to, int64_t count) override {
    for (int64_t i = 0; i < count; ++i) assign(to[i], from[i]);
  }
  void embed(const Embedding<Scalar>& embedding, int64_t tokens) override {
    for (int64_t i = 0; i < tokens * embedding.width; ++i) embed_pack<1>(embedding, i);
  }
  void embed_backward(const EmbeddingBackward<Scalar>& embedding) override {
    for (int64_t i = 0; i < embedding.count * embedding.width; ++i) embed_backward_pack<1>(embedding, i);
  }
  void norm_forward(const NormForward<Scalar>& norm, int64_t rows) override {
    for (int64_t row = 0; row < rows; ++row) norm_forward_row<1, kMostWidth>(norm, row, one_);
  }
  void norm_backward(NormBackward<Scalar> norm, float* d_weight, bool accumulate) override {
    norm.rows_a_block = norm_rows_a_block(norm.rows);
    const int64_t blocks = norm_block_count(norm.rows);
    for (int64_t block = 0; block < blocks; ++block) norm_backward_block<1, kMostWidth>(norm, block, one_);
    for (int64_t column = 0; column < norm.width; ++column) {
      sum_column(norm.weight_partials, blocks, norm.width, column, d_weight, accumulate);
    }
  }
  void rotate(const Rope<Scalar>& rope) override {
    const DeviceAttentionShape& shape = rope.shape;
    const int64_t items = shape.tokens() * (shape.heads + shape.kv_heads) * (shape.head_dim / 2);
    for (int64_t i = 0; i < items; ++i) rotate_pairs<1>(rope, i);
  }
  void attention_forward(const DeviceAttention<Scalar>& attention) override {
    const DeviceAttentionShape& shape = attention.shape;
    scratch_.resize(static_cast<size_t>(attention_scratch(shape)));
    for (int64_t i = 0; i < shape.tokens() * shape.heads; ++i) {
      attention_forward_row(attention, i, scratch_.data(), one_);
    }
  }
  void attention_backward(const DeviceAttention<Scalar>& attention) override {
    const DeviceAttentionShape& shape = attention.shape;
    scratch_.resize(static_cast<size_t>(attention_scratch(shape)));
    for (int64_t i = 0; i < shape.tokens() * shape.heads; ++i) {
      attention_backward_query(attention, i, scratch_.data(), one_);
    }
    for (int64_t i = 0; i < shape.tokens() * shape.kv_heads; ++i) {
      attention_backward_key(attention, i, scratch_.data(), one_);
    }
  }
  void swiglu_forward(const Swiglu<Scalar>& swiglu, int64_t rows) override {
    for (int64_t i = 0; i < rows * swiglu.width; ++i) swiglu_forward_pack<1>(swiglu, i);
  }
  void swiglu_backward(const Swiglu<Scalar>& swiglu, int64_t rows) override {
    for (int64_t i = 0; i < rows * swiglu.width; ++i) swiglu_backward_pack<1>(swiglu, i);
  }
  void cross_entropy(const DeviceCrossEntropy<Scalar>& rows, int64_t count) override {
    for (int64_t row = 0; row < count; ++row) cross_entropy_row<1>(rows, row, one_);
  }
  void gather_rows(const GatherRows<Scalar>& gather, int64_t count) override {
    for (int64_t i = 0; i < count * gather.width; ++i) gather_pack<1>(gather, i);
  }
  void adamw(const AdamwStep<Scalar>& step, int64_t count) override {
    for (int64_t i = 0; i < count; ++i) adamw_pack<1>(step, i);
  }

  void sum(const double* values, int64_t count, double* total, bool add) override {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += values[i];
    *total = add ? *total + sum : sum;
  }
  void sum_squares(const float* values, int64_t count, double* total) override {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i)
      sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
    *total = sum;
  }
  std::vector<Hash256> hash_blocks(std::span<const DeviceHashBlock> blocks) override {
    std::vector<Hash256> hashes;
    for (const DeviceHashBlock& block : blocks) {
      uint64_t words[4];
      blake2b_256_of_values(state_block_key(), block.values, block.count, words);
      std::memcpy(hashes.emplace_back().bytes.data(), words, sizeof(words));
    }
    return hashes;
  }

 private:
  static constexpr int kMostWidth = 1024;  // of a row that a norm can have here
  struct Release {
    void operator()(char* memory) const { ::operator delete(memory, std::align_val_t{256}); }
  };

  template <typename Store>
  void for_products(DeviceProduct kind, const DeviceProductSize& size, const Scalar* a, const Scalar* b,
                    const Store& store) {
    const bool a_turned = kind == DeviceProduct::kAtB;
    const bool b_turned = kind == DeviceProduct::kABt;
    const int64_t a_row = size.a_row != 0 ? size.a_row : (a_turned ? size.m : size.k);
    const int64_t c_row = size.c_row != 0 ? size.c_row : size.n;
    for (int64_t i = 0; i < size.m; ++i) {
      for (int64_t j = 0; j < size.n; ++j) {
        float sum = 0;
        for (int64_t l = 0; l < size.k; ++l) {
          sum += to_f32(a_turned ? a[l * a_row + i] : a[i * a_row + l]) *
                 to_f32(b_turned ? b[j * size.k + l] : b[l * size.n + j]);
        }
        store(i * c_row + j, sum);
      }
    }
  }

  int64_t free_bytes_;
  std::vector<std::unique_ptr<char, Release>> memory_;
  std::vector<float> scratch_;
  OneThread one_;
};

}  // namespace templar
