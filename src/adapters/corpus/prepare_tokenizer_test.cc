#include <fmt/format.h>
#include <gtest/gtest.h>

#include <utility>

#include "adapters/corpus/prepare.h"
#include "adapters/shards/data_folder.h"
#include "base/files/file.h"
#include "support/expect_failure.h"
#include "support/temporary_folder.h"
#include "support/text_files.h"
#include "support/tokenizer_json_file.h"

namespace templar::testing {
namespace {

class PrepareWithHuggingFace : public ::testing::Test {
 protected:
  PrepareWithHuggingFace() {
    write_text(folder_ / "model/tokenizer.json", json_);
    for (int i = 0; i < 20; ++i)
      write_text(folder_ / fmt::format("in/{}.txt", i), fmt::format("low lower lowest {} lows\n", i * 7919));
    options_.inputs = {(folder_ / "in").string()};
    options_.out = folder_ / "out";
    options_.sequence_length = 8;
    options_.held_out_fraction = 0.3;
    options_.tokenizer = "huggingface:" + (folder_ / "model").string();
  }

  [[nodiscard]] PrepareReport prepare() const {
    auto report = prepare_data(options_);
    EXPECT_TRUE(report) << report.error().message;
    return report.value_or(PrepareReport{});
  }

  TemporaryFolder folder_;
  const std::string json_ = to_text(byte_level_tokenizer());
  PrepareOptions options_;
};

TEST_F(PrepareWithHuggingFace, KeepsTheTokenizerBesideTheShards) {
  const PrepareReport report = prepare();
  EXPECT_EQ(report.manifest.tokenizer, "huggingface");
  EXPECT_EQ(report.manifest.vocab_size, 264);
  EXPECT_EQ(report.manifest.separator, 261);
  EXPECT_EQ(as_text(read_file(options_.out / "tokenizer.json", 1 << 20).value()), json_);
  const auto tokenizer = open_data_tokenizer(options_.out);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ((*tokenizer)->separator_id(), 261);
  EXPECT_EQ((*tokenizer)->encode("lower low"), (std::vector<uint32_t>{260, 259}));
  EXPECT_TRUE(open_data_folder(options_.out, {.verify = true}));
}

TEST_F(PrepareWithHuggingFace, TakesTheFileAsItTakesTheFolder) {
  const PrepareReport report = prepare();
  options_.tokenizer = "huggingface:" + (options_.out / "tokenizer.json").string();
  options_.out = folder_ / "other";
  EXPECT_EQ(prepare().manifest.shards, report.manifest.shards);
}

TEST_F(PrepareWithHuggingFace, NoticesATokenizerThatWasChanged) {
  (void)prepare();
  write_text(options_.out / "tokenizer.json", json_ + " ");
  EXPECT_TRUE(fails(open_data_tokenizer(options_.out), ErrorKind::kFatal, "tokenizer.json: corrupt"));
}

TEST_F(PrepareWithHuggingFace, NamesAFileThatIsNotThere) {
  options_.tokenizer = "huggingface:/none.json";
  EXPECT_TRUE(fails(prepare_data(options_), ErrorKind::kFatal, "/none.json"));
  options_.tokenizer = "huggingface:";
  EXPECT_TRUE(fails(prepare_data(options_), ErrorKind::kFatal, "huggingface: is unknown"));
}

}  // namespace
}  // namespace templar::testing
