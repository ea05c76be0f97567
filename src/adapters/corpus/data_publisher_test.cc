#include "adapters/corpus/data_publisher.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>

#include "adapters/corpus/prepare.h"
#include "adapters/shards/data_folder.h"
#include "support/temporary_folder.h"
#include "support/text_files.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;

std::map<std::string, std::string> contents_of(const fs::path& folder) {
  std::map<std::string, std::string> contents;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_directory()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    contents[entry.path().filename().string()] = std::string(std::istreambuf_iterator<char>(file), {});
  }
  return contents;
}

// A data folder whose old set has more files than the new one, which lies beside it, ready to be moved; and
// somebody's own file.
class KilledPublication : public ::testing::Test {
 protected:
  KilledPublication() {
    std::string text;
    for (int i = 0; i < 3000; ++i) text += fmt::format("line {}\n\n", i);
    write_text(folder_ / "in/a.txt", text);
    prepare(old_, 100);
    prepare(new_, 65536);
    write_text(old_ / "notes.txt", "mine");
    wanted_ = contents_of(new_);
    wanted_["notes.txt"] = "mine";
  }
  void prepare(const fs::path& out, uint64_t shard_samples) {
    PrepareOptions options{.inputs = {(folder_ / "in").string()}, .out = out};
    options.sequence_length = 32;
    options.shard_samples = shard_samples;
    EXPECT_TRUE(prepare_data(options));
  }
  [[nodiscard]] fs::path staging() const { return old_ / kPreparingFolder; }
  void stage() const { fs::rename(new_, staging()); }
  void take_manifest_away() const { fs::rename(old_ / kManifestFile, staging() / "replaced.json"); }

  const TemporaryFolder folder_;
  const fs::path old_ = folder_ / "out";
  const fs::path new_ = folder_ / "new";
  std::map<std::string, std::string> wanted_;
};

TEST_F(KilledPublication, LeavesTheOldDataSetWhereItHasNotBegun) {
  const auto before = contents_of(old_);
  stage();
  EXPECT_TRUE(verify_data_folder(old_));
  fs::rename(staging(), new_);
  EXPECT_EQ(contents_of(old_), before);
}

TEST_F(KilledPublication, IsBroughtToItsEndByWhoeverOpensTheFolder) {
  stage();
  take_manifest_away();
  EXPECT_TRUE(verify_data_folder(old_));
  EXPECT_EQ(contents_of(old_), wanted_);
}

TEST_F(KilledPublication, IsBroughtToItsEndWhereSomeFilesHaveBeenMoved) {
  stage();
  take_manifest_away();
  fs::remove(old_ / train_file_name(1));
  fs::rename(staging() / train_file_name(0), old_ / train_file_name(0));
  EXPECT_TRUE(open_data_folder(old_, {.sequence_length = 32, .verify = true}));
  EXPECT_EQ(contents_of(old_), wanted_);
}

TEST_F(KilledPublication, IsBroughtToItsEndWhereTheManifestAloneIsMissing) {
  stage();
  take_manifest_away();
  for (const auto& [name, content] : wanted_) {
    if (name != kManifestFile && name != "notes.txt") fs::rename(staging() / name, old_ / name);
  }
  EXPECT_TRUE(read_manifest(old_));
  EXPECT_EQ(contents_of(old_), wanted_);
}

TEST_F(KilledPublication, IsNoneWhereTheNewDataSetIsNotWhole) {
  stage();
  take_manifest_away();
  fs::remove(staging() / kManifestFile);
  const auto before = contents_of(old_);
  EXPECT_FALSE(read_manifest(old_));
  EXPECT_EQ(contents_of(old_), before);
}

}  // namespace
}  // namespace templar::testing
