#include "formats/checkpoint/checkpoint_download.h"
#include "base/threads/mutex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/files/file.h"
#include "core/consensus/state_root.h"
#include "formats/checkpoint/checkpoint_folder.h"
#include "support/expect_failure.h"
#include "support/temporary_folder.h"
#include "support/test_key.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;

// A checkpoint with a file of two and a half pieces; a model is not needed to copy it.
class Download : public ::testing::Test {
 protected:
  void SetUp() override {
    large_.resize(2 * kPieceBytes + kPieceBytes / 2);
    for (size_t i = 0; i < large_.size(); ++i) large_[i] = static_cast<uint8_t>(i * 31 + (i >> 16));
    CheckpointManifest manifest{.run_id = {},
                                .window = 5,
                                .outer_step = 5,
                                .start_window = 0,
                                .state_root = {},
                                .files = {},
                                .signer = {}};
    put("model.safetensors", large_, manifest);
    put("config.json", Bytes{'{', '}'}, manifest);
    put("run_spec.json", Bytes{'{', '}'}, manifest);
    put("empty.txt", {}, manifest);
    const std::string text = seal_manifest(manifest, test_key(1));
    ASSERT_TRUE(fs::create_directories(source_));
    for (const auto& [name, content] : contents_) ASSERT_TRUE(write_file_atomically(source_ / name, content));
    ASSERT_TRUE(write_file_atomically(source_ / "manifest.json", text));
    manifest_ = open_manifest(text).value();
  }
  void put(const std::string& name, const Bytes& content, CheckpointManifest& manifest) {
    contents_[name] = content;
    CheckpointFile file{.name = name, .size_bytes = content.size(), .pieces = {}};
    for (uint64_t begin = 0; begin < content.size(); begin += kPieceBytes) {
      file.pieces.push_back(blake2b_256(
          ByteView(content).subspan(begin, std::min<uint64_t>(kPieceBytes, content.size() - begin))));
    }
    manifest.files.push_back(std::move(file));
  }
  // The source, counting what is read of it, away after so many reads.
  [[nodiscard]] CheckpointFiles source(int reads = 1 << 30) {
    CheckpointFiles files = checkpoint_in_folder(source_);
    files.read = [this, reads, read = files.read](std::string_view name, uint64_t offset,
                                                  std::span<uint8_t> out) -> Status {
      const MutexLock lock(mutex_);
      if (static_cast<int>(reads_.size()) >= reads) return retry_error("away");
      reads_.emplace_back(name, offset);
      return read(name, offset, out);
    };
    return files;
  }
  [[nodiscard]] Status download(int reads = 1 << 30, int connections = 4) {
    {
      const MutexLock lock(mutex_);
      reads_.clear();
    }
    return download_checkpoint(source(reads), manifest_, target_,
                               {.connections = connections, .progress = {}});
  }
  // What the last download has read of the source: files and offsets.
  [[nodiscard]] std::vector<std::pair<std::string, uint64_t>> reads_of_source() const {
    const MutexLock lock(mutex_);
    return reads_;
  }
  [[nodiscard]] bool is_whole() const {
    for (const auto& [name, content] : contents_) {
      if (read_file(target_ / name, 1 << 26).value() != content) return false;
    }
    return read_manifest(checkpoint_in_folder(target_)).value() == manifest_;
  }

  TemporaryFolder folder_;
  fs::path source_ = folder_ / "source";
  fs::path target_ = folder_ / "a/target";
  Bytes large_;
  std::map<std::string, Bytes> contents_;
  CheckpointManifest manifest_;
  mutable Mutex mutex_;
  std::vector<std::pair<std::string, uint64_t>> reads_ GUARDED_BY(mutex_);
};

}  // namespace

TEST_F(Download, GivesTheSameFiles) {
  for (const int connections : {1, 8}) {
    fs::remove_all(target_);
    const Status status = download(1 << 30, connections);
    ASSERT_TRUE(status) << status.error().message;
    EXPECT_TRUE(is_whole());
    // The manifest twice at most, three pieces, two small files; nothing of the empty one.
    EXPECT_LE(reads_of_source().size(), 7u);
  }
}

