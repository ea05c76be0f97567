#include "adapters/corpus/prepare.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>

#include "adapters/shards/data_folder.h"
#include "support/child_process.h"
#include "support/expect_failure.h"
#include "support/prepared_data.h"

namespace templar {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using testing::fails;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::PrepareData;
using testing::text_of;
using testing::write_text;

std::map<std::string, std::string> contents_of(const fs::path& folder) {
  std::map<std::string, std::string> contents;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    contents[entry.path().filename().string()] = std::string(std::istreambuf_iterator<char>(file), {});
  }
  return contents;
}

TEST_F(PrepareData, PutsEveryLineOnOneSide) {
  write_corpus();
  const PrepareReport report = prepare();
  EXPECT_EQ(report.files, 40);
  EXPECT_EQ(report.manifest.totals.documents, 40);
  const auto [train, heldout] = texts();
  EXPECT_EQ(train.size(), report.manifest.totals.train_tokens);
  EXPECT_EQ(heldout.size(), report.manifest.totals.heldout_tokens);
  EXPECT_GE(heldout.size(), 32);
  EXPECT_GT(train.size(), heldout.size());
  size_t found = 0;
  for (uint64_t i = 0; i < 40; ++i) {
    std::istringstream lines(text_of(i, 30));
    for (std::string line; std::getline(lines, line);) {
      const bool in_train = train.find(line) != std::string::npos;
      const bool in_heldout = heldout.find(line) != std::string::npos;
      EXPECT_FALSE(in_train && in_heldout) << line;
      found += in_train || in_heldout ? 1 : 0;
    }
  }
  EXPECT_GE(found, 40 * 30 - 2);  // the ends of both sides may be cut
}

TEST_F(PrepareData, KeepsADocumentWholeAndEndsItWithASeparator) {
  write_corpus();
  prepare();
  const auto [train, heldout] = texts();
  size_t whole = 0;
  for (uint64_t i = 0; i < 40; ++i) {
    const std::string document = text_of(i, 30) + "|";
    whole += train.find(document) != std::string::npos || heldout.find(document) != std::string::npos ? 1 : 0;
  }
  EXPECT_GE(whole, 38);
}

TEST_F(PrepareData, GivesTheSameFilesForTheSameInput) {
  write_corpus();
  const PrepareReport first = prepare();
  const auto files = contents_of(options_.out);
  options_.out = folder_ / "again";
  EXPECT_EQ(prepare().manifest_hash, first.manifest_hash);
  EXPECT_EQ(contents_of(options_.out), files);
  EXPECT_EQ(blake2b_256(as_bytes(files.at("manifest.json"))), first.manifest_hash);
  options_.seed = 1;
  EXPECT_NE(prepare().manifest_hash, first.manifest_hash);
}

TEST_F(PrepareData, WritesOnlyWhatTheManifestNames) {
  write_corpus();
  prepare();
  std::set<std::string> names;
  for (const auto& [name, content] : contents_of(options_.out)) names.insert(name);
  EXPECT_EQ(names, (std::set<std::string>{"manifest.json", "train_000000.npy", "sample_ids_000000.npy",
                                          "heldout_000000.npy", "heldout_ids_000000.npy",
                                          "heldout_bytes_000000.npy"}));
}

TEST_F(PrepareData, CutsTheCorpusIntoShards) {
  write_corpus();
  options_.shard_samples = 300;
  const PrepareReport report = prepare();
  EXPECT_GT(report.manifest.shards.size(), 2);
  for (const ShardEntry& shard : report.manifest.shards) {
    EXPECT_GE(shard.samples, 150);
    EXPECT_LE(shard.samples, 450);
  }
  texts();  // verifies
}

TEST_F(PrepareData, HoldsOutAsManySamplesAsAreWanted) {
  write_corpus();
  options_.held_out_samples = 57;
  EXPECT_EQ(prepare().manifest.heldout->samples, 57);
}

