#include "app/run/run_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/expect_failure.h"
#include "support/temporary_folder.h"
#include "support/text_files.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class RunFiles : public ::testing::Test {
 protected:
  // As a localnet of a validator and a miner leaves its folder.
  void make_run() const {
    for (const char* name : {"localnet.json",
                             "run_spec.json",
                             "ledger.db",
                             "ledger.db-wal",
                             "summary.json",
                             "loss.svg",
                             "sample.txt",
                             "lock",
                             "keys/validator-0.key",
                             "keys/miner-1.key",
                             "store/node-ab/records/1",
                             "store/.tmp/x",
                             "store/bootstrap/checkpoints/1/manifest.json",
                             "state/miner-1/state",
                             "state/baseline/lock",
                             "state/localnet/spool",
                             "metrics/miner-1.jsonl",
                             "metrics/localnet.jsonl",
                             "logs/evaluator.log",
                             "logs/localnet.log.1",
                             "model/config.json",
                             "model/model.safetensors",
                             "model/tokenizer.json",
                             "model/manifest.json",
                             "model/run_spec.json",
                             "data/manifest.json",
                             "data/train_000000.npy",
                             "data/sample_ids_000000.npy",
                             "data/heldout_ids_000000.npy"})
      write_text(run_ / name, name);
  }
  // Of all files below, by their paths inside.
  [[nodiscard]] std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(run_)) {
      if (!entry.is_directory()) names.push_back(entry.path().lexically_relative(run_).string());
    }
    return names;
  }

  TemporaryFolder folder_;
  fs::path run_ = folder_ / "run";
};

TEST_F(RunFiles, AreRemovedAllOfThem) {
  make_run();
  EXPECT_THAT(remove_run(run_).value(), IsEmpty());
  EXPECT_THAT(files(), ElementsAre("lock"));
  EXPECT_FALSE(fs::exists(run_ / "store"));
  EXPECT_THAT(remove_run(run_).value(), IsEmpty()) << "there is nothing left to remove";
}

TEST_F(RunFiles, AreRemovedWithoutWhatAPersonPutAmongThem) {
  make_run();
  const std::vector<std::string> own = {"notes.txt",           "keys/mine.key",   "keys/miner-1.key.bak",
                                        "data/book.txt",       "metrics/plot.py", "logs/node.log",
                                        "model/README.md",     "state/notes",     "store/elsewhere/x",
                                        "logs/miner-1.log.old"};
  for (const std::string& name : own) write_text(run_ / name, "a person's");
  std::vector<fs::path> told;
  for (const std::string& name : own) {
    if (name != "notes.txt")
      told.push_back(name == "store/elsewhere/x" ? run_ / "store/elsewhere" : run_ / name);
  }
  EXPECT_THAT(remove_run(run_).value(), ::testing::UnorderedElementsAreArray(told));
  std::vector<std::string> left = own;
  left.emplace_back("lock");
  EXPECT_THAT(files(), ::testing::UnorderedElementsAreArray(left));
}

TEST_F(RunFiles, AreNotWhatLinksLeadTo) {
  make_run();
  write_text(folder_ / "elsewhere/miner-1.jsonl", "a person's");
  fs::remove_all(run_ / "metrics");
  fs::create_directory_symlink("../elsewhere", run_ / "metrics");
  EXPECT_THAT(remove_run(run_).value(), ElementsAre(run_ / "metrics"));
  EXPECT_TRUE(fs::exists(folder_ / "elsewhere/miner-1.jsonl"));
  EXPECT_TRUE(fails(check_removal(run_, {}), ErrorKind::kFatal, "metrics: is a link"));
}

TEST_F(RunFiles, TellWhetherARunHasBegun) {
  EXPECT_FALSE(holds_run(run_).value()) << "no folder";
  write_text(run_ / "notes.txt", "");
  EXPECT_FALSE(holds_run(run_).value()) << "nothing under a run's names";
  write_text(run_ / "localnet.json", "{}");
  EXPECT_TRUE(holds_run(run_).value()) << "killed right at its beginning";
  EXPECT_TRUE(fails(holds_run(run_ / "notes.txt"), ErrorKind::kFatal, "notes.txt: is a file"));
  EXPECT_TRUE(fails(holds_run(folder_ / std::string(300, 'n')), ErrorKind::kFatal, "File name too long"));
}

TEST_F(RunFiles, AreKnownThoughTheirRunBeganBeforeItSaidWhereItCameFrom) {
  make_run();
  fs::remove(run_ / "localnet.json");
  EXPECT_TRUE(holds_run(run_).value());
}

