// Token sequences that begin alike, packed so that what they share is computed once: a question with its
// choices, questions behind the same examples.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/engine.h"

namespace templar {

// Rows of tokens as a tree: a node's tokens follow those of its parent. Each token attends to the tokens of
// its own node up to itself and to all of the nodes above.
struct TokenTree {
  struct Node {
    int64_t parent = -1;   // its index, below this node's own; -1: none
    int64_t position = 0;  // of its first token in the sequences that go through it
    int64_t row = 0;       // of its first token in `tokens`
    int64_t count = 0;     // of its tokens, >= 1
    [[nodiscard]] int64_t end() const { return position + count; }
  };
  // A token to be predicted from what stands in that row and before it.
  struct Prediction {
    int64_t row = 0;
    uint32_t target = 0;
    size_t sequence = 0;  // as numbered by the caller
  };

  std::vector<uint32_t> tokens;         // the nodes' own, side by side in their order
  std::vector<Node> nodes;              // depth first
  std::vector<Prediction> predictions;  // ascending by row
  int64_t longest = 0;                  // tokens on the longest way down
};

// The order in which sequences that begin alike are neighbours: indices into sequences.
[[nodiscard]] std::vector<size_t> tree_order(std::span<const ScoredSequence> sequences);

// How many of `order`, from `first` on, fit a tree of at most max_rows tokens; at least one where each alone
// fits.
[[nodiscard]] size_t fitting_sequences(std::span<const ScoredSequence> sequences,
                                       std::span<const size_t> order, size_t first, int64_t max_rows);

// The tree of sequences[order[i]], order as tree_order or a part of it. A sequence's last token is only
// predicted, so it has no row.
[[nodiscard]] TokenTree make_token_tree(std::span<const ScoredSequence> sequences,
                                        std::span<const size_t> order);

}  // namespace templar
