// The sources as clang-format lays them out, by the .clang-format at the root of the tree.
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "source_tree.h"
#include "support/file_content.h"
#include "support/temporary_folder.h"
#include "support/vectors.h"

namespace templar::testing {
namespace {

struct LayoutOutcome {
  int exit_code = 0;
  std::string faults;  // "path:line:column: error: code should be clang-formatted", each with its line
};

// All files in one call, which is a hundred times faster than one call each.
LayoutOutcome check_layout(const std::vector<std::string>& paths) {
  const TemporaryFolder folder;
  std::ofstream list(folder / "list");
  for (const std::string& path : paths) list << path << "\n";
  list.close();
  const std::string command =
      "clang-format-19 --dry-run -Werror --style='file:" + source_path(".clang-format").string() +
      "' --files='" + (folder / "list").string() + "' >'" + (folder / "faults").string() + "' 2>&1";
  const int status = std::system(command.c_str());
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1, .faults = text_of(folder / "faults")};
}

class Layout : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("command -v clang-format-19 >/dev/null") != 0)
      GTEST_SKIP() << "clang-format-19 is not installed: scripts/install-dependencies.sh check installs it";
  }
};

TEST_F(Layout, IsClangFormats) {
  std::vector<std::string> paths;
  for (const SourceFile& file : source_tree()) paths.push_back(source_path(file.path).string());
  ASSERT_GT(paths.size(), 50u) << "the tree was not found";
  const LayoutOutcome outcome = check_layout(paths);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.faults.substr(0, 4000);
}

TEST_F(Layout, IsRefusedWhereItIsNotClangFormats) {
  const TemporaryFolder folder;
  const std::string path = (folder / "x.cc").string();
  std::ofstream(path) << "int f( int a )\n{ return a; }\n";
  const LayoutOutcome outcome = check_layout({path});
  EXPECT_NE(outcome.exit_code, 0);
  EXPECT_NE(outcome.faults.find("x.cc:1:"), std::string::npos) << outcome.faults;
}

}  // namespace
}  // namespace templar::testing
