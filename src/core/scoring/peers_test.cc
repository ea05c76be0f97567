#include "core/scoring/peers.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/run_specs.h"

namespace templar {
namespace {

NetworkSpec network_of(int64_t gather, int64_t reserve) {
  NetworkSpec network = testing::scoring_run_spec().network;
  network.gather_peer_count = gather;
  network.reserve_peer_count = reserve;
  return network;
}

TEST(Peers, AreTakenByWeightThenByUid) {
  const std::vector<PeerCandidate> candidates = {{4, 0.1}, {3, 0.3}, {2, 0.1}, {1, 0.5}};
  EXPECT_EQ(select_peers(candidates, network_of(2, 2)), (PeerSelection{{1, 3}, {2, 4}}));
}

TEST(Peers, AreAllMinersByUidAtTheStartOfARun) {
  const std::vector<PeerCandidate> candidates = {{9}, {0}, {4}};
  EXPECT_EQ(select_peers(candidates, network_of(20, 10)), (PeerSelection{{0, 4, 9}, {}}));
}

TEST(Peers, WithoutWeightFillPlacesThatAreLeft) {
  const std::vector<PeerCandidate> candidates = {{1, 0}, {2, 0}, {3, 0}, {8, 1.0}};
  EXPECT_EQ(select_peers(candidates, network_of(2, 1)), (PeerSelection{{8, 1}, {2}}));
}

TEST(Peers, LeaveOutTheExcluded) {
  const std::vector<PeerCandidate> candidates = {{1, 0.9, true}, {2, 0.1}, {3, 0, true}, {4, 0}};
  EXPECT_EQ(select_peers(candidates, network_of(5, 5)), (PeerSelection{{2, 4}, {}}));
}

TEST(Peers, DontDependOnTheOrderOfTheCandidates) {
  std::vector<PeerCandidate> candidates = {{1, 0.2}, {2, 0.2}, {3, 0.4}, {4, 0}, {5, 0.2}};
  const PeerSelection expected = select_peers(candidates, network_of(2, 2));
  std::reverse(candidates.begin(), candidates.end());
  EXPECT_EQ(select_peers(candidates, network_of(2, 2)), expected);
  EXPECT_EQ(expected, (PeerSelection{{3, 1}, {2, 5}}));
}

TEST(Peers, OfNobodyAreNobody) {
  EXPECT_EQ(select_peers({}, network_of(2, 2)), PeerSelection{});
}

TEST(Peers, MayBeNewcomersThatTheScoreboardHasNotSeen) {
  const std::vector<uint32_t> registered = {1, 2, 3};
  const auto candidates = with_newcomers({{2, 0.7}, {1, 0, true}, {9, 0.1}}, registered);
  ASSERT_EQ(candidates.size(), 4u);
  EXPECT_EQ(candidates.back().uid, 3u);
  EXPECT_EQ(candidates.back().weight, 0);
  EXPECT_TRUE(candidates[1].excluded) << "what the scoreboard says stays";
  EXPECT_EQ(select_peers(candidates, network_of(5, 5)), (PeerSelection{{2, 9, 3}, {}}));
}

}  // namespace
}  // namespace templar
