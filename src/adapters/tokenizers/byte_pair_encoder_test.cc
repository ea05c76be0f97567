#include "adapters/tokenizers/byte_pair_encoder.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <utility>

#include "base/random.h"

namespace templar::testing {
namespace {

constexpr uint32_t kNever = 1'000'000;

// A model of random merges of letters, of which some make what others make too.
TokenizerJson random_model(Random& random, bool is_byte_level) {
  TokenizerJson model;
  if (is_byte_level) model.pre_tokenizers.emplace_back(TokenizerJson::ByteLevel{});
  std::map<std::string, uint32_t> ids;
  const auto id_of = [&](const std::string& text) {
    const auto [place, is_new] = ids.emplace(text, static_cast<uint32_t>(model.vocab.size()));
    if (is_new) model.vocab.emplace_back(text);
    return place->second;
  };
  for (const char letter : std::string("abcdef")) id_of(std::string(1, letter));
  std::set<std::pair<uint32_t, uint32_t>> pairs;
  while (model.merges.size() < 60) {
    const auto left = static_cast<uint32_t>(random.below(model.vocab.size()));
    const auto right = static_cast<uint32_t>(random.below(model.vocab.size()));
    if (model.vocab[left]->size() + model.vocab[right]->size() > 7 || !pairs.emplace(left, right).second)
      continue;
    model.merges.push_back({left, right, id_of(*model.vocab[left] + *model.vocab[right])});
  }
  for (size_t i = 1; i < model.merges.size(); ++i)
    std::swap(model.merges[i], model.merges[random.below(i + 1)]);
  return model;
}

// As the definition goes: the pair with the lowest rank, the leftmost of it, again and again.
std::vector<uint32_t> merged_by_definition(const TokenizerJson& model, const std::string& text) {
  std::vector<uint32_t> ids;
  for (const char letter : text) ids.push_back(static_cast<uint32_t>(letter - 'a'));
  for (;;) {
    size_t best_rank = model.merges.size();
    size_t best = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      for (size_t rank = 0; rank < best_rank; ++rank) {
        if (model.merges[rank].left != ids[i] || model.merges[rank].right != ids[i + 1]) continue;
        best_rank = rank;
        best = i;
      }
    }
    if (best_rank == model.merges.size()) return ids;
    ids[best] = model.merges[best_rank].merged;
    ids.erase(ids.begin() + static_cast<ptrdiff_t>(best) + 1);
  }
}

TEST(BytePairEncoder, MergesAsItsDefinitionDoes) {
  Random random(1);
  for (int round = 0; round < 40; ++round) {
    const TokenizerJson model = random_model(random, round % 2 == 0);
    const BytePairEncoder encoder(model, kNever);
    for (int i = 0; i < 60; ++i) {
      // Short ones, and those that are too long for looking at each pair.
      std::string text(1 + random.below(i % 4 == 0 ? 300 : 12), ' ');
      for (char& letter : text) letter = static_cast<char>('a' + random.below(6));
      const std::vector<uint32_t> wanted = merged_by_definition(model, text);
      // Twice: the second time it is known whether the text is a token that comes of itself.
      for (int again = 0; again < 2; ++again) {
        std::vector<uint32_t> ids;
        encoder.append(text, ids);
        EXPECT_EQ(ids, wanted) << text;
      }
    }
  }
}

TEST(BytePairEncoder, TakesLongPiecesInTheirOwnTime) {
  Random random(2);
  const TokenizerJson model = random_model(random, true);
  const BytePairEncoder encoder(model, kNever);
  std::string text(2'000'000, ' ');
  for (char& letter : text) letter = static_cast<char>('a' + random.below(6));
  std::vector<uint32_t> ids;
  encoder.append(text, ids);
  std::string joined;
  for (const uint32_t id : ids) joined += *model.vocab[id];
  EXPECT_EQ(joined, text);
}

}  // namespace
}  // namespace templar::testing
