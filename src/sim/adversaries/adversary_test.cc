#include "sim/adversaries/adversary.h"

#include <gmock/gmock.h>

#include <map>
#include <string>

#include "core/consensus/outer_step.h"
#include "core/protocol/object_keys.h"
#include "sim/adversaries/turned_shards.h"
#include "support/expect_failure.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

// One validator; two honest miners, uids 1 and 2; two that attack together, uids 3 and 4.
constexpr uint32_t kFirstAttacker = 3;
constexpr uint32_t kSecondAttacker = 4;

class AttackingMiner : public ::testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<Adversary> adversary(Attack attack, uint32_t uid = kFirstAttacker) {
    return std::make_unique<Adversary>(
        environment_, ports_.store, ports_.key(uid),
        AdversaryOptions{.attack = attack,
                         .first = ports_.public_key(kFirstAttacker),
                         .attackers = {ports_.public_key(kFirstAttacker), ports_.public_key(kSecondAttacker)},
                         .seed = 5});
  }
  // As its node does once it has trained.
  void hand_over(Adversary& adversary, int64_t window, uint32_t uid = kFirstAttacker) {
    const auto stored = adversary.put_if(test_bucket(uid), contribution_key(window),
                                         ports_.sealed_contribution(uid, window), {});
    ASSERT_TRUE(stored && *stored);
    const auto seen = adversary.head(test_bucket(uid), contribution_key(window));
    EXPECT_TRUE(seen && *seen) << "its node takes it for published";
  }
  void publish_honest(int64_t window) { ports_.publish_contributions({1, 2}, window); }
  [[nodiscard]] bool has(int64_t window, uint32_t uid = kFirstAttacker) const {
    return ports_.has(uid, contribution_key(window));
  }
  [[nodiscard]] Result<Contribution> published(int64_t window, uint32_t uid = kFirstAttacker) const {
    return parse_contribution(ports_.object(uid, contribution_key(window)), environment_.layout,
                              environment_.spec.codec);
  }
  // What the gather would say of it, but for time, root and proof.
  [[nodiscard]] Verdict verdict(int64_t window, uint32_t uid = kFirstAttacker) const {
    const auto contribution = published(window, uid);
    if (!contribution) return {VerdictCode::kInvalid, contribution.error().message};
    const auto honest = parse_contribution(ports_.sealed_contribution(uid, window), environment_.layout,
                                           environment_.spec.codec);
    return check_contribution(*contribution, {.run_id = environment_.run_id,
                                              .window = window,
                                              .uid = uid,
                                              .public_key = ports_.public_key(uid),
                                              .samples = honest->header().samples});
  }
  [[nodiscard]] ParameterBuffers values_of(const Contribution& contribution) {
    return Forger(environment_.spec, environment_.layout, ports_.key(kFirstAttacker)).values_of(contribution);
  }
  [[nodiscard]] std::vector<float> flat(const ParameterBuffers& values) const {
    std::vector<float> all;
    for (const auto parameter : values.spans()) all.insert(all.end(), parameter.begin(), parameter.end());
    return all;
  }
  // Cosine of the angle between what an attacker and a miner have published.
  [[nodiscard]] double likeness(const std::vector<float>& a, const std::vector<float>& b) const {
    double product = 0;
    double a_squares = 0;
    double b_squares = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      product += static_cast<double>(a[i]) * b[i];
      a_squares += static_cast<double>(a[i]) * a[i];
      b_squares += static_cast<double>(b[i]) * b[i];
    }
    return product / std::sqrt(a_squares * b_squares);
  }
  // Publishes everything of window 0 and gives the attacker's values.
  [[nodiscard]] std::vector<float> attacked(Attack attack) {
    const auto attacker = adversary(attack);
    publish_honest(0);
    hand_over(*attacker, 0);
    EXPECT_TRUE(attacker->act());
    EXPECT_TRUE(verdict(0).accepted()) << verdict(0).reason;
    auto contribution = published(0);
    return contribution ? flat(values_of(*contribution)) : std::vector<float>();
  }
  [[nodiscard]] std::vector<float> honest(uint32_t uid, int64_t window = 0) {
    const auto contribution = parse_contribution(ports_.sealed_contribution(uid, window), environment_.layout,
                                                 environment_.spec.codec);
    return flat(values_of(*contribution));
  }

  TestPorts ports_{{.miners = 4}};
  const NodeEnvironment environment_ = environment_of(ports_);
};

}  // namespace

