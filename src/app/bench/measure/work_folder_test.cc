#include "app/bench/measure/work_folder.h"

#include <csignal>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "app/terminal/stop_signal.h"
#include "support/child_process.h"
#include "support/temporary_folder.h"

namespace templar {
namespace {

using testing::TemporaryFolder;

TEST(WorkFolder, GoesAwayWithAllThatIsInIt) {
  const TemporaryFolder parent;
  {
    const auto folder = WorkFolder::create(parent.path()).value();
    std::ofstream(folder->path / "x") << "x";
    EXPECT_FALSE(std::filesystem::is_empty(parent.path()));
  }
  EXPECT_TRUE(std::filesystem::is_empty(parent.path()));
}

TEST(WorkFolder, GoesAwayWhenTheProcessIsAskedToEnd) {
  const TemporaryFolder parent;
  EXPECT_EQ(testing::run_in_child([&]() -> int {
              const auto folder = WorkFolder::create(parent.path()).value();
              std::ofstream(folder->path / "x") << "x";
              ::raise(SIGTERM);
              for (;;) ::pause();  // a measurement that looks at nothing
            }),
            kInterruptedExitCode);
  EXPECT_TRUE(std::filesystem::is_empty(parent.path()));
}

TEST(WorkFolder, SaysWhereNoneCanBeMade) {
  const TemporaryFolder folder;
  const auto created = WorkFolder::create(folder.path() / "missing");
  ASSERT_FALSE(created);
  EXPECT_NE(created.error().message.find(folder.path() / "missing"), std::string::npos);
}

}  // namespace
}  // namespace templar
