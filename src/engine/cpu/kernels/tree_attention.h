// Attention of a token tree, forward only: a node's tokens see themselves and the nodes above.
#pragma once

#include <cstdint>

#include "engine/cpu/kernels/attention.h"
#include "engine/text/token_tree.h"

namespace templar {

// qkv and out are attention's, [rows, ...], row by row as the tree's tokens. shape: heads alone, batch and
// sequence are not read.
template <typename Scalar>
struct TreeAttention {
  AttentionShape shape;
  const TokenTree* tree;
  const Scalar* qkv;
  const RopeTable* rope;
  Scalar* out;
};

// Of the nodes [node_begin, node_end) and the query heads that read that key head. What is computed for a
// node does not depend on the range. The tree's longest way down must fit the scratch memory.
void tree_attention(const TreeAttention<float>& attention, size_t node_begin, size_t node_end,
                    int64_t kv_head, AttentionScratch& scratch);
void tree_attention(const TreeAttention<Bf16>& attention, size_t node_begin, size_t node_end, int64_t kv_head,
                    AttentionScratch& scratch);

}  // namespace templar
