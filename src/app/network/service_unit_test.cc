#include "app/network/service_unit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace templar::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ServiceUnit, HasAllItsWordsFilledIn) {
  const std::string text = service_unit_text({.role = "miner",
                                              .user = "mia",
                                              .program = "/opt/templar",
                                              .folder = "/home/mia/templar-miner",
                                              .writable = {"/home/mia/templar-miner", "/net/store"}});
  EXPECT_THAT(
      text,
      AllOf(HasSubstr("\nUser=mia\n"),
            HasSubstr("\nExecStart=\"/opt/templar\" miner --config \"/home/mia/templar-miner/node.toml\"\n"),
            HasSubstr("\nReadWritePaths=\"/home/mia/templar-miner\" \"/net/store\"\n")));
  for (const char* word : {"@ROLE@", "@USER@", "@PROGRAM@", "@FOLDER@", "@WRITABLE@"})
    EXPECT_THAT(text, Not(HasSubstr(word)));
}

TEST(ServiceUnit, LetsTheNodeDoNoMoreThanItNeeds) {
  const std::string text(service_template());
  for (const char* line :
       {"NoNewPrivileges=yes", "ProtectSystem=strict", "Restart=on-failure", "CapabilityBoundingSet=\n"})
    EXPECT_THAT(text, HasSubstr(line));
}

}  // namespace
}  // namespace templar::testing
