#include "adapters/influx/spool.h"

#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "adapters/http/gzip.h"
#include "adapters/influx/backlog.h"
#include "base/files/file.h"
#include "support/child_process.h"
#include "support/expect_failure.h"
#include "support/fuzz_corpus.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kLarge = 1 << 20;

PackedBatch batch_of(const std::string& lines, uint64_t points = 1) {
  return {.points = points, .packed = gzip(lines)};
}

size_t file_bytes(const PackedBatch& batch) {
  return encode_spool_file(batch).size();
}

// A spool that can write nothing: its folder is gone.
Spool broken_spool(const fs::path& folder) {
  auto spool = Spool::open(folder, kLarge).value();
  fs::remove_all(folder);
  return spool;
}

}  // namespace

TEST(Gzip, BringsBackWhatWasPacked) {
  for (const std::string& text : {std::string(), std::string("x"), std::string(1 << 20, 'y')})
    EXPECT_EQ(gunzip(gzip(text), kLarge).value(), text);
}

TEST(Gzip, RefusesWhatIsCutDamagedOrTooLarge) {
  Bytes packed = gzip("some lines of text");
  EXPECT_TRUE(fails(gunzip(ByteView(packed).first(packed.size() - 1), kLarge), ErrorKind::kSkip,
                    "damaged or cut off"));
  EXPECT_TRUE(fails(gunzip({}, kLarge), ErrorKind::kSkip, "damaged or cut off"));
  EXPECT_TRUE(fails(gunzip(gzip(std::string(1000, 'a')), 999), ErrorKind::kSkip, "more than 999 bytes"));
  packed.push_back(0);
  EXPECT_TRUE(fails(gunzip(packed, kLarge), ErrorKind::kSkip, "damaged or cut off"));
  packed.pop_back();
  packed[packed.size() - 6] ^= 1;  // the checksum of the text
  EXPECT_TRUE(fails(gunzip(packed, kLarge), ErrorKind::kSkip, "damaged or cut off"));
}

TEST(SpoolFile, ComesBackAsItWasAndShowsEveryDamage) {
  const PackedBatch batch = batch_of("m f=1 7\n", 3);
  const Bytes whole = encode_spool_file(batch);
  EXPECT_EQ(parse_spool_file(whole).value(), batch);
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_TRUE(fails(parse_spool_file(ByteView(whole).first(size)), ErrorKind::kSkip)) << size;
  Bytes flipped = whole;
  flipped.back() ^= 1;
  EXPECT_TRUE(fails(parse_spool_file(flipped), ErrorKind::kSkip, "checksum"));
}

TEST(SpoolFile, IsWhatTheFuzzerStartsFrom) {
  Bytes torn = encode_spool_file(batch_of("m f=1 7\n"));
  torn.pop_back();
  expect_fuzz_corpus("spool_fuzz",
                     {{"two_lines", encode_spool_file(batch_of("m f=1 7\nm,t=a f=\"b\nc\" 8\n", 2))},
                      {"empty", encode_spool_file(batch_of("", 0))},
                      {"torn", torn}});
}

TEST(Spool, GivesBackTheOldestFirst) {
  const TemporaryFolder folder;
  auto spool = Spool::open(folder / "spool", kLarge).value();
  EXPECT_TRUE(spool.empty());
  EXPECT_EQ(spool.push(batch_of("one")).value(), 0u);
  EXPECT_EQ(spool.push(batch_of("two", 2)).value(), 0u);
  EXPECT_EQ(spool.points(), 3u);
  EXPECT_EQ(spool.front().value(), batch_of("one"));
  spool.pop();
  EXPECT_EQ(spool.front().value(), batch_of("two", 2));
  spool.pop();
  EXPECT_TRUE(spool.empty());
  EXPECT_EQ(spool.bytes(), 0u);
}

TEST(Spool, IsContinuedByTheNextProcess) {
  const TemporaryFolder folder;
  for (const char* lines : {"one", "two", "three"})
    ASSERT_TRUE(Spool::open(folder / "spool", kLarge).value().push(batch_of(lines)));
  std::ofstream(folder / "spool/0000000000000007-1.lines.gz.part") << "torn";
  std::ofstream(folder / "spool/somebody's notes") << "stay";
  auto spool = Spool::open(folder / "spool", kLarge).value();
  for (const char* lines : {"one", "two", "three"}) {
    EXPECT_EQ(spool.front().value(), batch_of(lines));
    spool.pop();
  }
  EXPECT_TRUE(spool.empty());
  EXPECT_FALSE(fs::exists(folder / "spool/0000000000000007-1.lines.gz.part"));
  EXPECT_TRUE(fs::exists(folder / "spool/somebody's notes"));
}

