#include "adapters/file_store/file_object_store.h"

#include <sys/mount.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <set>

#include "support/child_process.h"
#include "support/contracts/object_store_contract.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;

struct FileHarness {
  ObjectStore& store() { return files; }
  bool advance_ms(int64_t by_ms) {
    clock.advance(by_ms);
    return true;
  }

  TemporaryFolder folder;
  VirtualClock clock{1000};
  FileObjectStore files{folder / "store", clock};
};

int count_files(const fs::path& folder) {
  int count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) count += entry.is_regular_file() ? 1 : 0;
  return count;
}

Bytes filled(size_t size, int value) {
  return Bytes(size, static_cast<uint8_t>(value));
}

// A tmpfs of that size at the folder, for this process and its children alone; false if the system forbids
// it.
bool mount_small_disk(const fs::path& folder, const char* options) {
  return ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", folder.c_str(), "tmpfs", 0, options) == 0;
}

constexpr int kNotPossibleHere = 77;

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Files, ObjectStoreContract, FileHarness);

// Stricter than the port asks for: nodes may tell that somebody has put the same once more.
TEST(FileObjectStore, GivesEachPutAVersionOfItsOwnWhateverItsContent) {
  FileHarness harness;
  std::set<std::string> versions;
  for (int put = 0; put < 20; ++put) {
    ASSERT_TRUE(harness.store().put("bucket", "name", as_bytes("the same")));
    versions.insert(harness.store().head("bucket", "name").value()->version);
  }
  EXPECT_EQ(versions.size(), 20u);
}

TEST(FileObjectStore, KeepsTimesThatAVirtualClockGives) {
  const TemporaryFolder folder;
  VirtualClock clock;
  FileObjectStore store(folder.path(), clock);
  for (const TimestampMs time_ms :
       {TimestampMs{0}, TimestampMs{1}, TimestampMs{-1}, TimestampMs{-1001}, TimestampMs{1784800000123}}) {
    clock.set(time_ms);
    ASSERT_TRUE(store.put("bucket", "key", as_bytes("x")));
    EXPECT_EQ(store.head("bucket", "key").value()->stored_at_ms, time_ms);
  }
}

TEST(FileObjectStore, IsTheSameStoreForWhoeverOpensItsFolder) {
  const TemporaryFolder folder;
  VirtualClock clock{77};
  ASSERT_TRUE(FileObjectStore(folder / "a/b/store/", clock).put("bucket", "x/y", as_bytes("content")));
  const FileObjectStore again(folder / "a/b/../b/store", clock);
  EXPECT_EQ(as_text(again.get("bucket", "x/y", 100).value()), "content");
  EXPECT_EQ(again.head("bucket", "x/y").value()->stored_at_ms, 77);
}

TEST(FileObjectStore, LeavesNothingButTheObjects) {
  const TemporaryFolder folder;
  VirtualClock clock;
  FileObjectStore store(folder.path(), clock);
  ASSERT_TRUE(store.put("bucket", "x/y/z", as_bytes("content")));
  EXPECT_EQ(count_files(folder.path()), 1);
  ASSERT_TRUE(store.remove("bucket", "x/y/z"));
  EXPECT_FALSE(fs::exists(folder / "bucket"));
}

TEST(FileObjectStore, SaysWhenAnObjectIsWhereAFolderShouldBe) {
  const TemporaryFolder folder;
  VirtualClock clock;
  FileObjectStore store(folder.path(), clock);
  ASSERT_TRUE(store.put("bucket", "a", as_bytes("1")));
  EXPECT_TRUE(fails(store.put("bucket", "a/b", {}), ErrorKind::kFatal,
                    "object bucket/a/b: a part of the key is an object"));
  EXPECT_TRUE(fails(store.put("bucket", "a/b/c", {}), ErrorKind::kFatal,
                    "object bucket/a/b/c: a part of the key is an object"));
  ASSERT_TRUE(store.put("bucket", "c/d", as_bytes("2")));
  EXPECT_TRUE(fails(store.put("bucket", "c", {}), ErrorKind::kFatal, "there are objects under c/"));
  EXPECT_EQ(count_files(folder.path()), 2);
  EXPECT_EQ(as_text(store.get("bucket", "a", 1).value()), "1");
}