TEST_F(Download, GoesOnWhereItWasCutShort) {
  for (int reads = 1; reads < 6; ++reads) {
    fs::remove_all(target_);
    EXPECT_TRUE(fails(download(reads, 1), ErrorKind::kRetry, "away")) << reads;
    EXPECT_FALSE(fs::exists(target_ / "manifest.json"));
    const auto reads_before = reads_of_source();
    const std::set<std::pair<std::string, uint64_t>> first(reads_before.begin(), reads_before.end());
    const Status status = download(1 << 30, 1);
    ASSERT_TRUE(status) << status.error().message;
    EXPECT_TRUE(is_whole());
    for (const auto& read : reads_of_source())
      EXPECT_FALSE(read.first != "manifest.json" && first.contains(read)) << read.first;
  }
}

TEST_F(Download, FetchesOnlyThePiecesThatAreDamaged) {
  ASSERT_TRUE(download());
  Bytes damaged = large_;
  damaged[kPieceBytes + 5] ^= 1;
  ASSERT_TRUE(write_file_atomically(target_ / "model.safetensors", damaged));
  ASSERT_TRUE(write_file_atomically(target_ / "config.json", std::string_view("longer than it was")));
  ASSERT_TRUE(download());
  EXPECT_TRUE(is_whole());
  auto read = reads_of_source();
  std::erase_if(read, [](const auto& piece) { return piece.first == "manifest.json"; });
  EXPECT_THAT(read, ::testing::UnorderedElementsAre(
                        std::pair<std::string, uint64_t>("model.safetensors", kPieceBytes),
                        std::pair<std::string, uint64_t>("config.json", 0)));
}

TEST_F(Download, LeavesNoCheckpointWhereAPieceIsWrong) {
  ASSERT_TRUE(download());
  large_[2 * kPieceBytes] ^= 1;
  ASSERT_TRUE(write_file_atomically(source_ / "model.safetensors", large_));
  fs::remove(target_ / "model.safetensors");
  EXPECT_TRUE(
      fails(download(), ErrorKind::kSkip, "model.safetensors: bytes 8388608 to 10485760 have the hash"));
  EXPECT_FALSE(fs::exists(target_ / "manifest.json"));
  large_.pop_back();
  ASSERT_TRUE(write_file_atomically(source_ / "model.safetensors", large_));
  EXPECT_TRUE(fails(download(), ErrorKind::kSkip, "the manifest says 10485760"));
}

TEST_F(Download, RefusesAManifestThatWasReplaced) {
  CheckpointManifest other = manifest_;
  ++other.window;
  ASSERT_TRUE(write_file_atomically(source_ / "manifest.json", seal_manifest(other, test_key(1))));
  EXPECT_TRUE(fails(download(), ErrorKind::kRetry, "replaced"));
  EXPECT_FALSE(fs::exists(target_));
}

TEST_F(Download, SaysHowFarItIs) {
  std::vector<uint64_t> done;
  ASSERT_TRUE(download_checkpoint(source(), manifest_, target_,
                                  {.connections = 3, .progress = [&](uint64_t bytes, uint64_t total) {
                                     EXPECT_EQ(total, large_.size() + 4);
                                     done.push_back(bytes);
                                   }}));
  EXPECT_TRUE(std::ranges::is_sorted(done));
  EXPECT_EQ(done.back(), large_.size() + 4);
}

TEST_F(Download, SaysThatTheFolderCannotBeWritten) {
  ASSERT_TRUE(write_file_atomically(folder_ / "file", std::string_view("x")));
  target_ = folder_ / "file/below";
  EXPECT_TRUE(fails(download(), ErrorKind::kFatal, "file/below: Not a directory"));
}

TEST_F(Download, IntoAStoreIsTheSameCheckpoint) {
  const VirtualClock clock;
  MemoryObjectStore store(clock);
  ASSERT_TRUE(copy_checkpoint(source(), manifest_, store, "bootstrap"));
  const CheckpointFiles copied = checkpoint_in_store(store, "bootstrap", 5);
  EXPECT_EQ(read_manifest(copied).value(), manifest_);
  for (const auto& [name, content] : contents_) {
    EXPECT_EQ(store.get("bootstrap", "checkpoints/0000000005/" + name, 1 << 26).value(), content) << name;
  }
}

TEST_F(Download, IntoAStoreIsNoCheckpointUntilAllIsThere) {
  const VirtualClock clock;
  MemoryObjectStore store(clock);
  EXPECT_TRUE(fails(copy_checkpoint(source(3), manifest_, store, "bootstrap"), ErrorKind::kRetry, "away"));
  EXPECT_FALSE(read_manifest(checkpoint_in_store(store, "bootstrap", 5)));
}

}  // namespace templar::testing