TEST_F(RunFiles, AreNotAStrangersOfTheSameNames) {
  for (const char* name :
       {"data/book.txt", "keys/id", "model/config.json", "logs/x", "summary.json", "run_spec.json"}) {
    const TemporaryFolder stranger;
    write_text(stranger / name, "a person's");
    const std::string first = fs::path(name).begin()->string();
    EXPECT_TRUE(fails(holds_run(stranger.path()), ErrorKind::kFatal, first + ": no localnet made this"));
  }
}

TEST_F(RunFiles, AreNotRemovedWhereTheCallNeedsThem) {
  make_run();
  fs::create_directory_symlink(run_ / "data", folder_ / "link");
  const auto check = [&](const fs::path& path) {
    const std::vector<NamedPath> named = {{"--bootstrap", ""}, {"--data", path}};
    return check_removal(run_, named);
  };
  EXPECT_TRUE(check(folder_.path()));
  EXPECT_TRUE(check(run_ / "notes.txt"));
  EXPECT_TRUE(check("-"));
  for (const fs::path& path : {run_ / "data", run_ / "data/train_000000.npy", folder_ / "link",
                               run_ / "logs/../data/absent", run_ / "run_spec.json"})
    EXPECT_TRUE(fails(check(path), ErrorKind::kFatal, "(--data) lies in what --fresh would remove")) << path;
}

TEST_F(RunFiles, AreNotWrittenOver) {
  make_run();
  fs::create_symlink(run_ / "ledger.db", folder_ / "link");
  for (const fs::path& path : {run_ / "ledger.db", run_ / "keys/miner-1.key", run_ / "model",
                               run_ / "data/new", run_ / "store/node-ab/checkpoints/1/model.safetensors",
                               folder_ / "link", run_ / "logs/../ledger.db-shm"})
    EXPECT_TRUE(fails(refuse_own_file(path), ErrorKind::kFatal, "belongs to the run in ")) << path;
  for (const fs::path& path :
       {run_ / "new.gguf", run_ / "exported/model", folder_ / "x", fs::path("/dev/null")})
    EXPECT_TRUE(refuse_own_file(path)) << path;
  EXPECT_FALSE(refuse_own_file(run_ / "logs/miner-1.log"));
  EXPECT_TRUE(refuse_own_file(run_ / "logs/miner-1.log", WrittenAs::kWatching));
  EXPECT_FALSE(refuse_own_file(run_ / "ledger.db", WrittenAs::kWatching));
}

TEST_F(RunFiles, OfWatchingAreNotAppendedToWhatIsNoText) {
  write_text(folder_ / "notes.db", std::string("SQLite format 3\0 mine", 21));
  write_text(folder_ / "picture", std::string("\x89PNG\0\0", 6));
  write_text(folder_ / "old.log", "a line\n");
  EXPECT_TRUE(
      fails(refuse_own_file(folder_ / "notes.db", WrittenAs::kWatching), ErrorKind::kFatal, "a database"));
  EXPECT_TRUE(
      fails(refuse_own_file(folder_ / "picture", WrittenAs::kWatching), ErrorKind::kFatal, "is no text"));
  EXPECT_TRUE(refuse_own_file(folder_ / "old.log", WrittenAs::kWatching));
  EXPECT_TRUE(refuse_own_file(folder_ / "new.log", WrittenAs::kWatching));
  EXPECT_TRUE(refuse_own_file("/dev/null", WrittenAs::kWatching));
}

TEST_F(RunFiles, AreNotWhatLiesBelowAStrangersManifest) {
  write_text(folder_ / "project/manifest.json", "{}");
  write_text(folder_ / "project/models/run/metrics/localnet.jsonl", "");
  EXPECT_TRUE(refuse_own_file(folder_ / "project/models/run/metrics/localnet.jsonl", WrittenAs::kWatching));
}

TEST_F(RunFiles, AreNoOtherThanACheckpointsThatLiesByItself) {
  for (const char* name : {"manifest.json", "model.safetensors", "notes.txt"})
    write_text(folder_ / "copy" / name, "");
  EXPECT_TRUE(fails(refuse_own_file(folder_ / "copy/model.safetensors"), ErrorKind::kFatal,
                    "belongs to the checkpoint or data set in "));
  EXPECT_TRUE(refuse_own_file(folder_ / "copy/notes.txt"));
  EXPECT_TRUE(refuse_own_file(folder_ / "copy/new.gguf"));
}

}  // namespace
}  // namespace templar::testing