TEST(FileObjectStore, PutsWhereAKilledWriterLeftAnEmptyFolder) {
  const TemporaryFolder folder;
  VirtualClock clock;
  FileObjectStore store(folder.path(), clock);
  fs::create_directories(folder / "bucket/name");
  EXPECT_TRUE(store.put("bucket", "name", as_bytes("x")));
  EXPECT_EQ(as_text(store.get("bucket", "name", 1).value()), "x");
}

TEST(FileObjectStore, DoesNotFollowALinkOutOfTheStore) {
  const TemporaryFolder folder;
  VirtualClock clock;
  FileObjectStore store(folder / "store", clock);
  ASSERT_TRUE(store.put("bucket", "name", as_bytes("x")));
  std::ofstream(folder / "secret") << "secret";
  fs::create_symlink(folder / "secret", folder / "store/bucket/link");
  EXPECT_FALSE(store.get("bucket", "link", 100));
  EXPECT_EQ(store.head("bucket", "link").value(), std::nullopt);
  EXPECT_EQ(store.list("bucket", "").value().size(), 1u);
}

TEST(FileObjectStore, DoesNotListFilesWhoseNamesAreNoKeys) {
  const TemporaryFolder folder;
  VirtualClock clock;
  FileObjectStore store(folder.path(), clock);
  ASSERT_TRUE(store.put("bucket", "name", as_bytes("x")));
  std::ofstream(folder / "bucket/a name with spaces") << "x";
  EXPECT_EQ(store.list("bucket", "").value().size(), 1u);
}

TEST(FileObjectStore, ShowsOtherProcessesWholeObjectsOnly) {
  constexpr int kProcesses = 4;
  constexpr int kPuts = 200;
  const TemporaryFolder folder;
  const auto write_all_objects = [&](int process) {
    VirtualClock clock{process};
    FileObjectStore store(folder.path(), clock);
    for (int i = 0; i < kPuts; ++i) {
      // Half of the objects have a name of their own, half replace what another process put.
      const std::string key = i % 2 == 0 ? "own/" + std::to_string(process) + "-" + std::to_string(i)
                                         : "shared/" + std::to_string(i % 8);
      if (!store.put("bucket", key, filled(2000 + static_cast<size_t>(process) * 5000, process))) return 1;
    }
    return 0;
  };
  std::vector<std::unique_ptr<ChildProcess>> writers;
  for (int process = 0; process < kProcesses; ++process) {
    writers.push_back(std::make_unique<ChildProcess>([&, process] { return write_all_objects(process); }));
  }
  VirtualClock clock;
  const FileObjectStore store(folder.path(), clock);
  const auto check_all = [&] {
    const auto objects = store.list("bucket", "").value();
    for (const ObjectInfo& info : objects) {
      const auto content = store.get("bucket", info.key, 1 << 20);
      if (!content || content->empty()) return -1;
      if (*content != filled(2000 + size_t{content->front()} * 5000, content->front())) return -1;
    }
    return static_cast<int>(objects.size());
  };
  bool running = true;
  while (running) {
    ASSERT_GE(check_all(), 0);
    running = false;
    for (const auto& writer : writers) running = writer->running() || running;
  }
  for (const auto& writer : writers) EXPECT_EQ(writer->wait(), 0);
  EXPECT_EQ(check_all(), kProcesses * kPuts / 2 + 4);
  EXPECT_EQ(count_files(folder / ".tmp"), 0);
}

TEST(FileObjectStore, ShowsNothingOfAWriterKilledInMidPut) {
  const TemporaryFolder folder;
  VirtualClock clock;
  FileObjectStore store(folder.path(), clock);
  ASSERT_TRUE(store.put("bucket", "name", as_bytes("old")));
  const int end = run_in_child([&] {
    limit_file_size(100000, true);
    return store.put("bucket", "name", filled(300000, 1)) ? 0 : 1;
  });
  EXPECT_EQ(end, -SIGXFSZ);
  EXPECT_EQ(count_files(folder / ".tmp"), 1) << "it was killed while it wrote";
  EXPECT_EQ(as_text(store.get("bucket", "name", 100).value()), "old");
  EXPECT_EQ(store.list("bucket", "").value().size(), 1u);

  EXPECT_EQ(store.sweep_temporary_files(FileObjectStore::kSweepAgeSeconds).value(), 0)
      << "it may still be at work";
  EXPECT_EQ(store.sweep_temporary_files(0).value(), 1);
  EXPECT_EQ(count_files(folder / ".tmp"), 0);
}

