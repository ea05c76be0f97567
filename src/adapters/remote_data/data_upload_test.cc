#include "adapters/remote_data/data_upload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "support/expect_failure.h"
#include "support/hooked_store.h"
#include "support/shard_folder.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMinuteMs = 60'000;

class DataUpload : public ::testing::Test {
 protected:
  DataUpload() {
    write_shard_folder(folder_.path(), random_shard_content(1, 3, 20, 16, 256));
    hooks_.before = [this](std::string_view call, std::string_view key, uint64_t) -> Status {
      const MutexLock lock(mutex_);
      if (call == "put" || call == "remove") {
        changes_.push_back(std::string(call) + " " + std::string(key.substr(4)));
        if (changes_.size() > most_changes_) return retry_error("the store is away");
      }
      return {};
    };
  }
  [[nodiscard]] Result<UploadReport> upload(const fs::path& folder, UploadOptions options = {}) {
    {
      const MutexLock lock(mutex_);
      changes_.clear();
    }
    options.files_at_once = 2;
    return upload_data(folder, store_, objects_, options);
  }
  [[nodiscard]] std::vector<std::string> changes() {
    const MutexLock lock(mutex_);
    return changes_;
  }
  void allow_changes(size_t most) {
    const MutexLock lock(mutex_);
    most_changes_ = most;
  }
  [[nodiscard]] Bytes object(const std::string& file) {
    return memory_.get("bucket", "set/" + file, 1 << 20).value();
  }
  void expect_equal_to(const fs::path& folder) {
    for (const DataFile& file : files_of_manifest(read_manifest(folder).value()))
      EXPECT_EQ(object(file.name), read_file(folder / file.name, 1 << 20).value()) << file.name;
    EXPECT_EQ(object(kManifestFile), read_file(folder / kManifestFile, 1 << 20).value());
    EXPECT_FALSE(memory_.head("bucket", "set/manifest.pending").value());
  }

  Mutex mutex_;
  std::vector<std::string> changes_ GUARDED_BY(mutex_);
  size_t most_changes_ GUARDED_BY(mutex_) = SIZE_MAX;
  VirtualClock clock_{kMinuteMs};
  MemoryObjectStore memory_{clock_};
  StoreHooks hooks_;
  HookedStore store_{memory_, hooks_};
  DataObjects objects_{.bucket = "bucket", .prefix = "set", .where = "s3://bucket/set"};
  TemporaryFolder folder_;
};

TEST_F(DataUpload, SendsEveryFileAndTheManifestLast) {
  uint64_t done_bytes = 0;
  const auto report =
      upload(folder_.path(), {.progress = [&](uint64_t done, uint64_t) { done_bytes = done; }});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->files, 9u);
  EXPECT_EQ(report->sent_files, 9u);
  EXPECT_EQ(report->sent_bytes, report->total_bytes);
  EXPECT_EQ(done_bytes + fs::file_size(folder_ / kManifestFile), report->total_bytes);
  EXPECT_EQ(report->manifest_hash, hash_file(folder_ / kManifestFile).value());
  expect_equal_to(folder_.path());
  const auto made = changes();
  ASSERT_EQ(made.size(), 11u);
  EXPECT_EQ(made.front(), "put manifest.pending");
  EXPECT_EQ(made[9], "put manifest.json");
  EXPECT_EQ(made[10], "remove manifest.pending");
}

TEST_F(DataUpload, SendsNothingWhereAllIsThere) {
  ASSERT_TRUE(upload(folder_.path()));
  const auto report = upload(folder_.path());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->sent_files, 0u);
  EXPECT_TRUE(changes().empty());
}

