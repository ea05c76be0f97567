#include "adapters/corpus/input_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "adapters/shards/data_folder.h"
#include "support/expect_failure.h"
#include "support/temporary_folder.h"
#include "support/text_files.h"

namespace templar {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::fails;
using testing::gzip_file;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using testing::write_text;
using testing::zstd_file;

class InputFiles : public ::testing::Test {
 protected:
  // In the order of the corpus.
  [[nodiscard]] std::vector<std::string> names(const InputOptions& options = {}) const {
    return names_of({folder_.path().string()}, options);
  }
  [[nodiscard]] static std::vector<std::string> names_of(const std::vector<std::string>& inputs,
                                                         const InputOptions& options = {}) {
    const auto listing = list_input_files(inputs, options);
    EXPECT_TRUE(listing) << listing.error().message;
    std::vector<std::string> names;
    for (const InputFile& file : listing->files) names.push_back(file.name);
    return names;
  }
  // "NAME: REASON" of what was left out of the folder.
  [[nodiscard]] std::vector<std::string> left_out() const {
    std::vector<std::string> told;
    const InputListing listing = list_input_files({folder_.path().string()}, {}).value();
    for (const LeftOut& entry : listing.left_out) {
      told.push_back(fs::relative(entry.path, folder_.path()).string() + ": " + entry.reason);
    }
    return told;
  }

  testing::TemporaryFolder folder_;
};

TEST_F(InputFiles, AreTakenFromAllFolders) {
  write_text(folder_ / "a.txt", "12345");
  write_text(folder_ / "x/b.txt", "");
  write_text(folder_ / "x/y/z/c.txt", "");
  EXPECT_THAT(names(), UnorderedElementsAre("a.txt", "x/b.txt", "x/y/z/c.txt"));
  const auto listing = list_input_files({(folder_ / "a.txt").string()}, {});
  ASSERT_TRUE(listing);
  EXPECT_EQ(listing->files.at(0).size_bytes, 5);
  EXPECT_EQ(listing->files.at(0).path, folder_ / "a.txt");
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
  EXPECT_THAT(left_out(), UnorderedElementsAre(".hidden: hidden", ".git: hidden", "broken: a broken link",
                                               "pipe: no regular file"));
}

TEST_F(InputFiles, AreNoSecrets) {
  const std::string key(64, 'a');
  write_text(folder_ / "a", "text that names an AWS secret access key");
  write_text(folder_ / "keys/miner-1.key", "no key, but who knows");
  write_text(folder_ / "keys/copy of a key", key + "\n");
  write_text(folder_ / "keys/not a key", key + "a\n");
  write_text(folder_ / ".env.local", "TOKEN=1");
  write_text(folder_ / "aws/Credentials", "[default]");
  write_text(folder_ / "aws/backup", "[default]\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG\n");
  write_text(folder_ / "server", "-----BEGIN RSA PRIVATE KEY-----\nMII\n");
  write_text(folder_ / "packed.gz", gzip_file(key));
  write_text(folder_ / "server.PEM.zst", zstd_file("whatever"));
  write_text(folder_ / "about", "Such a file begins with -----BEGIN RSA PRIVATE KEY-----, and\n");
  write_text(folder_ / "boto", "aws_secret_access_key=None\n");
  write_text(folder_ / "corpus", "-----BEGIN RSA PRIVATE KEY-----\n" + std::string(70'000, 'x'));
  write_text(folder_ / "ledger", std::string("SQLite format 3\0 and pages", 26));
  EXPECT_THAT(names(), UnorderedElementsAre("a", "keys/not a key", "about", "boto", "corpus"));
  EXPECT_THAT(left_out(),
              UnorderedElementsAre(".env.local: named like a secret", "aws/Credentials: named like a secret",
                                   "aws/backup: credentials", "keys/miner-1.key: named like a secret",
                                   "keys/copy of a key: a secret key", "server: a private key",
                                   "packed.gz: a secret key", "server.PEM.zst: named like a secret",
                                   "ledger: a database"));
  // Named by a person it is refused.
  EXPECT_TRUE(fails(list_input_files({(folder_ / "keys/copy of a key").string()}, {}), ErrorKind::kFatal,
                    "copy of a key: is a secret key, which is never taken as text"));
  EXPECT_TRUE(fails(list_input_files({(folder_ / "keys/miner-1.key").string()}, {}), ErrorKind::kFatal,
                    "miner-1.key: is named like a secret"));
}

TEST_F(InputFiles, AreTakenThoughAHiddenLinkLeadsToThemFirst) {
  write_text(folder_ / "dump/a", "");
  fs::create_directory_symlink("dump", folder_ / ".latest");
  fs::create_hard_link(folder_ / "dump/a", folder_ / ".a");
  EXPECT_THAT(names(), ElementsAre("dump/a"));
}

TEST_F(InputFiles, MayBeAPipeThatSomebodyWritesInto) {
  const fs::path pipe = folder_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(names_of({pipe.string()}), ElementsAre("pipe"));
}

TEST_F(InputFiles, AreNothingThatThisProgramMade) {
  write_text(folder_ / "a", "");
  write_text(folder_ / "run/localnet.json", "{}");
  write_text(folder_ / "run/logs/localnet.log", "a line");
  write_text(folder_ / "older run/run_spec.json", "{}");
  write_text(folder_ / "checkpoint/manifest.json", "{}");
  write_text(folder_ / "checkpoint/run_spec.json", "{}");
  write_text(folder_ / "data/manifest.json", "{}");
  write_text(folder_ / "data/train_000000.npy", "");
  write_text(folder_ / "unfinished" / kPreparingFolder / "x", "");
  EXPECT_THAT(names(), ElementsAre("a"));
  EXPECT_THAT(left_out(), UnorderedElementsAre("run: a run's folder", "older run: a run's folder",
                                               "checkpoint: a checkpoint", "data: a prepared data set",
                                               "unfinished: an unfinished data set"));
  EXPECT_TRUE(fails(list_input_files({(folder_ / "run").string()}, {}), ErrorKind::kFatal,
                    "run: is a run's folder, which is never taken as text"));
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
  const auto listing = list_input_files({"-", "-"}, {});
  ASSERT_TRUE(listing);
  ASSERT_EQ(listing->files.size(), 1);
  EXPECT_TRUE(listing->files.front().is_standard_input());
}

TEST_F(InputFiles, MustBeThere) {
  EXPECT_TRUE(
      fails(list_input_files({(folder_ / "none").string()}, {}), ErrorKind::kFatal, "none: No such file"));
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(InputFiles, TakeExtensionsAsPeopleWriteThem) {
  const testing::TemporaryFolder folder;
  testing::write_text(folder / "a.jsonl.gz", "{}");
  testing::write_text(folder / "b.TXT", "text");
  testing::write_text(folder / "c.md", "text");
  for (const char* extension : {".jsonl", " JSONL", "jsonl.gz", ".Jsonl.ZST"}) {
    const auto listing = list_input_files({folder.path().string()}, {.extensions = {extension, ".txt"}});
    ASSERT_TRUE(listing) << listing.error().message;
    EXPECT_EQ(listing->files.size(), 2) << extension;
  }
}

}  // namespace
}  // namespace templar