TEST(Spool, BelongsToOneProcess) {
  const TemporaryFolder folder;
  const auto spool = Spool::open(folder / "spool", kLarge).value();
  const int outcome =
      run_in_child([&] { return fails(Spool::open(folder / "spool", kLarge), ErrorKind::kRetry) ? 0 : 1; });
  EXPECT_EQ(outcome, 0);
}

TEST(Spool, RemovesTheOldestAboveItsBoundAndCountsItsPoints) {
  const TemporaryFolder folder;
  const uint64_t one = file_bytes(batch_of("one"));
  auto spool = Spool::open(folder / "spool", 2 * one).value();
  EXPECT_EQ(spool.push(batch_of("one", 5)).value(), 0u);
  EXPECT_EQ(spool.push(batch_of("two", 7)).value(), 0u);
  EXPECT_EQ(spool.push(batch_of("six", 9)).value(), 5u);
  EXPECT_EQ(spool.front_points(), 7u);
  EXPECT_EQ(spool.bytes(), 2 * one);
  EXPECT_TRUE(fails(Spool::open(folder / "small", one - 1).value().push(batch_of("one")), ErrorKind::kSkip,
                    "above its bound"));
}

TEST(Spool, SaysWhichFileIsDamaged) {
  const TemporaryFolder folder;
  auto spool = Spool::open(folder / "spool", kLarge).value();
  ASSERT_TRUE(spool.push(batch_of("one", 4)));
  fs::resize_file(folder / "spool/0000000000000000-4.lines.gz", 22);
  EXPECT_TRUE(fails(spool.front(), ErrorKind::kSkip, "0000000000000000-4.lines.gz"));
  EXPECT_EQ(spool.front_points(), 4u);
}

TEST(Spool, LeavesNoPartOfAFileWhereTheDiskIsFull) {
  const TemporaryFolder folder;
  const int outcome = run_in_child([&] {
    limit_file_size(10, false);
    auto spool = Spool::open(folder / "spool", kLarge).value();
    return fails(spool.push(batch_of("one")), ErrorKind::kRetry) && spool.empty() ? 0 : 1;
  });
  EXPECT_EQ(outcome, 0);
  EXPECT_TRUE(Spool::open(folder / "spool", kLarge).value().empty());
}

TEST(Backlog, KeepsInMemoryWhatTheDiskDoesNotTakeAndDropsTheOldest) {
  const TemporaryFolder folder;
  const uint64_t one = batch_of("one").packed.size();
  Backlog backlog(broken_spool(folder / "spool"), 2 * one);
  EXPECT_EQ(backlog.push(batch_of("one", 5)), 0u);
  EXPECT_NE(backlog.disk_failure(), "");
  EXPECT_EQ(backlog.push(batch_of("two", 7)), 0u);
  EXPECT_EQ(backlog.push(batch_of("six", 9)), 5u);
  EXPECT_EQ(backlog.points_in_memory(), 16u);
  EXPECT_EQ(backlog.front().value(), batch_of("two", 7));
  fs::create_directories(folder /
                         "spool");  // there is room again: what waited goes to the disk, in its order
  EXPECT_EQ(backlog.push(batch_of("ten", 1)), 0u);
  EXPECT_EQ(backlog.disk_failure(), "");
  EXPECT_EQ(backlog.points_in_memory(), 0u);
  for (const auto& expected : {batch_of("two", 7), batch_of("six", 9), batch_of("ten", 1)}) {
    EXPECT_EQ(backlog.front().value(), expected);
    backlog.pop();
  }
  EXPECT_TRUE(backlog.empty());
}

TEST(Backlog, StaysInMemoryWithoutASpool) {
  Backlog backlog(std::nullopt, kLarge);
  EXPECT_EQ(backlog.push(batch_of("one", 5)), 0u);
  EXPECT_EQ(backlog.front_points(), 5u);
  EXPECT_EQ(backlog.points(), 5u);
  backlog.pop();
  EXPECT_TRUE(backlog.empty());
}

}  // namespace templar::testing
