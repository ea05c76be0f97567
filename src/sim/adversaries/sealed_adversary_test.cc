// What attackers can do where uploads are sealed.
#include <gmock/gmock.h>

#include <string>

#include "node/window/gather.h"
#include "sim/adversaries/adversary.h"
#include "support/test_world.h"

namespace templar::testing {
namespace {

// Two honest miners, uids 1 and 2; two that attack together, uids 3 and 4.
constexpr uint32_t kLeadingAttacker = 3;
constexpr uint32_t kFollowingAttacker = 4;

RunSpec sealed_network_spec() {
  RunSpec spec = node_run_spec();
  spec.network.sealed_uploads = true;
  return spec;
}

class SealedAttack : public ::testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<Adversary> adversary(Attack attack, uint32_t uid = kLeadingAttacker) {
    TestPorts& ports = world_.ports;
    return std::make_unique<Adversary>(world_.environment, ports.store, ports.key(uid),
                                       AdversaryOptions{.attack = attack,
                                                        .first = ports.public_key(kLeadingAttacker),
                                                        .first_key = ports.key(kLeadingAttacker),
                                                        .attackers = {ports.public_key(kLeadingAttacker),
                                                                      ports.public_key(kFollowingAttacker)},
                                                        .seed = 5});
  }
  // As its node does once it has trained, and once the window is over.
  void hand_over_upload(Adversary& adversary, uint32_t uid = kLeadingAttacker) {
    const ContributionHeader header{.run_id = run_id(world_.spec()), .window = 0, .uid = uid};
    const Bytes upload = seal_upload(header, world_.ports.sealed_contribution(uid, 0), world_.ports.key(uid));
    const auto stored = adversary.put_if(test_bucket(uid), contribution_key(0), upload, {});
    ASSERT_TRUE(stored && *stored);
    ASSERT_TRUE(adversary.act());
  }
  void hand_over_key(Adversary& adversary, uint32_t uid = kLeadingAttacker) {
    const auto first = adversary.get_range(test_bucket(uid), contribution_key(0), {0, kUploadHeaderBytes});
    if (!first) return;  // its node finds nothing to publish the key of
    const UploadHeader header = parse_upload_header(*first).value();
    const CipherKey key =
        upload_key(world_.ports.key(uid), header.run_id, header.window, header.content_hash);
    ASSERT_TRUE(adversary.put_if(test_bucket(uid), upload_key_key(0), key.bytes, {}));
  }
  void store_honest_uploads() {
    for (const uint32_t uid : {1u, 2u})
      world_.ports.publish_upload(uid, 0, world_.ports.sealed_contribution(uid, 0));
  }
  void publish_honest_keys() {
    for (const uint32_t uid : {1u, 2u}) world_.ports.publish_upload_key(uid, 0);
  }
  [[nodiscard]] Verdict verdict(uint32_t uid = kLeadingAttacker) {
    world_.ports.close_window(0);
    const auto gathered = gather(world_.environment, world_.request(0, {{1, 2, uid}, {}})).value();
    EXPECT_GE(gathered.accepted.size(), 2u) << "the honest ones";
    return gathered.rejected.empty() ? Verdict() : gathered.rejected[0].verdict;
  }
  // The whole window, in which the attacker acts whenever something has changed.
  [[nodiscard]] Verdict verdict_of(Attack attack) {
    const auto attacker = adversary(attack);
    hand_over_upload(*attacker);
    store_honest_uploads();
    EXPECT_TRUE(attacker->act());
    world_.ports.enter_window(1);
    hand_over_key(*attacker);
    EXPECT_TRUE(attacker->act());
    publish_honest_keys();
    EXPECT_TRUE(attacker->act());
    return verdict();
  }

  TestWorld world_{{.miners = 4, .spec = sealed_network_spec()}};
};

}  // namespace

class SealedCopy : public SealedAttack, public ::testing::WithParamInterface<Attack> {};

TEST_P(SealedCopy, IsTooLateOnceItCanBeMade) {
  EXPECT_EQ(verdict_of(GetParam()).code, VerdictCode::kTooLate);
}
INSTANTIATE_TEST_SUITE_P(All, SealedCopy,
                         ::testing::Values(Attack::kCopycat, Attack::kNoisyCopy, Attack::kPartialCopy,
                                           Attack::kRecodedCopy, Attack::kMimic, Attack::kLittleIsEnough,
                                           Attack::kInnerProduct, Attack::kLoneIndices));

TEST_F(SealedAttack, FindsNothingToReadWhileTheWindowGoesOn) {
  const auto copycat = adversary(Attack::kCopycat);
  hand_over_upload(*copycat);
  store_honest_uploads();
  ASSERT_TRUE(copycat->act());
  EXPECT_FALSE(world_.ports.has(kLeadingAttacker, contribution_key(0)));
}

TEST_F(SealedAttack, CantReplayAnothersObjectWithItsKey) {
  const Verdict replayed = verdict_of(Attack::kReplay);
  EXPECT_EQ(replayed.code, VerdictCode::kInvalid);
  EXPECT_THAT(replayed.reason, ::testing::HasSubstr("uid"));
}

TEST_F(SealedAttack, CantSealAnothersPiecesAnew) {
  const Verdict resealed = verdict_of(Attack::kResealedCopy);
  EXPECT_EQ(resealed.code, VerdictCode::kInvalid);
  EXPECT_THAT(resealed.reason, ::testing::HasSubstr("piece 0 was not sealed like this"));
  EXPECT_EQ(world_.ports.object(kLeadingAttacker, upload_key_key(0)),
            world_.ports.object(1, upload_key_key(0)))
      << "it gave the key that belongs to the pieces";
}

TEST_F(SealedAttack, HasAWrongKeyInAnothers) {
  EXPECT_EQ(verdict_of(Attack::kForeignKey).code, VerdictCode::kWrongKey);
}

TEST_F(SealedAttack, SealsWhatItForgesItself) {
  EXPECT_TRUE(verdict_of(Attack::kSignFlip).accepted());
}

TEST_F(SealedAttack, ShowsWhatIsWrongOnceItIsOpened) {
  const Verdict malformed = verdict_of(Attack::kMalformed);
  EXPECT_EQ(malformed.code, VerdictCode::kInvalid);
  EXPECT_THAT(malformed.reason, ::testing::HasSubstr("model.embed_tokens"));
}

// Who attack together tell each other what they have sealed.
TEST_F(SealedAttack, SharesWithItsAccomplice) {
  const auto first = adversary(Attack::kSybils);
  const auto second = adversary(Attack::kSybils, kFollowingAttacker);
  hand_over_upload(*first);
  hand_over_upload(*second, kFollowingAttacker);
  store_honest_uploads();
  world_.ports.enter_window(1);
  hand_over_key(*second, kFollowingAttacker);
  publish_honest_keys();
  EXPECT_TRUE(verdict(kFollowingAttacker).accepted());
}

}  // namespace templar::testing
