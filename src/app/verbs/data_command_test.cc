#include "app/verbs/verbs.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/files/file.h"
#include "support/run_verb.h"
#include "support/temporary_folder.h"

namespace templar {
namespace {

namespace fs = std::filesystem;
using Outcome = testing::VerbOutcome;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DataCommand : public ::testing::Test {
 protected:
  DataCommand() {
    std::string text;
    for (int i = 0; i < 3000; ++i) text += fmt::format("this is line {}\n", i);
    EXPECT_TRUE(write_file_atomically(folder_ / "text.txt", text));
  }
  static Outcome run(std::vector<std::string> arguments) {
    return testing::run_verb(add_data_command, std::move(arguments));
  }
  Outcome prepare(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"data", "prepare", text_, "--out", out_, "--sequence-length", "64"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(std::move(arguments));
  }

  testing::TemporaryFolder folder_;
  std::string text_ = (folder_ / "text.txt").string();
  std::string out_ = (folder_ / "out").string();
};

TEST_F(DataCommand, PreparesShowsAndVerifiesADataSet) {
  const Outcome prepared = prepare();
  EXPECT_EQ(prepared.exit_code, 0);
  EXPECT_THAT(prepared.output, HasSubstr("tokenizer   bytes, 256 tokens"));
  EXPECT_THAT(prepared.output, HasSubstr("samples of  64 tokens"));
  EXPECT_THAT(prepared.errors, IsEmpty());

  const Outcome shown = run({"data", "show", out_, "--sample", "3"});
  EXPECT_EQ(shown.exit_code, 0);
  EXPECT_THAT(shown.output, HasSubstr("shard 0, sample 3, id "));
  EXPECT_THAT(shown.output, HasSubstr("is line"));

  const Outcome verified = run({"data", "verify", out_});
  EXPECT_EQ(verified.exit_code, 0);
  EXPECT_THAT(verified.output, HasSubstr("every file is as the manifest says"));
}

TEST_F(DataCommand, TakesItsOptions) {
  const Outcome prepared = prepare({"--max-bytes", "30000", "--held-out-samples", "9", "--shard-samples",
                                    "100", "--tokenizer", "bytes", "--extensions", "txt,md", "--seed", "4"});
  EXPECT_EQ(prepared.exit_code, 0) << prepared.errors;
  EXPECT_THAT(prepared.output, HasSubstr("extensions txt, md; at most 30000 bytes"));
  EXPECT_THAT(prepared.output, HasSubstr("held out    9 samples"));
  EXPECT_THAT(prepared.output, HasSubstr("5 shards"));
}

TEST_F(DataCommand, TakesInputsBehindTheExtensions) {
  EXPECT_EQ(run({"data", "prepare", "--out", out_, "--sequence-length", "64", "--extensions", "txt",
                 folder_.path().string()})
                .exit_code,
            0);
}

TEST_F(DataCommand, SaysWhatIsWrongAndExitsWithOne) {
  text_ = (folder_ / "none.txt").string();
  const Outcome missing = prepare();
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_EQ(missing.errors, "error: " + text_ + ": No such file or directory\n");
  EXPECT_FALSE(fs::exists(out_));
  EXPECT_EQ(run({"data", "show", out_}).errors, "error: " + out_ + ": no such folder\n");
  EXPECT_EQ(run({"data", "verify", out_}).exit_code, 1);
}

TEST_F(DataCommand, ShowsThatAFileIsCorrupt) {
  ASSERT_EQ(prepare().exit_code, 0);
  const fs::path shard = fs::path(out_) / "train_000000.npy";
  Bytes bytes = read_file(shard, 1 << 24).value();
  bytes.back() ^= 1;
  ASSERT_TRUE(write_file_atomically(shard, bytes));
  const Outcome verified = run({"data", "verify", out_});
  EXPECT_EQ(verified.exit_code, 1);
  EXPECT_THAT(verified.errors, HasSubstr("train_000000.npy: corrupt"));
}

TEST_F(DataCommand, RefusesASampleThatIsNotThere) {
  ASSERT_EQ(prepare().exit_code, 0);
  EXPECT_THAT(run({"data", "show", out_, "--shard", "1"}).errors, HasSubstr("shard 1 of 1 does not exist"));
  EXPECT_THAT(run({"data", "show", out_, "--sample", "99999"}).errors, HasSubstr("sample 99999 of "));
}

TEST_F(DataCommand, DoesNotLetATextCommandTheTerminal) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += fmt::format("\x1b[2J{}\n", i);
  ASSERT_TRUE(write_file_atomically(text_, text));
  ASSERT_EQ(prepare().exit_code, 0);
  const Outcome shown = run({"data", "show", out_});
  EXPECT_EQ(shown.output.find('\x1b'), std::string::npos);
  EXPECT_THAT(shown.output, HasSubstr("\\x1b[2J"));
}

TEST_F(DataCommand, NeedsTheArgumentsThatHaveNoDefault) {
  EXPECT_EQ(run({"data"}).exit_code, 2);
  EXPECT_EQ(run({"data", "prepare", text_, "--out", out_}).exit_code, 2);
  EXPECT_EQ(run({"data", "prepare", "--out", out_, "--sequence-length", "64"}).exit_code, 2);
  EXPECT_EQ(prepare({"--unknown"}).exit_code, 2);
}

}  // namespace
}  // namespace templar
