#include "formats/export/model_source.h"

#include <gtest/gtest.h>

#include "support/expect_failure.h"

namespace templar::testing {
namespace {

// One parameter of these values.
ModelSource source_with(const std::vector<float>& values) {
  ModelSource source;
  source.read = [&values](size_t) -> Result<std::span<const float>> {
    return std::span<const float>(values);
  };
  return source;
}

TEST(ModelSource, WritesRowsInTheWantedOrder) {
  const std::vector<float> values = {0, 1, 10, 11, 20, 21};
  Bytes out;
  const auto status = write_parameter(
      source_with(values), {"w", {3, 2}}, 0, NumberType::kF32, [](int64_t row) { return 2 - row; },
      [&](ByteView piece) {
        out.insert(out.end(), piece.begin(), piece.end());
        return Status();
      });
  ASSERT_TRUE(status);
  const std::vector<float> expected = {20, 21, 10, 11, 0, 1};
  EXPECT_TRUE(std::ranges::equal(out, as_bytes(std::span(expected))));
}

TEST(ModelSource, WritesALargeParameterInPieces) {
  const std::vector<float> values(3'000'000, 0.5F);
  size_t largest = 0;
  size_t total = 0;
  ASSERT_TRUE(
      write_parameter(source_with(values), {"w", {3'000'000}}, 0, NumberType::kBf16, {}, [&](ByteView piece) {
        largest = std::max(largest, piece.size());
        total += piece.size();
        return Status();
      }));
  EXPECT_EQ(total, 6'000'000);
  EXPECT_LE(largest, size_t{2} << 20);
}

TEST(ModelSource, NamesTheParameterThatCannotBeWritten) {
  const std::vector<float> values = {1e6F};
  const auto sink = [](ByteView) { return Status(); };
  EXPECT_TRUE(fails(write_parameter(source_with(values), {"the.weight", {1}}, 0, NumberType::kF16, {}, sink),
                    ErrorKind::kFatal, "the.weight: 1000000"));
}

TEST(ModelSource, TellsTheProgressAndEndsWhereItSaysSo) {
  std::vector<uint64_t> told;
  size_t passed = 0;
  const ByteSink sink = with_progress(
      [&](ByteView piece) {
        passed += piece.size();
        return Status();
      },
      [&](uint64_t done, uint64_t total) {
        EXPECT_EQ(total, 30);
        told.push_back(done);
        return done < 20;
      },
      30);
  const Bytes ten(10);
  EXPECT_TRUE(sink(ten));
  EXPECT_TRUE(fails(sink(ten), ErrorKind::kFatal, "interrupted"));
  EXPECT_EQ(told, (std::vector<uint64_t>{10, 20}));
  EXPECT_EQ(passed, 20);
}

}  // namespace
}  // namespace templar::testing
