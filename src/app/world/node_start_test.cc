#include "app/world/node_start.h"

#include <gtest/gtest.h>

#include "ports/signed_ledger.h"
#include "support/expect_failure.h"
#include "support/ledger_values.h"
#include "support/test_key.h"

namespace templar::testing {
namespace {

class ProtocolsOfARun : public ::testing::Test {
 protected:
  // Validator 1 with that stake, which has started with such a program.
  void start_validator(double stake, const ProtocolRange& protocol) {
    LedgerWriter writer(board_, ledger_, test_key(1));
    ASSERT_TRUE(writer.register_node(wanted_node(1, NodeRole::kValidator)));
    ASSERT_TRUE(
        OwnerWriter(board_, ledger_, test_owner()).set_standing(test_key(1).public_key(), {.stake = stake}));
    ASSERT_TRUE(writer.start({.protocol = protocol, .software = "templar 8"}));
  }

  MemoryNoticeBoard board_;
  SignedLedger ledger_{board_, test_run_id(), test_owner().public_key()};
};

TEST_F(ProtocolsOfARun, AreSharedByWhoHasSaidNothing) {
  ASSERT_TRUE(LedgerWriter(board_, ledger_, test_key(1)).register_node(wanted_node(1)));
  EXPECT_TRUE(check_common_protocol(ledger_));
}

TEST_F(ProtocolsOfARun, MayReachOverEachOther) {
  start_validator(1, {2, 4});
  EXPECT_TRUE(check_common_protocol(ledger_, {4, 6}));
  EXPECT_TRUE(check_common_protocol(ledger_, {1, 2}));
  EXPECT_TRUE(
      fails(check_common_protocol(ledger_, {1, 1}), ErrorKind::kFatal, "install templar 8 or a newer one"));
  EXPECT_TRUE(fails(check_common_protocol(ledger_, {5, 6}), ErrorKind::kFatal,
                    "the newest that still speaks versions 2 to 4"));
}

TEST_F(ProtocolsOfARun, AreThoseOfValidatorsWithStake) {
  start_validator(0, {9, 9});
  EXPECT_TRUE(check_common_protocol(ledger_, {1, 1}));
}

}  // namespace
}  // namespace templar::testing