TEST_F(PrepareData, HoldsOutAboutTheWantedFraction) {
  write_corpus(400, 5);
  options_.held_out_fraction = 0.25;
  const DataManifest manifest = prepare().manifest;
  const double share = static_cast<double>(manifest.totals.heldout_tokens) /
                       static_cast<double>(manifest.totals.heldout_tokens + manifest.totals.train_tokens);
  EXPECT_NEAR(share, 0.25, 0.09);  // four standard deviations
}

TEST_F(PrepareData, SplitsASingleFileToo) {
  write_text(folder_ / "in/book.txt", text_of(1, 500));
  const PrepareReport report = prepare();
  EXPECT_GE(report.manifest.heldout->samples, 1);
  EXPECT_GT(report.manifest.totals.train_tokens, report.manifest.totals.heldout_tokens);
}

TEST_F(PrepareData, HoldsACopyOutTogetherWithItsOriginal) {
  for (int i = 0; i < 40; ++i) {
    write_text(folder_ / fmt::format("in/a{}", i), text_of(static_cast<uint64_t>(i), 20));
    write_text(folder_ / fmt::format("in/b{}", i), text_of(static_cast<uint64_t>(i), 20));
  }
  options_.held_out_fraction = 0.3;
  prepare();
  const auto [train, heldout] = texts();
  for (uint64_t i = 0; i < 40; ++i) {
    const std::string line = text_of(i, 1);
    EXPECT_FALSE(train.find(line) != std::string::npos && heldout.find(line) != std::string::npos);
  }
}

