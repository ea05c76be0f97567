#include "app/localnet/run_origin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "support/expect_failure.h"
#include "support/temporary_folder.h"
#include "support/text_files.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RunOriginOfText : public ::testing::Test {
 protected:
  RunOriginOfText() {
    write_text(folder_ / "in/a.txt", "one");
    write_text(folder_ / "in/x/b.txt", "two");
    text_.inputs = {(folder_ / "in").string()};
    text_.tokenizer = "bytes";
    then_ = describe_text(text_).value();
  }
  [[nodiscard]] std::string difference() const { return text_difference(then_, text_).value(); }

  TemporaryFolder folder_;
  TextInputs text_;
  TextOrigin then_;
};

TEST_F(RunOriginOfText, IsTheSameWhereTheTextIs) {
  EXPECT_EQ(then_.files, 2u);
  EXPECT_EQ(then_.bytes, 6u);
  EXPECT_THAT(difference(), IsEmpty());
  // Elsewhere, and with other times.
  fs::rename(folder_ / "in", folder_ / "moved");
  text_.inputs = {(folder_ / "moved").string()};
  EXPECT_THAT(difference(), IsEmpty());
  write_text(folder_ / "moved/a.txt", "one");
  fs::last_write_time(folder_ / "moved/a.txt", fs::file_time_type::clock::now() - std::chrono::hours(24));
  EXPECT_THAT(difference(), IsEmpty());
}

TEST_F(RunOriginOfText, DiffersWhereTheTextDoes) {
  write_text(folder_ / "in/a.txt", "0ne");
  EXPECT_THAT(difference(), HasSubstr("text: " + text_.inputs[0] + " (2 files, 6 bytes) then"));
  write_text(folder_ / "in/a.txt", "one");
  EXPECT_THAT(difference(), IsEmpty());
  write_text(folder_ / "in/c.txt", "");
  EXPECT_THAT(difference(), HasSubstr("(3 files, 6 bytes) now"));
  fs::remove(folder_ / "in/c.txt");
  fs::rename(folder_ / "in/a.txt", folder_ / "in/d.txt");
  EXPECT_THAT(difference(), HasSubstr("text: "));
}

TEST_F(RunOriginOfText, DiffersWhereItWasTakenInAnotherWay) {
  text_.extensions = {"txt"};
  text_.max_bytes = 5;
  text_.tokenizer = "train:300";
  EXPECT_EQ(difference(),
            "--extensions: all then, txt now; --max-bytes: 0 then, 5 now; --tokenizer: bytes then, "
            "train:300 now");
}

TEST_F(RunOriginOfText, DiffersWhereTheTokenizersFileDoes) {
  write_text(folder_ / "model", "one");
  text_.tokenizer = "sentencepiece:" + (folder_ / "model").string();
  then_ = describe_text(text_).value();
  EXPECT_THAT(difference(), IsEmpty());
  write_text(folder_ / "model", "two");
  EXPECT_THAT(difference(), HasSubstr("the tokenizer's file: "));
  fs::remove(folder_ / "model");
  EXPECT_TRUE(fails(text_difference(then_, text_), ErrorKind::kFatal, "model: No such file"));
}

TEST_F(RunOriginOfText, DiffersWhereATokenizersFolderDoes) {
  write_text(folder_ / "model/tokenizer.json", "one");
  text_.tokenizer = "huggingface:" + (folder_ / "model").string();
  then_ = describe_text(text_).value();
  EXPECT_THAT(difference(), IsEmpty());
  write_text(folder_ / "model/tokenizer_config.json", "two");
  EXPECT_THAT(difference(), HasSubstr("the tokenizer's file: "));
  then_ = describe_text(text_).value();
  write_text(folder_ / "model/tokenizer.json", "three");
  EXPECT_THAT(difference(), HasSubstr("the tokenizer's file: "));
}

TEST_F(RunOriginOfText, OfStandardInputCanNotBeCompared) {
  text_.inputs = {"-"};
  then_ = describe_text(text_).value();
  EXPECT_THAT(difference(), HasSubstr("standard input, which nobody can compare now"));
}

TEST_F(RunOriginOfText, ReadsBackAsItWasWritten) {
  then_.extensions = {"h", "cc"};
  then_.max_bytes = 7;
  for (const RunOrigin& origin :
       {RunOrigin{.text = then_, .precision = Precision::kBf16},
        RunOrigin{.text = std::nullopt, .precision = Precision::kF32Deterministic, .ledger = "a/b"},
        RunOrigin{}})
    EXPECT_EQ(parse_run_origin(write_run_origin(origin)).value(), origin);
  EXPECT_FALSE(parse_run_origin(R"({"format": "templar-localnet-v1"})"));
  EXPECT_FALSE(parse_run_origin(R"({"format": "templar-localnet-v1", "precision": "f64"})"));
  EXPECT_FALSE(parse_run_origin(R"({"format": "templar-localnet-v2", "precision": "f32"})"));
  EXPECT_FALSE(parse_run_origin("{"));
}

}  // namespace
}  // namespace templar::testing