TEST(FileObjectStore, ShowsWholeObjectsOfWritersKilledAtAnyInstant) {
  const TemporaryFolder folder;
  VirtualClock clock;
  FileObjectStore store(folder.path(), clock);
  for (size_t round = 0; round < 10; ++round) {
    ChildProcess writer([&] {
      for (int i = 0;; ++i) {
        if (!store.put("bucket", std::to_string(i % 3), filled(50000 + static_cast<size_t>(i) % 5, i)))
          return 1;
      }
    });
    const size_t enough = round + 1;
    for (size_t seen = 0; seen < enough * 100; ++seen) ASSERT_TRUE(store.list("bucket", ""));
    while (store.list("bucket", "").value().empty()) ASSERT_TRUE(writer.running());
    writer.kill_now();
    EXPECT_EQ(writer.wait(), -SIGKILL);
    const auto objects = store.list("bucket", "").value();
    for (const ObjectInfo& info : objects) {
      const Bytes content = store.get("bucket", info.key, 1 << 20).value();
      EXPECT_GE(content.size(), 50000u);
      EXPECT_EQ(content, filled(content.size(), content.front()));
    }
  }
}

TEST(FileObjectStore, ChangesNothingWhenAFileMayNotGrow) {
  const TemporaryFolder folder;
  VirtualClock clock;
  FileObjectStore store(folder.path(), clock);
  ASSERT_TRUE(store.put("bucket", "name", as_bytes("old")));
  const int end = run_in_child([&] {
    limit_file_size(100000, false);
    const auto refused = fails(store.put("bucket", "name", filled(300000, 1)), ErrorKind::kFatal,
                               "object bucket/name: File too large");
    return refused && store.put("bucket", "small", as_bytes("fits")) ? 0 : 1;
  });
  EXPECT_EQ(end, 0);
  EXPECT_EQ(as_text(store.get("bucket", "name", 100).value()), "old");
  EXPECT_EQ(count_files(folder.path()), 2);
}

TEST(FileObjectStore, ChangesNothingWhenTheDiskIsFull) {
  const TemporaryFolder folder;
  const int end = run_in_child([&] {
    if (!mount_small_disk(folder.path(), "size=256k")) return kNotPossibleHere;
    VirtualClock clock;
    FileObjectStore store(folder.path(), clock);
    if (!store.put("bucket", "name", as_bytes("old"))) return 1;
    if (!fails(store.put("bucket", "name", filled(1000000, 1)), ErrorKind::kRetry,
               "object bucket/name: No space left on device: free some"))
      return 2;
    if (as_text(store.get("bucket", "name", 100).value()) != "old") return 3;
    if (count_files(folder.path()) != 1) return 4;
    return store.put("bucket", "name", as_bytes("new")) ? 0 : 5;
  });
  if (end == kNotPossibleHere) GTEST_SKIP() << "no right to mount a small disk";
  EXPECT_EQ(end, 0);
}

TEST(FileObjectStore, SaysThatItsFolderIsUnwritable) {
  const TemporaryFolder folder;
  VirtualClock clock;
  std::ofstream(folder / "file") << "x";
  FileObjectStore inside_a_file(folder / "file/store", clock);
  EXPECT_TRUE(fails(inside_a_file.put("bucket", "name", {}), ErrorKind::kFatal, "Not a directory"));

  fs::create_directories(folder / "store/bucket");
  fs::create_directories(folder / "store/.tmp");
  fs::permissions(folder.path(), fs::perms::all);
  fs::permissions(folder / "store/.tmp", fs::perms::all);
  const int end = run_in_child([&] {
    if (::getuid() == 0 && !become_nobody()) return kNotPossibleHere;
    if (::access((folder / "store/bucket").c_str(), W_OK) == 0)
      fs::permissions(folder / "store/bucket", fs::perms::owner_read);
    FileObjectStore store(folder / "store", clock);
    return fails(store.put("bucket", "name", {}), ErrorKind::kFatal, "object bucket/name: Permission denied")
               ? 0
               : 1;
  });
  if (end == kNotPossibleHere) GTEST_SKIP() << "root is refused nothing";
  EXPECT_EQ(end, 0);
  EXPECT_EQ(count_files(folder / "store"), 0);
}

TEST(FileStore, TellsWhatTheKeysInAFolderBeginWith) {
  EXPECT_EQ(key_of_folder("/store/bucket/checkpoints/0000000012", 2), "checkpoints/0000000012");
  EXPECT_EQ(key_of_folder("bucket", 1), "bucket");
}

}  // namespace templar::testing
