#include "app/network/network_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/world/node_world.h"
#include "core/protocol/object_keys.h"
#include "support/test_key.h"

namespace templar::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Validator 0 leads, 1 and 2 are miners; a block a second, two a window.
class ViewedNetwork : public ::testing::Test {
 protected:
  ViewedNetwork() {
    spec_.network.owner = test_owner().public_key().hex();
    spec_.network.blocks_per_window = 2;
    spec_.network.block_seconds = 1;
    for (const uint32_t number : {0, 1, 2}) {
      const NodeRole role = number == 0 ? NodeRole::kValidator : NodeRole::kMiner;
      EXPECT_TRUE(writer(number).register_node(
          {.role = role, .key = {}, .bucket = test_bucket(number), .store = ""}));
    }
    OwnerWriter owner(board_, ledger_, test_owner());
    EXPECT_TRUE(owner.set_standing(test_key(0).public_key(), {.stake = 1, .is_founder = true}));
    EXPECT_TRUE(owner.set_standing(test_key(9).public_key(), {.stake = 3}));
    EXPECT_TRUE(timekeeper_.make_block(0));
    EXPECT_TRUE(writer(0).begin_term({.leader = {}, .state_root = root_of(0), .ended_after = {}}).value());
  }

  [[nodiscard]] LedgerWriter writer(uint32_t number) { return {board_, ledger_, test_key(number)}; }
  [[nodiscard]] static Hash256 root_of(int64_t window) {
    return blake2b_256(as_bytes("root " + std::to_string(window)));
  }
  // Ends the window, and decides it: miner 1 counts, if it is to, and miner 2 never.
  void decide(int64_t window, bool takes_miner = true) {
    while (blocks_ <= (window + 1) * 2) {
      clock_.set(blocks_ * 1000);
      EXPECT_TRUE(timekeeper_.make_block(blocks_++ * 1000));
    }
    AggregateRecord record{.run_id = run_id(spec_), .window = window, .state_root = root_of(window)};
    if (takes_miner) record.accepted.push_back({.uid = 1, .content_hash = root_of(0), .size_bytes = 5});
    record.rejected.push_back({.uid = 2, .verdict = invalid_verdict("started from state abc")});
    EXPECT_TRUE(writer(0).decide({.record = record}).value());
    beat(window + 1, root_of(window + 1));
  }
  void beat(int64_t window, const Hash256& root) {
    EXPECT_TRUE(
        writer(0).beat({.block = blocks_ - 1, .window = window, .state_root = root, .software = "x"}));
  }
  void publish(uint32_t number, int64_t window) {
    EXPECT_TRUE(store_.put(test_bucket(number), contribution_key(window), as_bytes("x")));
  }
  [[nodiscard]] NetworkView view() const {
    auto view = read_network(spec_, ledger_, store_, clock_.now_ms());
    EXPECT_TRUE(view) << view.error().message;
    return *std::move(view);
  }
  [[nodiscard]] std::vector<AlarmKind> alarms() const {
    std::vector<AlarmKind> kinds;
    for (const NetworkAlarm& alarm : view().alarms) kinds.push_back(alarm.kind);
    return kinds;
  }

  RunSpec spec_ = load_run_spec("tiny").value();
  VirtualClock clock_;
  MemoryObjectStore store_{clock_};
  MemoryNoticeBoard board_;
  SignedLedger ledger_{board_, run_id(with_owner()), test_owner().public_key()};
  Timekeeper timekeeper_{board_, ledger_, test_owner()};
  int64_t blocks_ = 1;

 private:
  [[nodiscard]] static RunSpec with_owner() {
    RunSpec spec = load_run_spec("tiny").value();
    spec.network.owner = test_owner().public_key().hex();
    spec.network.blocks_per_window = 2;
    spec.network.block_seconds = 1;
    return spec;
  }
};

