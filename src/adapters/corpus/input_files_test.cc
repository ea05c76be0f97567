#include "adapters/corpus/input_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "support/expect_failure.h"
#include "support/temporary_folder.h"
#include "support/text_files.h"

namespace templar {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::fails;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using testing::write_text;

class InputFiles : public ::testing::Test {
 protected:
  // In the order of the corpus.
  [[nodiscard]] std::vector<std::string> names(const InputOptions& options = {}) const {
    return names_of({folder_.path().string()}, options);
  }
  [[nodiscard]] static std::vector<std::string> names_of(const std::vector<std::string>& inputs,
                                                         const InputOptions& options = {}) {
    const auto files = list_input_files(inputs, options);
    EXPECT_TRUE(files) << files.error().message;
    std::vector<std::string> names;
    for (const InputFile& file : *files) names.push_back(file.name);
    return names;
  }

  testing::TemporaryFolder folder_;
};

TEST_F(InputFiles, AreTakenFromAllFolders) {
  write_text(folder_ / "a.txt", "12345");
  write_text(folder_ / "x/b.txt", "");
  write_text(folder_ / "x/y/z/c.txt", "");
  EXPECT_THAT(names(), UnorderedElementsAre("a.txt", "x/b.txt", "x/y/z/c.txt"));
  const auto files = list_input_files({(folder_ / "a.txt").string()}, {});
  ASSERT_TRUE(files);
  EXPECT_EQ(files->at(0).size_bytes, 5);
  EXPECT_EQ(files->at(0).path, folder_ / "a.txt");
}

TEST_F(InputFiles, ComeInAnOrderThatSeedAndNamesDecide) {
  for (int i = 0; i < 30; ++i) write_text(folder_ / ("f" + std::to_string(i)), "");
  const std::vector<std::string> order = names();
  EXPECT_FALSE(std::ranges::is_sorted(order));
  EXPECT_EQ(names(), order);
  EXPECT_NE(names({.seed = 1}), order);
  // The same files elsewhere.
  const testing::TemporaryFolder other;
  for (int i = 29; i >= 0; --i) write_text(other / ("f" + std::to_string(i)), "");
  EXPECT_EQ(names_of({other.path().string()}), order);
}

TEST_F(InputFiles, AreChosenByExtension) {
  for (const char* name : {"a.h", "b.hpp", "c.cc", "d", "h", "e.h.gz", "f.cc.zst", "g.gz"})
    write_text(folder_ / name, "");
  EXPECT_THAT(names({.extensions = {"h", "cc"}}), UnorderedElementsAre("a.h", "c.cc", "e.h.gz", "f.cc.zst"));
  EXPECT_THAT(names_of({(folder_ / "d").string()}, {.extensions = {"h"}}), ElementsAre("d"));
}

TEST_F(InputFiles, AreNotHiddenNorSpecialNorBroken) {
  write_text(folder_ / "a", "");
  write_text(folder_ / ".hidden", "");
  write_text(folder_ / ".git/config", "");
  fs::create_symlink("nowhere", folder_ / "broken");
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(names(), ElementsAre("a"));
}

TEST_F(InputFiles, AreTakenOnceThoughLinksLeadToThemAgain) {
  write_text(folder_ / "x/a", "");
  write_text(folder_ / "x/y/b", "");
  fs::create_symlink("a", folder_ / "x/link");
  fs::create_hard_link(folder_ / "x/a", folder_ / "x/hard");
  fs::create_directory_symlink("..", folder_ / "x/y/loop");
  fs::create_directory_symlink("x", folder_ / "z");
  EXPECT_THAT(names(), UnorderedElementsAre("x/a", "x/y/b"));
  const std::string root = folder_.path().string();
  EXPECT_THAT(names_of({root, root, root + "/x/a", root + "/z"}), UnorderedElementsAre("x/a", "x/y/b"));
}

TEST_F(InputFiles, FollowALinkToAnotherPlace) {
  const testing::TemporaryFolder other;
  write_text(other / "a", "");
  fs::create_directory_symlink(other.path(), folder_ / "x");
  EXPECT_THAT(names(), ElementsAre("x/a"));
}

TEST_F(InputFiles, LeaveTheResultsFolderOut) {
  write_text(folder_ / "a", "");
  write_text(folder_ / "out/manifest.json", "");
  EXPECT_THAT(names({.excluded = folder_ / "out"}), ElementsAre("a"));
  EXPECT_THAT(names({.excluded = folder_ / "none"}), UnorderedElementsAre("a", "out/manifest.json"));
}

TEST_F(InputFiles, MayBeStandardInputOnce) {
  const auto files = list_input_files({"-", "-"}, {});
  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 1);
  EXPECT_TRUE(files->front().is_standard_input());
}

TEST_F(InputFiles, MustBeThere) {
  EXPECT_TRUE(
      fails(list_input_files({(folder_ / "none").string()}, {}), ErrorKind::kFatal, "none: No such file"));
  EXPECT_THAT(names(), IsEmpty());
}

}  // namespace
}  // namespace templar