TEST_F(AttackingMiner, PublishesSomethingOfItsOwnForEachAttack) {
  for (const AttackForm& form : attacks()) {
    SCOPED_TRACE(form.name);
    TestPorts ports({.miners = 4});
    const NodeEnvironment environment = environment_of(ports);
    Adversary attacker(environment, ports.store, ports.key(kSecondAttacker),
                       {.attack = form.attack,
                        .first = ports.public_key(kFirstAttacker),
                        .attackers = {ports.public_key(kFirstAttacker), ports.public_key(kSecondAttacker)},
                        .seed = 5});
    for (int64_t window = 0; window < 2; ++window) {
      ports.enter_window(window);
      ports.publish_contributions({1, 2, kFirstAttacker}, window);
      const Bytes own = ports.sealed_contribution(kSecondAttacker, window);
      ASSERT_TRUE(attacker.put_if(test_bucket(kSecondAttacker), contribution_key(window), own, {}));
      ports.close_window(window);
      ASSERT_TRUE(attacker.act());
    }
    EXPECT_FALSE(ports.keys(kSecondAttacker, "contributions/").empty());
  }
}

TEST_F(AttackingMiner, WaitsForWhatItCopies) {
  const auto copycat = adversary(Attack::kCopycat);
  hand_over(*copycat, 0);
  ASSERT_TRUE(copycat->act());
  EXPECT_FALSE(has(0));
  ports_.publish_contribution(1, 0);
  ASSERT_TRUE(copycat->act());
  EXPECT_FALSE(has(0)) << "one of two is there";
  ports_.publish_contribution(2, 0);
  ASSERT_TRUE(copycat->act());
  EXPECT_TRUE(verdict(0).accepted()) << verdict(0).reason;
  EXPECT_EQ(flat(values_of(*published(0))), honest(1)) << "to the last bit, under its own name";
}

TEST_F(AttackingMiner, LetsAWindowPassInWhichItFindsNothing) {
  const auto copycat = adversary(Attack::kCopycat);
  hand_over(*copycat, 0);
  ports_.close_window(0);
  ASSERT_TRUE(copycat->act());
  EXPECT_FALSE(has(0));
  const auto seen = copycat->head(test_bucket(kFirstAttacker), contribution_key(0));
  EXPECT_TRUE(seen && !*seen) << "its node sees that nothing was published";
}

TEST_F(AttackingMiner, CopiesNobodyWhoAttacksToo) {
  const auto copycat = adversary(Attack::kMimic, kSecondAttacker);
  hand_over(*copycat, 0, kSecondAttacker);
  publish_honest(0);  // and not the other attacker's
  ASSERT_TRUE(copycat->act());
  EXPECT_TRUE(has(0, kSecondAttacker));
}

TEST_F(AttackingMiner, SybilsWaitForTheFirst) {
  const auto first = adversary(Attack::kSybils);
  const auto second = adversary(Attack::kSybils, kSecondAttacker);
  hand_over(*second, 0, kSecondAttacker);
  ASSERT_TRUE(second->act());
  EXPECT_FALSE(has(0, kSecondAttacker));
  hand_over(*first, 0);
  ASSERT_TRUE(first->act());
  ASSERT_TRUE(second->act());
  EXPECT_TRUE(verdict(0, kSecondAttacker).accepted());
  EXPECT_EQ(flat(values_of(*published(0))), flat(values_of(*published(0, kSecondAttacker))));
}

TEST_F(AttackingMiner, MakesOfValuesWhatItsAttackSays) {
  const std::vector<float> own = honest(kFirstAttacker);
  const std::vector<float> victim = honest(1);
  const auto fresh = [&](Attack attack) {
    ports_.remove_all(kFirstAttacker, "contributions/");
    ports_.remove_all(1, "contributions/");
    ports_.remove_all(2, "contributions/");
    return attacked(attack);
  };
  EXPECT_LT(likeness(fresh(Attack::kSignFlip), own), -0.99);
  EXPECT_GT(likeness(fresh(Attack::kThousandfold), own), 0.99);
  EXPECT_GT(likeness(fresh(Attack::kNoisyCopy), victim), 0.8);
  EXPECT_GT(likeness(fresh(Attack::kRecodedCopy), victim), 0.99);
  EXPECT_LT(std::abs(likeness(fresh(Attack::kRandomValues), own)), 0.3);
  EXPECT_LT(likeness(fresh(Attack::kInnerProduct), victim), -0.5);
  EXPECT_LT(std::abs(likeness(fresh(Attack::kLoneIndices), victim)), 0.05);
  const std::vector<float> partial = fresh(Attack::kPartialCopy);
  EXPECT_GT(likeness(partial, victim), 0.2);
  EXPECT_GT(likeness(partial, own), 0.2);
  for (const float value : fresh(Attack::kFreeRider)) EXPECT_EQ(value, 0);
}

