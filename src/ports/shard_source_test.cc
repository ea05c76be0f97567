#include "ports/shard_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "support/contracts/shard_source_contract.h"

namespace templar {
namespace {

using ::testing::HasSubstr;
using testing::ShardSourceContract;

std::unique_ptr<ShardSource> make_memory_source(const MemoryShardSourceContent& content) {
  Result<std::unique_ptr<ShardSource>> source = make_memory_shard_source(content);
  EXPECT_TRUE(source) << source.error().message;
  return std::move(*source);
}

INSTANTIATE_TEST_SUITE_P(Memory, ShardSourceContract, ::testing::Values(&make_memory_source));

std::string error_of(MemoryShardSourceContent content) {
  const Result<std::unique_ptr<ShardSource>> source = make_memory_shard_source(std::move(content));
  return source ? "" : source.error().message;
}

TEST(MemoryShardSource, RefusesContentThatDoesNotFit) {
  const MemoryShardSourceContent good = random_shard_content(1, 2, 3, 4, 10);
  EXPECT_EQ(error_of(good), "");

  MemoryShardSourceContent content = good;
  content.shards.clear();
  EXPECT_THAT(error_of(content), HasSubstr("at least one shard"));

  content = good;
  content.shards[1] = {};
  EXPECT_THAT(error_of(content), HasSubstr("shard 1 is empty"));

  content = good;
  content.shards[1].tokens.pop_back();
  EXPECT_THAT(error_of(content), HasSubstr("shard 1 has 11 tokens for 3 samples of 4"));

  content = good;
  content.heldout->tokens[5] = 10;
  EXPECT_THAT(error_of(content), HasSubstr("held-out shard holds token 10"));

  content = good;
  content.sequence_length = 0;
  EXPECT_THAT(error_of(content), HasSubstr("sequence length"));
}

TEST(RandomShardContent, HasTokensInTheVocabularyAndDistinctIds) {
  const MemoryShardSourceContent content = random_shard_content(1, 3, 100, 8, 50);
  std::set<uint64_t> ids(content.heldout->sample_ids.begin(), content.heldout->sample_ids.end());
  for (const ShardContent& shard : content.shards) {
    ids.insert(shard.sample_ids.begin(), shard.sample_ids.end());
    for (const uint32_t token : shard.tokens) ASSERT_LT(token, 50);
  }
  EXPECT_EQ(ids.size(), 400);
  EXPECT_EQ(content.shards[2].tokens, random_shard_content(1, 3, 100, 8, 50).shards[2].tokens);
  EXPECT_NE(content.shards[2].tokens, random_shard_content(2, 3, 100, 8, 50).shards[2].tokens);
}

}  // namespace
}  // namespace templar
