// What every ShardSource promises. A test program instantiates the suite with its own way of making one:
//   INSTANTIATE_TEST_SUITE_P(Memory, ShardSourceContract, ::testing::Values(&make_memory_source));
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "ports/shard_source.h"

namespace templar::testing {

// Makes a source with the given content; what it needs besides (a folder) lives until the test program ends.
using ShardSourceFactory = std::function<std::unique_ptr<ShardSource>(const MemoryShardSourceContent&)>;

class ShardSourceContract : public ::testing::TestWithParam<ShardSourceFactory> {
 protected:
  static void expect_shard(const Shard& shard, const ShardContent& content, uint64_t sequence_length) {
    ASSERT_EQ(shard.sample_count(), content.sample_ids.size());
    EXPECT_EQ(shard.sequence_length(), sequence_length);
    for (uint64_t i = 0; i < shard.sample_count(); ++i) {
      const auto begin = content.tokens.begin() + static_cast<std::ptrdiff_t>(i * sequence_length);
      EXPECT_TRUE(std::ranges::equal(shard.sample(i),
                                     std::span(begin, begin + static_cast<std::ptrdiff_t>(sequence_length))));
      EXPECT_EQ(shard.sample_id(i), content.sample_ids[i]);
    }
  }

  MemoryShardSourceContent content_ = random_shard_content(/*seed=*/5, /*shards=*/3, /*samples_per_shard=*/17,
                                                           /*sequence_length=*/12, /*vocab_size=*/300);
};

TEST_P(ShardSourceContract, SaysWhatItHolds) {
  const auto source = GetParam()(content_);
  EXPECT_EQ(source->shard_count(), 3);
  EXPECT_EQ(source->sequence_length(), 12);
  EXPECT_EQ(source->vocab_size(), 300);
  EXPECT_EQ(source->tokenizer_name(), "bytes");
  for (uint64_t i = 0; i < 3; ++i) EXPECT_EQ(source->sample_count(i), 17);
}

TEST_P(ShardSourceContract, GivesEveryTokenAndIdOfEveryShard) {
  const auto source = GetParam()(content_);
  for (uint64_t i = 0; i < 3; ++i) {
    const Result<Shard> shard = source->open_shard(i);
    ASSERT_TRUE(shard) << shard.error().message;
    expect_shard(*shard, content_.shards[i], 12);
  }
}

TEST_P(ShardSourceContract, KeepsTheHeldOutSamplesApart) {
  const auto source = GetParam()(content_);
  const Result<Shard> heldout = source->open_heldout();
  ASSERT_TRUE(heldout) << heldout.error().message;
  expect_shard(*heldout, *content_.heldout, 12);
}

TEST_P(ShardSourceContract, FailsWithSkipWhereNothingIsHeldOut) {
  content_.heldout.reset();
  const auto source = GetParam()(content_);
  const Result<Shard> heldout = source->open_heldout();
  ASSERT_FALSE(heldout);
  EXPECT_EQ(heldout.error().kind, ErrorKind::kSkip);
  EXPECT_FALSE(heldout.error().message.empty());
}

TEST_P(ShardSourceContract, AShardOutlivesItsSource) {
  auto source = GetParam()(content_);
  Result<Shard> shard = source->open_shard(1);
  ASSERT_TRUE(shard) << shard.error().message;
  source.reset();
  const Shard copy = *shard;
  shard = skip_error("gone");
  expect_shard(copy, content_.shards[1], 12);
}

TEST_P(ShardSourceContract, OpensShardsFromManyThreads) {
  const auto source = GetParam()(content_);
  std::vector<int> right(4, 0);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < right.size(); ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 30; ++i) {
        const Result<Shard> shard = source->open_shard(i % 3);
        right[t] += shard && shard->sample_id(i % 17) == content_.shards[i % 3].sample_ids[i % 17] ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, std::vector<int>(4, 30));
}

}  // namespace templar::testing