TEST_F(AttackingMiner, SendsItsWorkOfTheWindowBefore) {
  const auto late = adversary(Attack::kLateCopy);
  for (int64_t window = 0; window < 2; ++window) {
    ports_.enter_window(window);
    hand_over(*late, window);
    ASSERT_TRUE(late->act());
    EXPECT_TRUE(verdict(window).accepted());
  }
  EXPECT_GT(likeness(flat(values_of(*published(1))), honest(kFirstAttacker, 0)), 0.99);
}

TEST_F(AttackingMiner, IsMissingInEverySecondWindow) {
  const auto attacker = adversary(Attack::kEveryOther);
  for (int64_t window = 0; window < 4; ++window) {
    ports_.enter_window(window);
    hand_over(*attacker, window);
    ASSERT_TRUE(attacker->act());
    EXPECT_EQ(has(window), window % 2 == 0);
  }
}

TEST_F(AttackingMiner, PublishesTooLate) {
  const auto late = adversary(Attack::kTooLate);
  hand_over(*late, 0);
  ASSERT_TRUE(late->act());
  EXPECT_FALSE(has(0));
  ports_.close_window(0);
  ASSERT_TRUE(late->act());
  EXPECT_TRUE(has(0));
}

TEST_F(AttackingMiner, PublishesForTheWindowThatComesNext) {
  const auto early = adversary(Attack::kTooEarly);
  hand_over(*early, 0);
  ASSERT_TRUE(early->act());
  EXPECT_FALSE(has(0));
  ASSERT_TRUE(has(1));
  EXPECT_EQ(published(1)->header().window, 1);
}

TEST_F(AttackingMiner, BreaksTheRuleThatItsAttackNames) {
  const std::map<Attack, std::string> reasons = {{Attack::kReplay, "uid"},
                                                 {Attack::kForgedSignature, "signature"},
                                                 {Attack::kWrongRun, "run"},
                                                 {Attack::kOversized, "size"},
                                                 {Attack::kMalformed, "model.embed_tokens"},
                                                 {Attack::kNotANumber, "model.embed_tokens"},
                                                 {Attack::kLyingReceipt, "sample"}};
  for (const auto& [attack, reason] : reasons) {
    SCOPED_TRACE(form_of(attack).name);
    ports_.remove_all(kFirstAttacker, "contributions/");
    ports_.remove_all(1, "contributions/");
    ports_.remove_all(2, "contributions/");
    const auto attacker = adversary(attack);
    publish_honest(0);
    hand_over(*attacker, 0);
    ASSERT_TRUE(attacker->act());
    EXPECT_EQ(verdict(0).code, VerdictCode::kInvalid);
    EXPECT_THAT(verdict(0).reason, ::testing::HasSubstr(reason));
  }
}

TEST_F(AttackingMiner, LeavesAllOtherObjectsAlone) {
  const auto attacker = adversary(Attack::kSignFlip);
  ASSERT_TRUE(attacker->put(test_bucket(kFirstAttacker), "checkpoints/x", as_bytes("content")));
  EXPECT_EQ(ports_.object(kFirstAttacker, "checkpoints/x").size(), 7u);
  EXPECT_EQ(attacker->get(test_bucket(kFirstAttacker), "checkpoints/x", 100)->size(), 7u);
  EXPECT_EQ(attacker->list(test_bucket(kFirstAttacker), "checkpoints/")->size(), 1u);
  ASSERT_TRUE(attacker->remove(test_bucket(kFirstAttacker), "checkpoints/x"));
  EXPECT_FALSE(ports_.has(kFirstAttacker, "checkpoints/x"));
}

TEST(TurnedShards, GiveOtherTokensUnderTheSameIds) {
  const std::shared_ptr<const ShardSource> source =
      make_memory_shard_source(random_shard_content(3, 1, 20, 8, 100)).value();
  const Shard honest = source->open_shard(0).value();
  const auto foreign = turn_samples(source, TurnedSamples::kForeign);
  const Shard turned = foreign->open_shard(0).value();
  const Shard few = turn_samples(source, TurnedSamples::kFew)->open_shard(0).value();
  ASSERT_EQ(turned.sample_count(), honest.sample_count());
  for (uint64_t i = 0; i < honest.sample_count(); ++i) {
    EXPECT_EQ(turned.sample_id(i), honest.sample_id(i));
    EXPECT_EQ(few.sample_id(i), honest.sample_id(i));
    EXPECT_TRUE(std::ranges::equal(turned.sample(i), honest.sample((i + 10) % 20)));
    EXPECT_TRUE(std::ranges::equal(few.sample(i), honest.sample(i % 8)));
  }
  EXPECT_EQ(samples_of(Attack::kCopycat, source), source);
  EXPECT_NE(samples_of(Attack::kForeignData, source), source);
  EXPECT_EQ(foreign->vocab_size(), source->vocab_size());
}

}  // namespace templar::testing
