// The part of the transformer that predicts with trees of tokens.
#include <algorithm>

#include "base/check.h"
#include "engine/cpu/kernels/tree_attention.h"
#include "engine/cpu/transformer.h"

namespace templar {
namespace {

// Products of few different sizes need compiling if rows are filled up to these: 32, 48, 64, 96, 128, 192,
// ...
constexpr int64_t kFewestRows = 32;

int64_t filled_up(int64_t rows, int64_t most) {
  int64_t size = kFewestRows;
  while (size < rows) size = size % 3 == 0 ? size / 3 * 4 : size / 2 * 3;
  return std::min(size, most);
}

// Parts of a key head's attention: enough that all members of the team have some.
constexpr size_t kPartsAMember = 4;

// Where each part of the tree's nodes begins, with about as many rows in each, and where the last one ends.
std::vector<size_t> cut_nodes(const TokenTree& tree, size_t parts) {
  std::vector<size_t> cuts = {0};
  for (size_t node = 1; node < tree.nodes.size(); ++node) {
    const size_t row = tree.nodes[node].row;
    if (row * parts >= cuts.size() * tree.tokens.size()) cuts.push_back(node);
  }
  cuts.push_back(tree.nodes.size());
  return cuts;
}

}  // namespace

template <typename Scalar>
void Transformer<Scalar>::attend_tree(const TokenTree& tree, LayerActivations& layer) {
  const AttentionShape shape{1, tree.longest, model_.num_attention_heads, model_.num_key_value_heads,
                             model_.head_width()};
  const TreeAttention<Scalar> attention{shape, &tree, layer.qkv.data(), &rope_, layer.attended.data()};
  const size_t members = team_.threads();
  const size_t kv_heads = shape.kv_heads;
  const std::vector<size_t> cuts = cut_nodes(tree, (members * kPartsAMember + kv_heads - 1) / kv_heads);
  const size_t units = (cuts.size() - 1) * kv_heads;
  team_.run([&](int member) {
    for (size_t unit = member; unit < units; unit += members) {
      const size_t part = unit / kv_heads;
      tree_attention(attention, cuts[part], cuts[part + 1], unit % kv_heads, scratches_[member]);
    }
  });
}

template <typename Scalar>
auto Transformer<Scalar>::predict(const Weights& weights, const TokenTree& tree)
    -> std::vector<TokenProbability> {
  const auto capacity = std::ssize(b_.losses);
  CHECK(std::ssize(tree.tokens) <= capacity);
  std::vector<uint32_t> filled = tree.tokens;
  filled.resize(filled_up(std::ssize(filled), capacity));
  forward_rows(weights, filled, [&](LayerActivations& layer) { attend_tree(tree, layer); });

  std::vector<TokenProbability> probabilities(tree.predictions.size());
  const std::span<const TokenTree::Prediction> predictions = tree.predictions;
  for (size_t begin = 0; begin < predictions.size();) {
    size_t end = begin;
    for (int64_t rows = 0; end < predictions.size(); ++end) {
      const bool is_new = end == begin || predictions[end].row != predictions[end - 1].row;
      if (is_new && rows++ == head_rows_) break;
    }
    predict_rows(weights, predictions.subspan(begin, end - begin),
                 std::span(probabilities).subspan(begin, end - begin));
    begin = end;
  }
  return probabilities;
}

// The predictions are from at most head_rows_ different rows.
template <typename Scalar>
void Transformer<Scalar>::predict_rows(const Weights& weights,
                                       std::span<const TokenTree::Prediction> predictions,
                                       std::span<TokenProbability> out) {
  std::vector<int64_t> rows;
  std::vector<size_t> first_of_row;
  for (size_t i = 0; i < predictions.size(); ++i) {
    if (!rows.empty() && rows.back() == predictions[i].row) continue;
    rows.push_back(predictions[i].row);
    first_of_row.push_back(i);
  }
  first_of_row.push_back(predictions.size());
  gather_normed(rows);
  const int64_t row_length = padded_row(model_.vocab_size);
  product(StepPart::kHeadProducts, ProductKind::kABt,
          {filled_up(std::ssize(rows), head_rows_), model_.vocab_size, model_.hidden_size},
          b_.d_normed.data(), weights.head, b_.logits.data(), false, {.c = row_length});
  const PartTimer timer(profile_, StepPart::kCrossEntropy);
  team_.for_ranges(rows.size(), 1, [&](size_t begin, size_t end) {
    for (size_t row = begin; row < end; ++row) {
      const float* logits = b_.logits.data() + row * row_length;
      const RowLikelihood likelihood = row_likelihood({logits, static_cast<size_t>(model_.vocab_size)});
      for (size_t i = first_of_row[row]; i < first_of_row[row + 1]; ++i) {
        const uint32_t target = predictions[i].target;
        out[i] = {static_cast<double>(logits[target]) - likelihood.log_sum,
                  target == likelihood.most_probable};
      }
    }
  });
}

// Side by side into d_normed, which is free outside a backward pass.
template <typename Scalar>
void Transformer<Scalar>::gather_normed(std::span<const int64_t> rows) {
  const int64_t hidden = model_.hidden_size;
  team_.for_ranges(rows.size(), 16, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      std::copy_n(b_.normed.data() + rows[i] * hidden, hidden, b_.d_normed.data() + i * hidden);
    }
  });
}

template void Transformer<float>::attend_tree(const TokenTree&, LayerActivations&);
template void Transformer<Bf16>::attend_tree(const TokenTree&, LayerActivations&);
template auto Transformer<float>::predict(const Weights&, const TokenTree&) -> std::vector<TokenProbability>;
template auto Transformer<Bf16>::predict(const Weights&, const TokenTree&) -> std::vector<TokenProbability>;

}  // namespace templar
