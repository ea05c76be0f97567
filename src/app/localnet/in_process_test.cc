#include "app/localnet/in_process.h"

#include <gtest/gtest.h>

#include <optional>

#include "adapters/sqlite_ledger/sqlite_connection.h"
#include "sim/virtual_network.h"
#include "support/captured_logs.h"
#include "support/temporary_folder.h"
#include "support/test_key.h"

namespace templar::testing {
namespace {

constexpr auto kMoment = std::chrono::milliseconds(1);

TEST(InProcess, ALockedLedgerIsWaitedForLoudlyAndStopsNobody) {
  const CapturedLogs logs;
  const TemporaryFolder folder;
  RunSpec spec = load_run_spec("tiny").value();
  spec.network.owner = test_owner().public_key().hex();
  const auto ledger =
      open_ledger(folder / "ledger.db", spec, {.may_create = true, .busy_timeout = kMoment}).value();
  Timekeeper timekeeper(ledger->board(), ledger->entries(), test_owner());
  auto other = SqliteConnection::open(folder / "ledger.db", false).value();
  ASSERT_TRUE(other.execute("BEGIN IMMEDIATE"));
  // As many tries as a network ever made before it gave up, and more.
  int until_free = 3 * VirtualNetwork::kMaxRetries;
  VirtualNetwork network(
      timekeeper, ledger->entries(),
      {.should_stop =
           [&] {
             if (--until_free == 0) EXPECT_TRUE(other.execute("COMMIT"));
             return false;
           },
       .outage_pauses =
           OutagePauses{.first = kMoment, .longest = kMoment, .between_warnings = std::chrono::hours(1)}});
  network.add({"miner", [&]() -> Result<Progress> {
                 const auto latest = ledger->entries().latest_block();
                 if (!latest) return std::unexpected(latest.error());
                 return *latest && (*latest)->number >= 2 ? Progress::kFinished : Progress::kAwaitsBlock;
               }});
  EXPECT_TRUE(network.run());
  EXPECT_LE(until_free, 0);
  EXPECT_EQ(logs.count("waiting, and trying again: the network's time stands still"), 1u);
  EXPECT_NE(logs.text().find("database is locked"), std::string::npos) << logs.text();
  EXPECT_EQ(logs.count("goes on"), 1u);
}

}  // namespace
}  // namespace templar::testing
