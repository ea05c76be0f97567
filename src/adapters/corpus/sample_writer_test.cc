#include "adapters/corpus/sample_writer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "adapters/shards/file_hash.h"
#include "adapters/shards/npy.h"
#include "support/expect_failure.h"
#include "support/temporary_folder.h"

namespace templar {
namespace {

using ::testing::ElementsAre;
using testing::fails;

class SampleWriterTest : public ::testing::Test {
 protected:
  [[nodiscard]] SampleWriterOptions options(uint64_t shard_samples, uint64_t max_samples = 0) const {
    return {.folder = folder_.path(),
            .sequence_length = 4,
            .shard_samples = shard_samples,
            .max_samples = max_samples,
            .file_name = [](uint64_t index) { return fmt::format("t{}.npy", index); },
            .ids_file_name = [](uint64_t index) { return fmt::format("i{}.npy", index); }};
  }
  [[nodiscard]] std::vector<uint32_t> tokens_of(uint64_t index) const {
    const auto array = open_npy_u32(folder_ / fmt::format("t{}.npy", index));
    EXPECT_TRUE(array) << array.error().message;
    return {array->values.begin(), array->values.end()};
  }
  [[nodiscard]] std::vector<uint64_t> ids_of(uint64_t index) const {
    const auto array = open_npy_u64(folder_ / fmt::format("i{}.npy", index));
    EXPECT_TRUE(array) << array.error().message;
    return {array->values.begin(), array->values.end()};
  }
  // Writes 0, 1, 2, ... in pieces of the given size.
  static std::vector<ShardEntry> write(SampleWriter& writer, uint32_t count, size_t piece) {
    std::vector<uint32_t> tokens(count);
    std::iota(tokens.begin(), tokens.end(), 0);
    std::span<const uint32_t> left = tokens;
    while (!left.empty()) {
      const size_t taken = std::min(piece, left.size());
      EXPECT_TRUE(writer.append(left.first(taken), left.first(taken)));  // a token stands for itself in bytes
      left = left.subspan(taken);
    }
    auto entries = writer.finish();
    EXPECT_TRUE(entries) << entries.error().message;
    return *entries;
  }

  testing::TemporaryFolder folder_;
};

TEST_F(SampleWriterTest, WritesTheSameWhateverThePiecesAre) {
  std::vector<Hash256> hashes;
  for (const size_t piece : {1, 3, 4, 5, 11, 100}) {
    SampleWriter writer(options(100));
    const auto entries = write(writer, 42, piece);
    ASSERT_EQ(entries.size(), 1);
    EXPECT_EQ(entries[0].samples, 10);
    EXPECT_EQ(writer.dropped_tokens(), 2);
    hashes.push_back(entries[0].file_hash);
    hashes.push_back(entries[0].ids_hash);
    EXPECT_EQ(hashes[hashes.size() - 2], hashes[0]);
    EXPECT_EQ(hashes[hashes.size() - 1], hashes[1]);
  }
  EXPECT_EQ(tokens_of(0).size(), 40);
  EXPECT_EQ(tokens_of(0)[39], 39);
}

TEST_F(SampleWriterTest, StartsANewShardWhenOneIsFull) {
  SampleWriter writer(options(3));
  const auto entries = write(writer, 8 * 4, 5);
  ASSERT_EQ(entries.size(), 3);
  EXPECT_EQ(entries[0].samples, 3);
  EXPECT_EQ(entries[1].samples, 3);
  EXPECT_EQ(entries[2].samples, 2);
  EXPECT_THAT(tokens_of(2), ElementsAre(24, 25, 26, 27, 28, 29, 30, 31));
  EXPECT_EQ(entries[2].file, "t2.npy");
  EXPECT_EQ(entries[2].file_hash, hash_file(folder_ / "t2.npy").value());
}

TEST_F(SampleWriterTest, JoinsASmallLastShardToTheOneBefore) {
  SampleWriter writer(options(3));
  const auto entries = write(writer, 7 * 4, 5);
  ASSERT_EQ(entries.size(), 2);
  EXPECT_EQ(entries[1].samples, 4);
  EXPECT_EQ(tokens_of(1).size(), 16);
  EXPECT_EQ(tokens_of(1)[15], 27);
  EXPECT_EQ(ids_of(1).size(), 4);
  EXPECT_EQ(entries[1].ids_hash, hash_file(folder_ / "i1.npy").value());
  EXPECT_FALSE(std::filesystem::exists(folder_ / "t2.npy"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "i2.npy"));
}

TEST_F(SampleWriterTest, GivesEverySampleAnIdOfItsOwn) {
  SampleWriter writer(options(10));
  const std::vector<uint32_t> same(400, 7);
  ASSERT_TRUE(writer.append(same, same));
  ASSERT_TRUE(writer.finish());
  std::set<uint64_t> ids;
  for (uint64_t shard = 0; shard < 10; ++shard) {
    for (const uint64_t id : ids_of(shard)) ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 100);
}

TEST_F(SampleWriterTest, StopsAtTheWantedNumber) {
  SampleWriter writer(options(100, 5));
  const auto entries = write(writer, 40, 7);
  EXPECT_EQ(entries.at(0).samples, 5);
  EXPECT_EQ(writer.samples(), 5);
  EXPECT_EQ(writer.dropped_tokens(), 20);
}

TEST_F(SampleWriterTest, WritesNothingForLessThanASample) {
  SampleWriter writer(options(100));
  EXPECT_TRUE(write(writer, 3, 1).empty());
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(SampleWriterTest, SaysWhereItCannotWrite) {
  SampleWriterOptions elsewhere = options(10);
  elsewhere.folder = folder_ / "none";
  SampleWriter writer(elsewhere);
  EXPECT_TRUE(fails(writer.append(std::vector<uint32_t>(4, 1), std::vector<uint32_t>(4, 1)),
                    ErrorKind::kFatal, "none/t0.npy"));
}

}  // namespace
}  // namespace templar
