#include "support/test_ports.h"

#include <gtest/gtest.h>

#include "core/run/window_plan.h"

namespace templar::testing {
namespace {

TEST(TestPortsFixture, RegistersItsNodesWithTheirKeys) {
  const TestPorts ports({.miners = 4, .validators = 2});
  const auto registrations = ports.ledger.registrations();
  ASSERT_TRUE(registrations.has_value());
  ASSERT_EQ(registrations->size(), 6u);
  EXPECT_EQ(ports.validator_uids(), (std::vector<uint32_t>{0, 1}));
  EXPECT_EQ(ports.miner_uids(), (std::vector<uint32_t>{2, 3, 4, 5}));
  EXPECT_GT(registrations->at(0).stake, registrations->at(1).stake);
  for (const Registration& registration : *registrations) {
    EXPECT_EQ(registration.key, ports.key(registration.uid).public_key());
  }
}

TEST(TestPortsFixture, EntersWindowsBlockByBlock) {
  TestPorts ports;
  const NetworkSpec& network = ports.run.spec.network;
  EXPECT_EQ(ports.clock.now_ms(), 0);
  ports.enter_window(2);
  const auto latest = ports.ledger.latest_block();
  ASSERT_TRUE(latest.has_value() && latest->has_value());
  EXPECT_EQ((*latest)->number, 2 * network.blocks_per_window);
  EXPECT_EQ(window_of_block(network, (*latest)->number), 2);
  EXPECT_EQ(ports.clock.now_ms(), 2 * network.blocks_per_window * network.block_seconds * 1000);
}

TEST(TestPortsFixture, PublishesContributionsThatTheParserAccepts) {
  TestPorts ports;
  ports.enter_window(1);
  const uint32_t uid = ports.miner_uids().front();
  ports.publish_contribution(uid, 1);

  const RunSpec& spec = ports.run.spec;
  const Registration registration = ports.registration(uid);
  const auto info = ports.store.head(registration.bucket, contribution_key(1));
  ASSERT_TRUE(info.has_value() && info->has_value());
  EXPECT_EQ((*info)->stored_at_ms, ports.clock.now_ms());
  auto bytes = ports.store.get(registration.bucket, contribution_key(1), 1 << 20);
  ASSERT_TRUE(bytes.has_value()) << bytes.error().message;
  const auto contribution = parse_contribution(*std::move(bytes), ports.run.layout, spec.codec);
  ASSERT_TRUE(contribution.has_value()) << contribution.error().message;
  const Verdict verdict = check_contribution(
      *contribution, {.run_id = run_id(spec), .window = 1, .uid = uid, .public_key = registration.key});
  EXPECT_TRUE(verdict.accepted()) << verdict.reason;
}

TEST(TestPortsFixture, ClosesAWindowWhenItsTimeIsOver) {
  TestPorts ports;
  ports.close_window(1);
  const NetworkSpec& network = ports.run.spec.network;
  const int64_t next_window_ms = 2 * network.blocks_per_window * network.block_seconds * 1000;
  EXPECT_GT(ports.clock.now_ms(), next_window_ms + network.put_window_seconds * 1000);
}

TEST(TestPortsFixture, HasDataThatItsModelCanRead) {
  const TestPorts ports;
  const RunSpec& spec = ports.run.spec;
  EXPECT_EQ(ports.shards->sequence_length(), static_cast<uint64_t>(spec.inner.sequence_length));
  const auto shard = ports.shards->open_shard(0);
  ASSERT_TRUE(shard.has_value());
  EXPECT_GE(shard->sample_count(), static_cast<uint64_t>(spec.inner.samples_per_window()));
  for (const uint32_t token : shard->sample(0)) EXPECT_LT(token, spec.model.vocab_size);
  EXPECT_TRUE(ports.shards->open_heldout().has_value());
}

TEST(TestPortsFixture, SealsAnotherContributionForEveryMinerAndWindow) {
  const TestPorts ports;
  const Bytes contribution = ports.sealed_contribution(1, 0);
  EXPECT_EQ(ports.sealed_contribution(1, 0), contribution);
  EXPECT_NE(ports.sealed_contribution(2, 0), contribution);
  EXPECT_NE(ports.sealed_contribution(1, 1), contribution);
}

}  // namespace
}  // namespace templar::testing
