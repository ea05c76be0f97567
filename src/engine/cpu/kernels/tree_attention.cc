#include "engine/cpu/kernels/tree_attention.h"

#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/cpu/kernels/tree_attention.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

#include "engine/cpu/kernels/attention-inl.h"

HWY_BEFORE_NAMESPACE();
namespace templar {
namespace HWY_NAMESPACE {

inline constexpr size_t kTransposeGrain = 4;

// One key head's way through the tree. The scratch memory holds the keys and values of one way down, from
// position 0.
template <typename Scalar>
class TreeWalk {
 public:
  TreeWalk(const TreeAttention<Scalar>& attention, int64_t kv_head, AttentionScratch& scratch)
      : attention_(attention),
        tree_(*attention.tree),
        kv_head_(kv_head),
        head_dim_(attention.shape.head_dim),
        head_padded_(padded(head_dim_)),
        wide_(padded(tree_.longest)),
        qkv_row_(attention.shape.qkv_row()),
        scratch_(scratch) {}

  void visit(size_t node) {
    load(node);
    attend(tree_.nodes[node]);
  }

 private:
  [[nodiscard]] HeadSize size_of(int64_t rows) const {
    return {static_cast<size_t>(rows), head_dim_, wide_, head_padded_};
  }

  // Leaves the node and all above it in the scratch memory. Nodes come depth first, so mostly all but the
  // last are there.
  void load(int64_t node) {
    const int64_t parent = tree_.nodes[node].parent;
    while (!loaded_.empty() && loaded_.back() > node) loaded_.pop_back();
    if (!loaded_.empty() && loaded_.back() == node) return;
    if (parent >= 0) load(parent);
    while (!loaded_.empty() && loaded_.back() != parent) loaded_.pop_back();
    pack(tree_.nodes[node]);
    loaded_.push_back(node);
  }

  void pack(const TokenTree::Node& node) {
    const AttentionShape& shape = attention_.shape;
    const size_t begin = node.position;
    const size_t end = node.end();
    const Scalar* keys =
        attention_.qkv + node.row * shape.qkv_row() + (shape.heads + kv_head_) * shape.head_dim;
    const Scalar* values = keys + shape.kv_heads * shape.head_dim;
    const HeadSize size = size_of(node.count);
    pack_rotated(size, *attention_.rope, node.position, keys, qkv_row_, 1.0F,
                 scratch_.keys.data() + begin * head_padded_);
    copy_rows(size, values, qkv_row_, scratch_.values.data() + begin * head_padded_, head_padded_);
    const size_t from = begin / kTransposeGrain * kTransposeGrain;
    transpose(padded(end) - from, head_padded_, scratch_.keys.data() + from * head_padded_, head_padded_,
              scratch_.keys_t.data() + from, wide_);
  }

  void attend(const TokenTree::Node& node) {
    const AttentionShape& shape = attention_.shape;
    const size_t first = node.position;
    const size_t out_row = shape.heads * shape.head_dim;
    const float scale = 1.0F / std::sqrt(static_cast<float>(shape.head_dim));
    const int64_t group = shape.heads / shape.kv_heads;
    for (int64_t head = kv_head_ * group; head < (kv_head_ + 1) * group; ++head) {
      pack_rotated(size_of(node.count), *attention_.rope, node.position,
                   attention_.qkv + node.row * shape.qkv_row() + head * shape.head_dim, qkv_row_, scale,
                   scratch_.queries.data() + first * head_padded_);
      // Nothing reads the sums' logarithms: they go where no forward pass keeps anything.
      forward_head(size_of(node.end()), first, scratch_.queries.data(), scratch_.keys_t.data(),
                   scratch_.values.data(), scratch_.scores.data(), scratch_.d_scores.data(),
                   attention_.out + node.row * shape.heads * shape.head_dim + head * shape.head_dim, out_row,
                   scratch_.d_queries.data());
    }
  }

  const TreeAttention<Scalar>& attention_;
  const TokenTree& tree_;
  int64_t kv_head_;
  size_t head_dim_;
  size_t head_padded_;
  size_t wide_;  // a row of transposed keys and of scores
  size_t qkv_row_;
  AttentionScratch& scratch_;
  std::vector<int64_t> loaded_;  // from the root down
};

template <typename Scalar>
void walk(const TreeAttention<Scalar>& attention, size_t node_begin, size_t node_end, int64_t kv_head,
          AttentionScratch& scratch) {
  TreeWalk<Scalar> tree_walk(attention, kv_head, scratch);
  for (size_t node = node_begin; node < node_end; ++node) tree_walk.visit(node);
}

void tree_attention_f32(const TreeAttention<float>& attention, size_t node_begin, size_t node_end,
                        int64_t kv_head, AttentionScratch& scratch) {
  walk(attention, node_begin, node_end, kv_head, scratch);
}
void tree_attention_bf16(const TreeAttention<Bf16>& attention, size_t node_begin, size_t node_end,
                         int64_t kv_head, AttentionScratch& scratch) {
  walk(attention, node_begin, node_end, kv_head, scratch);
}

}  // namespace HWY_NAMESPACE
}  // namespace templar
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace templar {

HWY_EXPORT(tree_attention_f32);
HWY_EXPORT(tree_attention_bf16);

void tree_attention(const TreeAttention<float>& attention, size_t node_begin, size_t node_end,
                    int64_t kv_head, AttentionScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(tree_attention_f32)(attention, node_begin, node_end, kv_head, scratch);
}
void tree_attention(const TreeAttention<Bf16>& attention, size_t node_begin, size_t node_end, int64_t kv_head,
                    AttentionScratch& scratch) {
  HWY_DYNAMIC_DISPATCH(tree_attention_bf16)(attention, node_begin, node_end, kv_head, scratch);
}

}  // namespace templar
#endif  // HWY_ONCE