TEST_F(DataUpload, GoesOnWhereItWasCutShort) {
  ASSERT_TRUE(upload(folder_.path()));
  const size_t after_the_mark = changes().size() - 1;
  for (size_t most = 0; most < after_the_mark; ++most) {
    const std::vector<ObjectInfo> sent = memory_.list("bucket", "set/").value();
    for (const ObjectInfo& info : sent) ASSERT_TRUE(memory_.remove("bucket", info.key));
    // The mark, then a minute later the files, so that they count as put after it.
    allow_changes(1);
    EXPECT_TRUE(fails(upload(folder_.path()), ErrorKind::kRetry, "the store is away"));
    clock_.advance(kMinuteMs);
    allow_changes(most);
    EXPECT_FALSE(upload(folder_.path())) << most;
    const size_t sent_before = memory_.list("bucket", "set/").value().size() - 1;  // without the mark
    EXPECT_LE(sent_before, most);
    allow_changes(SIZE_MAX);
    const auto report = upload(folder_.path());
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->sent_files, 9 - sent_before) << most;
    expect_equal_to(folder_.path());
  }
}

TEST_F(DataUpload, AFileOfAnotherDataSetIsNotTakenForOurs) {
  const TemporaryFolder other;
  write_shard_folder(other.path(), random_shard_content(2, 3, 20, 16, 256));
  allow_changes(5);
  EXPECT_FALSE(upload(other.path()));
  clock_.advance(kMinuteMs);
  EXPECT_FALSE(upload(other.path()));
  clock_.advance(kMinuteMs);
  // The sizes are alike, and the others came long after their mark.
  allow_changes(1);
  EXPECT_FALSE(upload(folder_.path()));
  allow_changes(SIZE_MAX);
  ASSERT_TRUE(upload(folder_.path()));
  expect_equal_to(folder_.path());
}

TEST_F(DataUpload, ReplacesAnotherDataSetOnlyWhereItMay) {
  const TemporaryFolder other;
  write_shard_folder(other.path(), random_shard_content(2, 4, 20, 16, 256));
  ASSERT_TRUE(upload(other.path()));
  EXPECT_TRUE(fails(upload(folder_.path()), ErrorKind::kFatal, "another data set is there"));
  EXPECT_TRUE(changes().empty());
  const auto report = upload(folder_.path(), {.replaces = true});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(changes().front(), "remove manifest.json");
  EXPECT_EQ(report->foreign_objects, 2u);  // the fourth shard's files
  expect_equal_to(folder_.path());
}

TEST_F(DataUpload, SendsAllAgainWhereItIsToReplace) {
  ASSERT_TRUE(upload(folder_.path()));
  Bytes damaged = object("train_000001.npy");
  damaged[500] ^= 1;
  ASSERT_TRUE(memory_.put("bucket", "set/train_000001.npy", damaged));
  const auto report = upload(folder_.path(), {.replaces = true});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->sent_files, 9u);
  expect_equal_to(folder_.path());
}

TEST_F(DataUpload, AFileThatIsNotWhatTheManifestSaysIsNotSent) {
  Bytes damaged = read_file(folder_ / "train_000001.npy", 1 << 20).value();
  damaged[500] ^= 1;
  ASSERT_TRUE(write_file_atomically(folder_ / "train_000001.npy", damaged));
  EXPECT_TRUE(fails(upload(folder_.path()), ErrorKind::kFatal, "train_000001.npy: corrupt"));
  EXPECT_FALSE(memory_.head("bucket", "set/train_000001.npy").value());
  EXPECT_FALSE(memory_.head("bucket", "set/manifest.json").value());
}

TEST_F(DataUpload, EndsWhereItIsCancelled) {
  EXPECT_TRUE(fails(upload(folder_.path(), {.is_cancelled = [] { return true; }}), ErrorKind::kRetry,
                    "not sent to its end"));
  EXPECT_FALSE(memory_.head("bucket", "set/manifest.json").value());
}

TEST_F(DataUpload, TakesOnlyWhatPrepareHasMade) {
  ASSERT_TRUE(fs::remove(folder_ / kManifestFile));
  EXPECT_TRUE(fails(upload(folder_.path()), ErrorKind::kFatal, "templar data prepare"));
  EXPECT_TRUE(fails(upload(folder_ / "none"), ErrorKind::kFatal, "no such folder"));
}

}  // namespace
}  // namespace templar::testing