TEST_F(PrepareData, StopsAfterTheWantedAmountOfText) {
  write_corpus();
  options_.max_bytes = 20'001;
  EXPECT_EQ(prepare().manifest.totals.text_bytes, 20'001);
}

TEST_F(PrepareData, ReadsMoreThanItsBuffersHold) {
  // 8 MB against buffers of at most 1 MiB sections: every byte arrives, and the order is that of the file.
  const std::string text = text_of(1, 200'000);
  write_text(folder_ / "in/big.txt", text);
  options_.shard_samples = 1 << 14;
  const PrepareReport report = prepare();
  EXPECT_EQ(report.manifest.totals.text_bytes, text.size());
  EXPECT_EQ(report.manifest.totals.documents, 1);
  EXPECT_GT(report.manifest.shards.size(), 5);
  const uint64_t separators = report.manifest.totals.train_tokens + report.manifest.totals.heldout_tokens +
                              report.tokens_dropped - text.size();
  // The one document is interrupted where a section of it is held out.
  EXPECT_GE(separators, 2);
  EXPECT_LE(separators, 30);
}

TEST_F(PrepareData, ReportsProgressAndStopsWhenAsked) {
  write_corpus();
  std::vector<PrepareProgress> seen;
  ASSERT_TRUE(prepare_data(options_, [&](const PrepareProgress& progress) {
    seen.push_back(progress);
    return true;
  }));
  EXPECT_EQ(seen.back().bytes_read, seen.back().bytes_total);
  EXPECT_EQ(seen.back().documents, 40);
  EXPECT_EQ(seen.back().stage, PrepareProgress::Stage::kHashing);

  const auto before = contents_of(options_.out);
  int calls = 0;
  EXPECT_TRUE(fails(prepare_data(options_, [&](const PrepareProgress&) { return ++calls < 20; }),
                    ErrorKind::kFatal, "interrupted"));
  EXPECT_EQ(calls, 20);
  EXPECT_EQ(contents_of(options_.out), before);
}

TEST_F(PrepareData, ReplacesAFinishedDataSetAndLeavesOtherFilesAlone) {
  write_corpus();
  options_.shard_samples = 200;
  options_.tokenizer = "train:400";
  prepare();
  write_text(options_.out / "notes.txt", "mine");
  options_.shard_samples = 65536;
  options_.tokenizer = "bytes";
  prepare();
  std::set<std::string> names;
  for (const auto& [name, content] : contents_of(options_.out)) names.insert(name);
  EXPECT_EQ(names, (std::set<std::string>{"manifest.json", "notes.txt", "train_000000.npy",
                                          "sample_ids_000000.npy", "heldout_000000.npy",
                                          "heldout_ids_000000.npy", "heldout_bytes_000000.npy"}));
  texts();
}

TEST_F(PrepareData, KeepsTheOldDataSetWhereTheNewOneFails) {
  write_corpus();
  prepare();
  const auto before = contents_of(options_.out);
  write_text(folder_ / "in/bad.gz", "not gzip");
  EXPECT_TRUE(fails(prepare_data(options_), ErrorKind::kFatal, "bad.gz: not a gzip file"));
  EXPECT_EQ(contents_of(options_.out), before);
}

TEST_F(PrepareData, KeepsTheOldDataSetWhereTheDiskIsFull) {
  write_corpus();
  prepare();
  const auto before = contents_of(options_.out);
  write_corpus(60, 600);
  EXPECT_EQ(testing::run_in_child([&] {
              testing::limit_file_size(1 << 20, /*deadly=*/false);
              const auto report = prepare_data(options_);
              if (report) return 1;
              return report.error().message.find("train_000000.npy: ") != std::string::npos ? 0 : 2;
            }),
            0);
  EXPECT_EQ(contents_of(options_.out), before);
}

TEST_F(PrepareData, LeavesNothingThatLooksFinishedWhenItIsKilled) {
  write_corpus(60, 600);
  EXPECT_LT(testing::run_in_child([&] {
              testing::limit_file_size(1 << 20, /*deadly=*/true);
              (void)prepare_data(options_);
              return 0;
            }),
            0);
  EXPECT_TRUE(
      fails(open_data_folder(options_.out, {.sequence_length = 32}), ErrorKind::kFatal, "was not finished"));
  prepare();
  texts();
  EXPECT_FALSE(fs::exists(options_.out / kPreparingFolder));
}

TEST_F(PrepareData, LetsNobodyElsePrepareInTheSameFolderMeanwhile) {
  write_corpus();
  int tried = 0;
  const auto report = prepare_data(options_, [&](const PrepareProgress&) {
    if (++tried > 1) return true;
    EXPECT_TRUE(fails(prepare_data(options_), ErrorKind::kFatal, "another preparation writes there"));
    return true;
  });
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(verify_data_folder(options_.out));
  EXPECT_TRUE(prepare_data(options_)) << "and afterwards anybody may";
}

TEST_F(PrepareData, RemovesTheFolderItMadeWhereItFails) {
  write_text(folder_ / "in/empty.txt", "");
  EXPECT_TRUE(fails(prepare_data(options_), ErrorKind::kFatal,
                    "no text found in " + options_.inputs[0] + " (1 files read)"));
  EXPECT_FALSE(fs::exists(options_.out));
}

TEST_F(PrepareData, SaysThatAnInputIsMissing) {
  options_.inputs.push_back((folder_ / "none").string());
  EXPECT_TRUE(fails(prepare_data(options_), ErrorKind::kFatal, "none: No such file"));
}

TEST_F(PrepareData, SaysThatThereIsTooLittleText) {
  write_text(folder_ / "in/a", "one\n");
  EXPECT_TRUE(fails(prepare_data(options_), ErrorKind::kFatal, "too little text"));
}

TEST_F(PrepareData, SaysHowMuchTextIsNeededAndThatIsEnough) {
  for (const uint64_t sequence_length : {32, 512, 2048}) {
    options_.sequence_length = sequence_length;
    write_text(folder_ / "in/a", text_of(1, 10));
    if (sequence_length == 32) continue;  // enough already
    const auto report = prepare_data(options_);
    ASSERT_TRUE(fails(report, ErrorKind::kFatal, "give at least "));
    const std::string& message = report.error().message;
    const size_t needed = std::stoul(message.substr(message.find("give at least ") + 14));
    write_text(folder_ / "in/a", text_of(1, 10'000).substr(0, needed));
    EXPECT_TRUE(prepare_data(options_)) << sequence_length;
  }
}

TEST_F(PrepareData, HoldsOutNoMoreThanAQuarterOfASmallText) {
  write_text(folder_ / "in/a", text_of(1, 700).substr(0, 20'000));
  options_.held_out_samples = 512;
  const DataManifest manifest = prepare().manifest;
  EXPECT_GT(manifest.totals.train_tokens, 3 * manifest.totals.heldout_tokens / 2);
  EXPECT_GT(manifest.totals.heldout_tokens, 3'000);
}

TEST_F(PrepareData, RefusesAFolderThatIsAnInput) {
  write_corpus();
  options_.out = folder_ / "in/../in";
  EXPECT_TRUE(fails(prepare_data(options_), ErrorKind::kFatal, "is an input too"));
  EXPECT_FALSE(fs::exists(folder_ / "in" / kPreparingFolder));
}

TEST_F(PrepareData, RefusesAFolderWithForeignShards) {
  write_corpus();
  write_text(options_.out / "train_000000.npy", "somebody's");
  EXPECT_TRUE(fails(prepare_data(options_), ErrorKind::kFatal, "holds shards without a manifest"));
  EXPECT_EQ(contents_of(options_.out).at("train_000000.npy"), "somebody's");
}

TEST_F(PrepareData, SaysThatTheFolderCannotBeWritten) {
  write_corpus();
  options_.out = write_text(folder_ / "file", "") / "out";
  EXPECT_TRUE(fails(prepare_data(options_), ErrorKind::kFatal, "file"));
  EXPECT_EQ(testing::run_in_child([&] {
              fs::create_directory(folder_ / "locked");
              fs::permissions(folder_ / "locked", fs::perms::owner_read | fs::perms::owner_exec);
              fs::permissions(folder_.path(), fs::perms::all);
              if (!testing::become_nobody()) return 0;
              options_.out = folder_ / "locked/out";
              const auto report = prepare_data(options_);
              return !report &&
                             report.error().message.find("locked/out: Permission denied") != std::string::npos
                         ? 0
                         : 1;
            }),
            0);
}

TEST_F(PrepareData, RefusesSettingsThatMakeNoSense) {
  write_corpus();
  const auto refuses = [&](auto change, const char* text) {
    PrepareOptions options = options_;
    change(options);
    return fails(prepare_data(options), ErrorKind::kFatal, text);
  };
  EXPECT_TRUE(refuses([](PrepareOptions& o) { o.inputs.clear(); }, "no input"));
  EXPECT_TRUE(refuses([](PrepareOptions& o) { o.sequence_length = 0; }, "sequence length 0"));
  EXPECT_TRUE(refuses([](PrepareOptions& o) { o.shard_samples = 0; }, "at least one sample"));
  EXPECT_TRUE(refuses([](PrepareOptions& o) { o.held_out_fraction = 0; }, "held-out fraction 0"));
  EXPECT_TRUE(refuses([](PrepareOptions& o) { o.held_out_fraction = 0.6; }, "held-out fraction 0.6"));
  EXPECT_TRUE(refuses([](PrepareOptions& o) { o.held_out_samples = UINT64_MAX; }, "held-out samples"));
  EXPECT_TRUE(refuses([](PrepareOptions& o) { o.tokenizer = "words"; }, "tokenizer words is unknown"));
  EXPECT_TRUE(refuses([](PrepareOptions& o) { o.tokenizer = "train:many"; }, "tokenizer train:many"));
  EXPECT_TRUE(refuses([](PrepareOptions& o) { o.tokenizer = "train:100"; }, "tokenizer train:100"));
  EXPECT_TRUE(refuses([](PrepareOptions& o) { o.tokenizer = "sentencepiece:/none.model"; }, "/none.model"));
}

}  // namespace
}  // namespace templar
