#include "ports/term_chain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/test_key.h"

namespace templar::testing {
namespace {

// Validators of uid 0, 1, ... with these stakes.
std::vector<Registration> validators(const std::vector<double>& stakes) {
  std::vector<Registration> roster;
  for (uint32_t uid = 0; uid < stakes.size(); ++uid) {
    roster.push_back({.uid = uid,
                      .role = NodeRole::kValidator,
                      .key = test_key(uid).public_key(),
                      .bucket = test_bucket(uid),
                      .store = "",
                      .stake = stakes[uid]});
  }
  return roster;
}

Term term_of(int64_t number, int64_t previous, uint32_t leader, int64_t first_window) {
  return {.number = number,
          .previous = previous,
          .leader = test_key(leader).public_key(),
          .first_window = first_window,
          .state_root = {},
          .ended_after = {}};
}

Heartbeat beat_of(uint32_t uid, int64_t term, int64_t block = 100) {
  return {.uid = uid, .block = block, .state_root = {}, .term = term, .software = ""};
}

std::vector<int64_t> numbers(const std::vector<Term>& chain) {
  std::vector<int64_t> found;
  for (const Term& term : chain) found.push_back(term.number);
  return found;
}

NetworkSpec network() {
  NetworkSpec spec;
  spec.blocks_per_window = 10;
  spec.leader_loss_windows = 3;
  return spec;
}

}  // namespace

TEST(TermChain, IsEmptyBeforeTheRunBegins) {
  EXPECT_TRUE(chain_in_force({}, {}, validators({1})).empty());
}

TEST(TermChain, FollowsEachTermByTheNext) {
  const std::vector<Term> terms = {term_of(0, -1, 0, 0), term_of(1, 0, 1, 7), term_of(2, 1, 0, 9)};
  const auto chain = chain_in_force(terms, {}, validators({2, 1}));
  EXPECT_THAT(numbers(chain), ::testing::ElementsAre(0, 1, 2));
  EXPECT_EQ(term_of_window(chain, 6)->number, 0);
  EXPECT_EQ(term_of_window(chain, 7)->number, 1);
  EXPECT_EQ(term_of_window(chain, 100)->number, 2);
}

TEST(TermChain, PassesOverATermThatWasRefused) {
  const std::vector<Term> terms = {term_of(0, -1, 0, 0), term_of(1, 0, 1, 7), term_of(2, 0, 2, 7)};
  const auto roster = validators({3, 3, 2});
  EXPECT_THAT(numbers(chain_in_force(terms, {}, roster, {1})), ::testing::ElementsAre(0, 2));
  // Until somebody takes its place, the term before goes on.
  const std::span<const Term> two = std::span(terms).first(2);
  EXPECT_THAT(numbers(chain_in_force(two, {}, roster, {1})), ::testing::ElementsAre(0));
}

TEST(TermChain, BelievesMoreThanHalfOfTheStakeAgainstItself) {
  const std::vector<Term> terms = {term_of(0, -1, 0, 0), term_of(1, 0, 1, 7)};
  const auto roster = validators({3, 3, 2});
  EXPECT_THAT(numbers(chain_in_force(terms, std::vector{beat_of(1, 1)}, roster, {1})),
              ::testing::ElementsAre(0));
  EXPECT_THAT(numbers(chain_in_force(terms, std::vector{beat_of(1, 1), beat_of(2, 1)}, roster, {1})),
              ::testing::ElementsAre(0, 1));
}

TEST(TermChain, OfTwoChainsTakesTheOneThatMoreStakeFollows) {
  const std::vector<Term> terms = {term_of(0, -1, 0, 0), term_of(1, 0, 1, 7), term_of(2, 0, 2, 7)};
  const auto roster = validators({3, 3, 2});
  EXPECT_THAT(numbers(chain_in_force(terms, std::vector{beat_of(1, 1)}, roster)),
              ::testing::ElementsAre(0, 1));
  EXPECT_THAT(
      numbers(chain_in_force(terms, std::vector{beat_of(1, 1), beat_of(0, 2), beat_of(2, 2)}, roster)),
      ::testing::ElementsAre(0, 2));
  EXPECT_THAT(numbers(chain_in_force(terms, {}, roster)), ::testing::ElementsAre(0, 2)) << "the later";
}

TEST(TermChain, DoesNotGoBackInWindows) {
  const std::vector<Term> terms = {term_of(0, -1, 0, 5), term_of(1, 0, 1, 4)};
  EXPECT_THAT(numbers(chain_in_force(terms, {}, validators({2, 1}))), ::testing::ElementsAre(0));
}

TEST(TermChain, HasNoLeaderAfterTheOwnerHasEndedTheTerm) {
  std::vector<Term> terms = {term_of(0, -1, 0, 0)};
  terms[0].ended_after = 6;
  const auto chain = chain_in_force(terms, {}, validators({2, 1}));
  EXPECT_EQ(term_of_window(chain, 6)->number, 0);
  EXPECT_EQ(term_of_window(chain, 7), nullptr);
}

TEST(Takeover, WaitsUntilTheLeaderIsLost) {
  const std::vector<Term> chain = {term_of(0, -1, 0, 0)};
  const auto roster = validators({3, 2, 1});
  const std::vector<Heartbeat> beats = {beat_of(0, 0), beat_of(1, 0), beat_of(2, 0)};
  const auto may = [&](uint32_t uid, int64_t closed) {
    return may_take_over({.chain = chain,
                          .heartbeats = beats,
                          .roster = roster,
                          .latest_block = 100,
                          .undecided_window = 7,
                          .newest_closed_window = closed},
                         network(), uid);
  };
  EXPECT_FALSE(may(1, 8)) << "two windows are undecided";
  EXPECT_TRUE(may(1, 9));
  EXPECT_FALSE(may(2, 9)) << "it is the turn of uid 1";
  EXPECT_TRUE(may(2, 10)) << "uid 1 has let a window pass";
  EXPECT_FALSE(may(0, 20)) << "it is the one that is lost";
}

TEST(Takeover, PassesOverValidatorsThatAreNotAlive) {
  const std::vector<Term> chain = {term_of(0, -1, 0, 0)};
  const auto roster = validators({3, 2, 1, 0});
  const std::vector<Heartbeat> beats = {beat_of(1, 0, 69), beat_of(2, 0, 70)};
  const auto may = [&](uint32_t uid) {
    return may_take_over({.chain = chain,
                          .heartbeats = beats,
                          .roster = roster,
                          .latest_block = 100,
                          .undecided_window = 7,
                          .newest_closed_window = 9},
                         network(), uid);
  };
  EXPECT_TRUE(may(2)) << "uid 1 has not been heard of for more than three windows";
  EXPECT_FALSE(may(3)) << "no stake";
}

// Somebody has written over a decision: who comes late must not begin a term in the past.
TEST(Takeover, IsNotForAWindowThatHalfOfTheStakeStandsBehind) {
  const std::vector<Term> chain = {term_of(0, -1, 0, 0)};
  const auto roster = validators({2, 1, 1});
  std::vector<Heartbeat> beats = {beat_of(0, 0), beat_of(1, 0), beat_of(2, 0)};
  const auto may = [&] {
    return may_take_over({.chain = chain,
                          .heartbeats = beats,
                          .roster = roster,
                          .latest_block = 1000,
                          .undecided_window = 5,
                          .newest_closed_window = 99},
                         network(), 1);
  };
  EXPECT_TRUE(may());
  beats[2].window = 100;
  EXPECT_TRUE(may()) << "a quarter of the stake stops nobody";
  beats[0].window = 100;
  beats[2].window = 0;
  EXPECT_FALSE(may());
}

TEST(Takeover, NeedsNoLossWhereTheOwnerHasSpoken) {
  std::vector<Term> chain = {term_of(0, -1, 0, 0)};
  auto roster = validators({3, 2});
  const auto may = [&] {
    return may_take_over({.chain = chain,
                          .heartbeats = {},
                          .roster = roster,
                          .latest_block = 100,
                          .undecided_window = 7,
                          .newest_closed_window = 6},
                         network(), 1);
  };
  EXPECT_FALSE(may());
  roster[0].is_removed = true;
  EXPECT_TRUE(may());
  roster[0].is_removed = false;
  chain[0].ended_after = 6;
  EXPECT_TRUE(may());
}

TEST(StakeBehindRoot, CountsEachValidatorOnce) {
  const auto roster = validators({3, 2, 1});
  const Hash256 root = blake2b_256(as_bytes("root"));
  Heartbeat beat = beat_of(1, 0);
  beat.window = 7;
  beat.state_root = root;
  const std::vector<Heartbeat> beats = {beat};
  EXPECT_EQ(stake_behind_root(roster, beats, 7, root), 2);
  EXPECT_EQ(stake_behind_root(roster, beats, 8, root), 0);
  EXPECT_EQ(stake_behind_root(roster, beats, 7, root, test_key(1).public_key()), 2);
  EXPECT_EQ(stake_behind_root(roster, beats, 7, root, test_key(2).public_key()), 3);
  EXPECT_EQ(total_stake(roster), 6);
}

}  // namespace templar::testing
