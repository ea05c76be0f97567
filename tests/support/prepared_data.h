// Text files that are prepared in a folder of their own, for the tests of `data prepare`. A test that
// includes this links zlib and zstd.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>

#include "adapters/corpus/prepare.h"
#include "adapters/shards/data_folder.h"
#include "base/random.h"
#include "support/temporary_folder.h"
#include "support/text_files.h"

namespace templar::testing {

// Lines that all differ, so that a line is found on one side only.
inline std::string text_of(uint64_t seed, size_t lines) {
  Random random(seed);
  std::string text;
  for (size_t i = 0; i < lines; ++i) text += fmt::format("line {} of {}: {:016x}\n", i, seed, random.next());
  return text;
}

// The text of a shard, separators as '|'.
inline std::string decoded(const Shard& shard) {
  std::string text;
  for (uint64_t i = 0; i < shard.sample_count(); ++i) {
    for (const uint32_t token : shard.sample(i)) text += token == 0 ? '|' : static_cast<char>(token);
  }
  return text;
}

class PrepareData : public ::testing::Test {
 protected:
  PrepareData() {
    options_.inputs = {(folder_ / "in").string()};
    options_.out = folder_ / "out";
    options_.sequence_length = 32;
    std::filesystem::create_directory(folder_ / "in");
  }
  void write_corpus(int files = 40, size_t lines = 30) {
    for (int i = 0; i < files; ++i)
      write_text(folder_ / fmt::format("in/{}/{}.txt", i % 3, i), text_of(static_cast<uint64_t>(i), lines));
  }
  PrepareReport prepare() {
    auto report = prepare_data(options_);
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : PrepareReport{};
  }
  // The training text and the held-out text.
  std::pair<std::string, std::string> texts() {
    auto source = open_data_folder(options_.out, {.verify = true});
    EXPECT_TRUE(source) << source.error().message;
    std::string train;
    for (uint64_t i = 0; i < (*source)->shard_count(); ++i)
      train += decoded((*source)->open_shard(i).value());
    return {train, decoded((*source)->open_heldout().value())};
  }

  TemporaryFolder folder_;
  PrepareOptions options_;
};

}  // namespace templar::testing
