#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ports/signed_ledger.h"
#include "support/expect_failure.h"
#include "support/ledger_values.h"
#include "support/test_key.h"

namespace templar::testing {
namespace {

class LedgerOfNodes : public ::testing::Test {
 protected:
  [[nodiscard]] LedgerWriter writer(uint32_t number) { return {board_, ledger_, test_key(number)}; }
  [[nodiscard]] uint32_t add(uint32_t number) {
    return writer(number).register_node(wanted_node(number)).value();
  }

  MemoryNoticeBoard board_;
  SignedLedger ledger_{board_, test_run_id(), test_owner().public_key()};
  OwnerWriter owner_{board_, ledger_, test_owner()};
};

TEST_F(LedgerOfNodes, GivesAUidNotBelowTheOneThatIsAskedFor) {
  EXPECT_EQ(writer(4).register_node(wanted_node(4, NodeRole::kMiner), 6).value(), 6u);
  EXPECT_EQ(writer(5).register_node(wanted_node(5, NodeRole::kMiner), 6).value(), 7u);
  EXPECT_EQ(add(6), 0u);
  // Who has one keeps it.
  EXPECT_EQ(writer(4).register_node(wanted_node(4, NodeRole::kMiner), 9).value(), 6u);
}

TEST_F(LedgerOfNodes, ShowsWhatTheOwnerHasSaidOfWhoHasNotRegistered) {
  EXPECT_THAT(ledger_.standings().value(), ::testing::IsEmpty());
  ASSERT_TRUE(owner_.set_standing(test_key(9).public_key(), {.stake = 3, .is_founder = true}));
  const auto standings = ledger_.standings().value();
  ASSERT_EQ(standings.size(), 1u);
  const StandingEntry& said = standings.at(test_key(9).public_key());
  EXPECT_EQ(said.stake, 3);
  EXPECT_TRUE(said.is_founder);
  EXPECT_TRUE(said.is_admitted);
}

TEST_F(LedgerOfNodes, ShowsWhoWorksWithWhatSoftware) {
  ASSERT_EQ(add(1), 0u);
  ASSERT_EQ(add(2), 1u);
  EXPECT_THAT(ledger_.starts().value(), ::testing::IsEmpty());
  const NodeStart first{.uid = 0, .block = -1, .protocol = {1, 1}, .software = "templar 1"};
  const NodeStart second{.uid = 1, .block = 7, .protocol = {1, 3}, .software = "templar 2"};
  ASSERT_TRUE(writer(1).start(first));
  ASSERT_TRUE(writer(2).start(first));
  ASSERT_TRUE(writer(2).start(second));
  EXPECT_TRUE(fails(writer(3).start(first), ErrorKind::kFatal, "is not registered"));
  EXPECT_THAT(ledger_.starts().value(), ::testing::ElementsAre(first, second));
}

}  // namespace
}  // namespace templar::testing
