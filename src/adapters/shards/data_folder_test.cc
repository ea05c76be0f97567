#include "adapters/shards/data_folder.h"

#include <gtest/gtest.h>

#include <fstream>

#include "adapters/shards/file_hash.h"
#include "adapters/shards/npy_writer.h"
#include "base/check.h"
#include "base/files/file.h"
#include "support/expect_failure.h"
#include "support/shard_folder.h"
#include "support/temporary_folder.h"

namespace templar {
namespace {

namespace fs = std::filesystem;
using testing::fails;
using testing::TemporaryFolder;
using testing::write_npy;
using testing::write_shard;
using testing::write_shard_folder;

class DataFolder : public ::testing::Test {
 protected:
  DataFolder() { write_shard_folder(folder_.path(), content_); }

  void flip_bit(const char* file, uintmax_t offset) {
    std::fstream stream(folder_ / file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(offset));
    const int byte = stream.get();
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.put(static_cast<char>(byte ^ 1));
  }
  [[nodiscard]] auto open(const DataFolderOptions& options = {}) const {
    return open_data_folder(folder_.path(), options);
  }

  MemoryShardSourceContent content_ = random_shard_content(3, 2, 9, 16, 256);
  TemporaryFolder folder_;
};

TEST_F(DataFolder, IsNamedByItsManifestsHash) {
  const auto source = open();
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ((*source)->manifest_hash(), hash_file(folder_ / kManifestFile).value());
}

TEST_F(DataFolder, IsVerifiedFileByFile) {
  std::vector<std::string> files;
  const Status verified =
      verify_data_folder(folder_.path(), [&](const std::string& file) { files.push_back(file); });
  EXPECT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(files, (std::vector<std::string>{"train_000000.npy", "sample_ids_000000.npy", "train_000001.npy",
                                             "sample_ids_000001.npy", "heldout_000000.npy",
                                             "heldout_ids_000000.npy"}));
  EXPECT_TRUE(open({.verify = true}));
}

TEST_F(DataFolder, IsRefusedWithAnotherSequenceLength) {
  EXPECT_TRUE(open({.sequence_length = 16}));
  EXPECT_TRUE(fails(open({.sequence_length = 8}), ErrorKind::kFatal,
                    "made for samples of 16 tokens, the run wants 8"));
}

TEST_F(DataFolder, IsRefusedWhereAFileIsMissing) {
  fs::remove(folder_ / "sample_ids_000001.npy");
  EXPECT_TRUE(fails(open(), ErrorKind::kFatal, "sample_ids_000001.npy: No such file"));
}

TEST_F(DataFolder, IsRefusedWhereAShardIsTruncated) {
  fs::resize_file(folder_ / "train_000001.npy", fs::file_size(folder_ / "train_000001.npy") - 1);
  EXPECT_TRUE(fails(open(), ErrorKind::kFatal, "train_000001.npy: 575 bytes of values"));
}

TEST_F(DataFolder, IsRefusedWhereAHeaderIsDamaged) {
  flip_bit("heldout_000000.npy", 3);
  EXPECT_TRUE(fails(open(), ErrorKind::kFatal, "heldout_000000.npy: not a .npy file"));
}

TEST_F(DataFolder, IsRefusedWhereAShardIsAnothersSize) {
  write_shard(folder_.path(), train_file_name(1), ids_file_name(1),
              random_shard_content(4, 1, 8, 16, 256).shards[0]);
  EXPECT_TRUE(fails(open(), ErrorKind::kFatal, "holds 8 samples, the manifest says 9"));
}

TEST_F(DataFolder, FailsWhereAShardWentBadAfterItWasOpened) {
  const auto source = open();
  ASSERT_TRUE(source);
  fs::resize_file(folder_ / "train_000000.npy", 100);
  EXPECT_TRUE(fails((*source)->open_shard(0), ErrorKind::kFatal, "train_000000.npy"));
  EXPECT_TRUE((*source)->open_shard(1));
}

TEST_F(DataFolder, ShowsAFlippedBitWhenItIsVerified) {
  for (const char* file :
       {"train_000001.npy", "sample_ids_000000.npy", "heldout_000000.npy", "heldout_ids_000000.npy"}) {
    flip_bit(file, fs::file_size(folder_ / file) - 5);
    EXPECT_TRUE(open()) << file;
    EXPECT_TRUE(
        fails(verify_data_folder(folder_.path()), ErrorKind::kFatal, std::string(file) + ": corrupt"));
    EXPECT_TRUE(fails(open({.verify = true}), ErrorKind::kFatal, file));
    flip_bit(file, fs::file_size(folder_ / file) - 5);
  }
  EXPECT_TRUE(verify_data_folder(folder_.path()));
}

TEST_F(DataFolder, ShowsATokenOutsideTheVocabularyWhenItIsVerified) {
  content_.shards[1].tokens[20] = 256;
  write_shard_folder(folder_.path(), content_);
  EXPECT_TRUE(
      fails(verify_data_folder(folder_.path()), ErrorKind::kFatal, "train_000001.npy: holds token 256"));
}

TEST_F(DataFolder, IsRefusedWhereTheManifestIsDamaged) {
  ASSERT_TRUE(write_file_atomically(folder_ / kManifestFile, "{"));
  EXPECT_TRUE(fails(open(), ErrorKind::kFatal, "manifest.json: not JSON: "));
}

TEST_F(DataFolder, IsRefusedWhereThePreparationWasCutOff) {
  fs::remove(folder_ / kManifestFile);
  fs::create_directory(folder_ / kPreparingFolder);
  EXPECT_TRUE(fails(open({.sequence_length = 16}), ErrorKind::kFatal, "was not finished"));
}

TEST_F(DataFolder, GivesItsTokenizer) {
  const auto tokenizer = open_data_tokenizer(folder_.path());
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ((*tokenizer)->name(), "bytes");
}

TEST(OpenDataFolder, SaysWhereThereIsNoDataSet) {
  const TemporaryFolder folder;
  EXPECT_TRUE(fails(open_data_folder(folder / "none"), ErrorKind::kFatal, "none: no such folder"));
  EXPECT_TRUE(
      fails(open_data_folder(folder.path(), {.sequence_length = 4}), ErrorKind::kFatal, "no data set here"));
  EXPECT_TRUE(fails(read_manifest(folder.path()), ErrorKind::kFatal, "no manifest.json here"));
  EXPECT_TRUE(fails(verify_data_folder(folder / "none"), ErrorKind::kFatal, "none: no such folder"));
  EXPECT_TRUE(fails(open_data_tokenizer(folder.path()), ErrorKind::kFatal, "manifest.json"));
}

// Shards as the reference system's preparation leaves them: these two names, no manifest.
class ReferenceShards : public DataFolder {
 protected:
  ReferenceShards() { fs::remove(folder_ / kManifestFile); }
};

TEST_F(ReferenceShards, AreUsedAsTheyAre) {
  const auto source = open({.sequence_length = 16});
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ((*source)->shard_count(), 2);
  EXPECT_EQ((*source)->sample_count(1), 9);
  EXPECT_EQ((*source)->vocab_size(), 0);
  EXPECT_EQ((*source)->tokenizer_name(), "");
  EXPECT_FALSE((*source)->manifest_hash());
  EXPECT_TRUE(fails((*source)->open_heldout(), ErrorKind::kSkip, "no held-out samples"));
  const auto shard = (*source)->open_shard(1);
  ASSERT_TRUE(shard);
  EXPECT_EQ(shard->sample_id(8), content_.shards[1].sample_ids[8]);
  EXPECT_EQ(shard->sample(8).back(), content_.shards[1].tokens.back());
}

TEST_F(ReferenceShards, NeedASequenceLengthThatFits) {
  EXPECT_TRUE(fails(open(), ErrorKind::kFatal, "sequence length must be given"));
  EXPECT_TRUE(fails(open({.sequence_length = 7}), ErrorKind::kFatal,
                    "144 tokens are not a multiple of the sequence length 7"));
  EXPECT_TRUE(fails(open({.sequence_length = 8}), ErrorKind::kFatal, "9 sample ids for the 18 samples"));
}

TEST_F(ReferenceShards, MustBeNumberedWithoutAGap) {
  fs::rename(folder_ / "train_000001.npy", folder_ / "train_000005.npy");
  EXPECT_TRUE(fails(open({.sequence_length = 16}), ErrorKind::kFatal,
                    "train_000001.npy is missing, train_000005.npy is there"));
}

TEST_F(ReferenceShards, MustHaveTokens) {
  write_npy<uint32_t>(folder_ / "train_000001.npy", NpyType::kU32, {});
  EXPECT_TRUE(fails(open({.sequence_length = 16}), ErrorKind::kFatal, "train_000001.npy: holds no tokens"));
}

}  // namespace
}  // namespace templar
