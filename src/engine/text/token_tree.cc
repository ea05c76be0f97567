#include "engine/text/token_tree.h"

#include <algorithm>
#include <numeric>

namespace templar {
namespace {

// The tokens that a forward pass reads: the last one is only predicted.
std::span<const uint32_t> inputs_of(const ScoredSequence& sequence) {
  return sequence.tokens.first(sequence.tokens.size() - 1);
}

size_t common_prefix(std::span<const uint32_t> a, std::span<const uint32_t> b) {
  return std::ranges::mismatch(a, b).in1 - a.begin();
}

class TreeBuilder {
 public:
  TreeBuilder(std::span<const ScoredSequence> sequences, std::span<const size_t> order)
      : sequences_(sequences), order_(order) {}

  TokenTree build() {
    // Where the root's sequences don't begin alike, there are several trees.
    add_groups(0, order_.size(), 0, -1);
    std::ranges::stable_sort(tree_.predictions, {}, &TokenTree::Prediction::row);
    return std::move(tree_);
  }

 private:
  [[nodiscard]] std::span<const uint32_t> inputs(size_t index) const {
    return inputs_of(sequences_[order_[index]]);
  }

  // Sequences [begin, end) of the order are alike before `depth`: one node for each different token there.
  void add_groups(size_t begin, size_t end, size_t depth, int64_t parent) {
    while (begin < end && inputs(begin).size() == depth) ++begin;  // the shorter ones come first
    while (begin < end) {
      const uint32_t token = inputs(begin)[depth];
      size_t group_end = begin + 1;
      while (group_end < end && inputs(group_end)[depth] == token) ++group_end;
      add_node(begin, group_end, depth, parent);
      begin = group_end;
    }
  }

  // The order is lexicographic, so what the first and the last share, all of them do. A way down is never
  // longer than its tokens, which bounds the recursion.
  void add_node(size_t begin, size_t end, size_t depth, int64_t parent) {
    const size_t shared = common_prefix(inputs(begin), inputs(end - 1));
    const auto index = std::ssize(tree_.nodes);
    const auto row = std::ssize(tree_.tokens);
    tree_.nodes.push_back({.parent = parent,
                           .position = static_cast<int64_t>(depth),
                           .row = row,
                           .count = static_cast<int64_t>(shared - depth)});
    const auto own = inputs(begin).subspan(depth, shared - depth);
    tree_.tokens.insert(tree_.tokens.end(), own.begin(), own.end());
    tree_.longest = std::max<int64_t>(tree_.longest, shared);
    for (size_t i = begin; i < end; ++i) add_predictions(order_[i], depth, shared, row);
    add_groups(begin, end, shared, index);
  }

  // Those made from the tokens [from, to) of a sequence, which stand in the rows from `row` on.
  void add_predictions(size_t sequence, size_t from, size_t to, int64_t row) {
    const ScoredSequence& scored = sequences_[sequence];
    for (size_t position = std::max(from, static_cast<size_t>(scored.context) - 1); position < to;
         ++position) {
      tree_.predictions.push_back(
          {row + static_cast<int64_t>(position - from), scored.tokens[position + 1], sequence});
    }
  }

  std::span<const ScoredSequence> sequences_;
  std::span<const size_t> order_;
  TokenTree tree_;
};

}  // namespace

std::vector<size_t> tree_order(std::span<const ScoredSequence> sequences) {
  std::vector<size_t> order(sequences.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) {
    return std::ranges::lexicographical_compare(inputs_of(sequences[a]), inputs_of(sequences[b]));
  });
  return order;
}

size_t fitting_sequences(std::span<const ScoredSequence> sequences, std::span<const size_t> order,
                         size_t first, int64_t max_rows) {
  auto rows = std::ssize(inputs_of(sequences[order[first]]));
  size_t count = 1;
  for (; first + count < order.size(); ++count) {
    const auto before = inputs_of(sequences[order[first + count - 1]]);
    const auto next = inputs_of(sequences[order[first + count]]);
    rows += next.size() - common_prefix(before, next);
    if (rows > max_rows) break;
  }
  return count;
}

TokenTree make_token_tree(std::span<const ScoredSequence> sequences, std::span<const size_t> order) {
  return TreeBuilder(sequences, order).build();
}

}  // namespace templar