TEST_F(ViewedNetwork, ShowsWhoHasComeAndWhoIsAwaited) {
  ASSERT_TRUE(writer(1).start({.block = 0, .protocol = {1, 1}, .software = "templar 7"}));
  const NetworkView seen = view();
  ASSERT_EQ(seen.nodes.size(), 3u);
  EXPECT_EQ(seen.nodes[1].start->software, "templar 7");
  EXPECT_EQ(seen.nodes[1].start_ms, 0);
  EXPECT_FALSE(seen.nodes[0].is_alive);
  ASSERT_EQ(seen.awaited.size(), 1u);
  EXPECT_EQ(seen.awaited[0].first, test_key(9).public_key());
  EXPECT_THAT(seen.alarms, IsEmpty());
  EXPECT_THAT(network_text(seen), AllOf(HasSubstr("templar 7, protocol 1"), HasSubstr("has not come yet")));
}

TEST_F(ViewedNetwork, ShowsWhoIsInSyncAndWhatCounted) {
  for (int64_t window = 0; window < 3; ++window) {
    publish(1, window);
    decide(window);
  }
  const NetworkView seen = view();
  EXPECT_EQ(seen.decided->record.window, 2);
  EXPECT_TRUE(seen.nodes[0].is_alive);
  EXPECT_EQ(seen.nodes[0].in_sync, true);
  EXPECT_EQ(seen.nodes[1].window, 2);
  EXPECT_TRUE(seen.nodes[1].is_alive);
  EXPECT_EQ(seen.nodes[1].in_sync, true);
  EXPECT_EQ(seen.nodes[1].verdict_window, 2);
  EXPECT_FALSE(seen.nodes[2].is_alive);
  EXPECT_EQ(seen.nodes[2].in_sync, false);
  EXPECT_THAT(network_json(seen),
              AllOf(HasSubstr("\"decided_window\": 2"), HasSubstr("\"name\": \"invalid\"")));
  EXPECT_THAT(network_text(seen), HasSubstr("leads term 0"));
}

TEST_F(ViewedNetwork, PaysByTheWordOfMoreThanHalfOfTheStake) {
  ASSERT_TRUE(writer(9).register_node(
      {.role = NodeRole::kValidator, .key = {}, .bucket = test_bucket(9), .store = ""}));
  decide(0);
  ASSERT_TRUE(writer(0).set_weights({{1, 0.75}, {2, 0.25}}));
  NetworkView seen = view();
  EXPECT_EQ(seen.nodes[1].pay, 0.75);
  EXPECT_EQ(seen.nodes[0].agreement, 1.0);
  EXPECT_EQ(seen.nodes[3].agreement, std::nullopt) << "it has said nothing";
  // With three times the stake of the leader.
  ASSERT_TRUE(writer(9).set_weights({{2, 1}}));
  EXPECT_EQ(view().nodes[1].pay, 0.75) << "without a heartbeat nobody hears it";
  ASSERT_TRUE(writer(9).beat({.block = blocks_ - 1, .window = 1, .state_root = root_of(1), .software = "x"}));
  seen = view();
  EXPECT_EQ(seen.nodes[1].pay, std::nullopt);
  EXPECT_EQ(seen.nodes[1].weight, 0.75);
  EXPECT_EQ(seen.nodes[2].pay, 1.0);
  EXPECT_EQ(seen.nodes[0].agreement, 0.25);
  EXPECT_THAT(network_text(seen), AllOf(HasSubstr("pay 1.000"),
                                        HasSubstr("leads term 0, its weights agree with the pay by 25 %")));
  EXPECT_THAT(network_json(seen), AllOf(HasSubstr("\"pay\": 1"), HasSubstr("\"agreement\": 0.25")));
}

TEST_F(ViewedNetwork, ShowsWhatIsAmendedAndFromWhenOn) {
  decide(0);
  EXPECT_THAT(network_json(view()), HasSubstr("\"amendments\": []"));
  OwnerWriter owner(board_, ledger_, test_owner());
  ASSERT_TRUE(owner.amend(3, 4, {"network.leader_loss_windows=1", "outer.learning_rate=0.5"}));
  EXPECT_THAT(network_text(view()), HasSubstr("amended  1 from window 3 on: network.leader_loss_windows=1, "
                                              "outer.learning_rate=0.5 (to come)\n"));
  EXPECT_THAT(network_json(view()), HasSubstr("\"in_force\": false"));
  decide(1);
  decide(2);
  EXPECT_THAT(network_text(view()), HasSubstr("outer.learning_rate=0.5\n"));
  EXPECT_THAT(network_json(view()), HasSubstr("\"in_force\": true"));
  publish(1, 1);
  EXPECT_FALSE(view().nodes[1].is_alive) << "by what is in force in the newest window";
  publish(1, 2);
  EXPECT_TRUE(view().nodes[1].is_alive);
}

