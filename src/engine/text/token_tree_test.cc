#include "engine/text/token_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace templar {
namespace {

using ::testing::ElementsAre;

using Tokens = std::vector<uint32_t>;

// Each sequence with its number of context tokens.
class Sequences {
 public:
  explicit Sequences(std::vector<std::pair<Tokens, int64_t>> sequences) : storage_(std::move(sequences)) {
    for (const auto& [tokens, context] : storage_) scored_.push_back({tokens, context});
    order_ = tree_order(scored_);
  }
  [[nodiscard]] TokenTree tree() const { return make_token_tree(scored_, order_); }
  [[nodiscard]] std::vector<size_t> fitting(int64_t max_rows) const {
    std::vector<size_t> counts;
    for (size_t first = 0; first < order_.size(); first += counts.back()) {
      counts.push_back(fitting_sequences(scored_, order_, first, max_rows));
    }
    return counts;
  }

 private:
  std::vector<std::pair<Tokens, int64_t>> storage_;
  std::vector<ScoredSequence> scored_;
  std::vector<size_t> order_;
};

// "parent position row count" of each node.
std::vector<std::string> nodes_of(const TokenTree& tree) {
  std::vector<std::string> nodes;
  for (const TokenTree::Node& node : tree.nodes) {
    nodes.push_back(std::to_string(node.parent) + " " + std::to_string(node.position) + " " +
                    std::to_string(node.row) + " " + std::to_string(node.count));
  }
  return nodes;
}

// "row target sequence" of each prediction.
std::vector<std::string> predictions_of(const TokenTree& tree) {
  std::vector<std::string> predictions;
  for (const TokenTree::Prediction& prediction : tree.predictions) {
    predictions.push_back(std::to_string(prediction.row) + " " + std::to_string(prediction.target) + " " +
                          std::to_string(prediction.sequence));
  }
  return predictions;
}

TEST(TokenTree, HoldsWhatChoicesShareOnce) {
  // The context 1 2 3 with the choices 8 9 and 7 6 5; the last token of each is only predicted.
  const TokenTree tree = Sequences({{{1, 2, 3, 8, 9}, 3}, {{1, 2, 3, 7, 6, 5}, 3}}).tree();
  EXPECT_THAT(tree.tokens, ElementsAre(1, 2, 3, 7, 6, 8));
  EXPECT_THAT(nodes_of(tree), ElementsAre("-1 0 0 3", "0 3 3 2", "0 3 5 1"));
  EXPECT_THAT(predictions_of(tree), ElementsAre("2 7 1", "2 8 0", "3 6 1", "4 5 1", "5 9 0"));
  EXPECT_EQ(tree.longest, 5);
}

TEST(TokenTree, NeedsNoRowOfTheirOwnForChoicesOfOneToken) {
  const TokenTree tree = Sequences({{{1, 2, 30}, 2}, {{1, 2, 31}, 2}, {{1, 2, 32}, 2}}).tree();
  EXPECT_THAT(tree.tokens, ElementsAre(1, 2));
  EXPECT_THAT(predictions_of(tree), ElementsAre("1 30 0", "1 31 1", "1 32 2"));
}

TEST(TokenTree, BranchesWhereverSequencesPart) {
  // Two questions (2 and 3) behind the same example (1 1), with two choices each.
  const TokenTree tree =
      Sequences({{{1, 1, 2, 5, 6}, 3}, {{1, 1, 3, 5, 6}, 3}, {{1, 1, 2, 7, 6}, 3}, {{1, 1, 3, 7, 6}, 3}})
          .tree();
  EXPECT_THAT(tree.tokens, ElementsAre(1, 1, 2, 5, 7, 3, 5, 7));
  EXPECT_THAT(nodes_of(tree),
              ElementsAre("-1 0 0 2", "0 2 2 1", "1 3 3 1", "1 3 4 1", "0 2 5 1", "4 3 6 1", "4 3 7 1"));
}

TEST(TokenTree, TakesASequenceThatIsTheBeginningOfAnother) {
  const TokenTree tree = Sequences({{{4, 5, 6, 7}, 1}, {{4, 5, 6}, 2}}).tree();
  EXPECT_THAT(tree.tokens, ElementsAre(4, 5, 6));
  EXPECT_THAT(nodes_of(tree), ElementsAre("-1 0 0 2", "0 2 2 1"));
  EXPECT_THAT(predictions_of(tree), ElementsAre("0 5 0", "1 6 1", "1 6 0", "2 7 0"));
}

TEST(TokenTree, HasSeveralRootsWhereNothingIsShared) {
  const TokenTree tree = Sequences({{{9, 1, 2}, 1}, {{3, 1, 2}, 1}}).tree();
  EXPECT_THAT(tree.tokens, ElementsAre(3, 1, 9, 1));
  EXPECT_THAT(nodes_of(tree), ElementsAre("-1 0 0 2", "-1 0 2 2"));
}

TEST(TokenTree, IsCutWhereNoMoreRowsFit) {
  // In order: 1 2 3 | 5 (4 rows), then 2 more for "8 9", then 4 of another root.
  const Sequences sequences({{{1, 2, 3, 5, 0}, 3}, {{1, 2, 3, 8, 9, 0}, 3}, {{2, 2, 2, 2, 0}, 3}});
  EXPECT_THAT(sequences.fitting(4), ElementsAre(1, 1, 1));
  EXPECT_THAT(sequences.fitting(6), ElementsAre(2, 1));
  EXPECT_THAT(sequences.fitting(9), ElementsAre(2, 1));
  EXPECT_THAT(sequences.fitting(10), ElementsAre(3));
}

}  // namespace
}  // namespace templar
