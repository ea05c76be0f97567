#include "support/communications.h"

#include <gtest/gtest.h>

#include "core/protocol/object_keys.h"
#include "core/run/window_plan.h"

namespace templar::testing {
namespace {

TEST(CommunicationsFixture, RegistersItsNodesWithTheirKeys) {
  const Communications communications({.miners = 4, .validators = 2});
  const auto registrations = communications.ledger.registrations();
  ASSERT_TRUE(registrations.has_value());
  ASSERT_EQ(registrations->size(), 6u);
  EXPECT_EQ(communications.validator_uids(), (std::vector<uint32_t>{0, 1}));
  EXPECT_EQ(communications.miner_uids(), (std::vector<uint32_t>{2, 3, 4, 5}));
  EXPECT_GT(registrations->at(0).stake, registrations->at(1).stake);
  for (const Registration& registration : *registrations) {
    EXPECT_EQ(registration.key, communications.key(registration.uid).public_key());
  }
}

TEST(CommunicationsFixture, EntersWindowsBlockByBlock) {
  Communications communications;
  const NetworkSpec& network = communications.model.spec.network;
  EXPECT_EQ(communications.clock.now_ms(), 0);
  communications.enter_window(2);
  const auto latest = communications.ledger.latest_block();
  ASSERT_TRUE(latest.has_value() && latest->has_value());
  EXPECT_EQ((*latest)->number, 2 * network.blocks_per_window);
  EXPECT_EQ(window_of_block(network, (*latest)->number), 2);
  EXPECT_EQ(communications.clock.now_ms(), 2 * network.blocks_per_window * network.block_seconds * 1000);
}

TEST(CommunicationsFixture, PublishesContributionsThatTheParserAccepts) {
  Communications communications;
  communications.enter_window(1);
  const uint32_t uid = communications.miner_uids().front();
  communications.publish_contribution(uid, 1);

  const RunSpec& spec = communications.model.spec;
  const Registration registration = communications.registration(uid);
  const auto info = communications.store.head(registration.bucket, contribution_key(1));
  ASSERT_TRUE(info.has_value() && info->has_value());
  EXPECT_EQ((*info)->stored_at_ms, communications.clock.now_ms());
  auto bytes = communications.store.get(registration.bucket, contribution_key(1), 1 << 20);
  ASSERT_TRUE(bytes.has_value()) << bytes.error().message;
  const auto contribution = parse_contribution(*std::move(bytes), communications.model.layout, spec.codec);
  ASSERT_TRUE(contribution.has_value()) << contribution.error().message;
  const Verdict verdict = check_contribution(
      *contribution, {.run_id = run_id(spec), .window = 1, .uid = uid, .public_key = registration.key});
  EXPECT_TRUE(verdict.accepted()) << verdict.reason;
}

TEST(CommunicationsFixture, ClosesAWindowWhenItsTimeIsOver) {
  Communications communications;
  communications.close_window(1);
  const NetworkSpec& network = communications.model.spec.network;
  const int64_t next_window_ms = 2 * network.blocks_per_window * network.block_seconds * 1000;
  EXPECT_GT(communications.clock.now_ms(), next_window_ms + network.put_window_seconds * 1000);
}

TEST(CommunicationsFixture, HasDataThatItsModelCanRead) {
  const Communications communications;
  const RunSpec& spec = communications.model.spec;
  EXPECT_EQ(communications.shards->sequence_length(), static_cast<uint64_t>(spec.inner.sequence_length));
  const auto shard = communications.shards->open_shard(0);
  ASSERT_TRUE(shard.has_value());
  EXPECT_GE(shard->sample_count(), static_cast<uint64_t>(spec.inner.samples_per_window()));
  for (const uint32_t token : shard->sample(0)) EXPECT_LT(token, spec.model.vocab_size);
  EXPECT_TRUE(communications.shards->open_heldout().has_value());
}

TEST(CommunicationsFixture, SealsAnotherContributionForEveryMinerAndWindow) {
  const Communications communications;
  const Bytes contribution = communications.sealed_contribution(1, 0);
  EXPECT_EQ(communications.sealed_contribution(1, 0), contribution);
  EXPECT_NE(communications.sealed_contribution(2, 0), contribution);
  EXPECT_NE(communications.sealed_contribution(1, 1), contribution);
}

}  // namespace
}  // namespace templar::testing