TEST_F(ViewedNetwork, RaisesAnAlarmWhereAModelIsAnother) {
  decide(0);
  EXPECT_THAT(alarms(), IsEmpty());
  beat(0, root_of(7));
  EXPECT_THAT(alarms(), ElementsAre(AlarmKind::kOutOfSync));
}

TEST_F(ViewedNetwork, RaisesAnAlarmWhereAMinersWorkIsRefused) {
  for (int64_t window = 0; window < 3; ++window) decide(window);
  EXPECT_THAT(alarms(), IsEmpty()) << "who sends nothing is not refused";
  publish(2, 3);
  EXPECT_THAT(
      view().alarms,
      ElementsAre(AllOf(Field(&NetworkAlarm::kind, AlarmKind::kExcluded),
                        Field(&NetworkAlarm::reason, HasSubstr("miner uid 2: invalid started from")))));
}

TEST_F(ViewedNetwork, RaisesAnAlarmWhereNothingIsTakenOrDecided) {
  for (int64_t window = 0; window < 3; ++window) decide(window, false);
  EXPECT_THAT(alarms(), ElementsAre(AlarmKind::kNullRounds));
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(timekeeper_.make_block(blocks_++ * 1000));
  clock_.set((blocks_ - 1) * 1000);
  EXPECT_THAT(alarms(), ElementsAre(AlarmKind::kNobodyLeads, AlarmKind::kNullRounds));
}

TEST_F(ViewedNetwork, RaisesAnAlarmWhereNoBlocksComeOrTheClockIsOff) {
  decide(0);
  clock_.advance(10'000);
  EXPECT_THAT(alarms(), IsEmpty());
  clock_.advance(1);
  EXPECT_THAT(alarms(), ElementsAre(AlarmKind::kNoBlocks));
  EXPECT_THAT(view().alarms.at(0).reason, HasSubstr(" is 10 s old by"));
  clock_.advance(-50'000);
  EXPECT_THAT(alarms(), ElementsAre(AlarmKind::kClockOff));
  EXPECT_THAT(view().alarms.at(0).reason, HasSubstr(" is 39 s ahead of"));
  spec_.network.owner_keeps_time = true;
  EXPECT_THAT(alarms(), IsEmpty()) << "that is a time of its own";
}

TEST_F(ViewedNetwork, FindsTheNewestDecisionWhereverItIs) {
  EXPECT_EQ(newest_decision(ledger_, view().chain, 5).value(), std::nullopt);
  for (int64_t window = 0; window < 6; ++window) {
    decide(window);
    for (const int64_t current : {window, window + 1, window + 30})
      EXPECT_EQ(newest_decision(ledger_, view().chain, current).value()->record.window, window);
  }
}

TEST_F(ViewedNetwork, SaysWhoseBucketCanNotBeRead) {
  class NoStore final : public ObjectReader {
   public:
    [[nodiscard]] Result<std::optional<ObjectInfo>> head(std::string_view, std::string_view) const override {
      return retry_error("away");
    }
    [[nodiscard]] Result<Bytes> get(std::string_view, std::string_view, uint64_t) const override {
      return retry_error("away");
    }
    [[nodiscard]] Result<Bytes> get_range(std::string_view, std::string_view, ByteRange) const override {
      return retry_error("away");
    }
    [[nodiscard]] Result<std::vector<ObjectInfo>> list(std::string_view, std::string_view) const override {
      return retry_error("away");
    }
  };
  const auto seen = read_network(spec_, ledger_, NoStore(), 0);
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->nodes[1].trouble, "away");
  EXPECT_THAT(network_text(*seen), HasSubstr("can't be read: away"));
}

}  // namespace
}  // namespace templar::testing
