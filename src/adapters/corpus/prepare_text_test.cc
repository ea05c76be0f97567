#include "adapters/corpus/prepare.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>
#include <thread>

#include "adapters/shards/data_folder.h"
#include "adapters/tokenizers/sentencepiece_tokenizer.h"
#include "support/expect_failure.h"
#include "support/prepared_data.h"
#include "support/sentencepiece_models.h"

namespace templar {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using testing::fails;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::text_of;
using testing::write_text;

using PrepareText = testing::PrepareData;

TEST_F(PrepareText, ReadsCompressedFilesAndJsonLinesAsTheSameText) {
  std::string json;
  for (uint64_t i = 0; i < 50; ++i) {
    std::string line = text_of(i, 5);
    for (size_t at = line.find('\n'); at != std::string::npos; at = line.find('\n'))
      line.replace(at, 1, "\\n");
    json += "{\"id\": " + std::to_string(i) + ", \"body\": \"" + line + "\"}\n";
  }
  options_.jsonl_field = "body";
  std::set<std::string> hashes;
  for (const auto& [name, content] :
       std::map<std::string, std::string>{{"a.jsonl", json},
                                          {"a.jsonl.gz", testing::gzip_file(json)},
                                          {"a.jsonl.zst", testing::zstd_file(json)}}) {
    fs::remove_all(folder_ / "in");
    write_text(folder_ / "in" / name, content);
    write_text(folder_ / "in/readme.txt", "not JSON");
    const PrepareReport report = prepare();
    EXPECT_EQ(report.manifest.totals.documents, 50);
    EXPECT_EQ(report.files, 1);
    hashes.insert(report.manifest.shards[0].file_hash.hex());
  }
  EXPECT_EQ(hashes.size(), 1);
}

TEST_F(PrepareText, GivesTheSameShardsHoweverTheTextComes) {
  const std::string text = text_of(1, 5'000);
  std::vector<std::vector<ShardEntry>> shards;
  const auto prepare_from = [&](const std::string& input) {
    options_.inputs = {(folder_ / input).string()};
    const DataManifest manifest = prepare().manifest;
    EXPECT_EQ(manifest.totals.documents, 1);
    shards.push_back(manifest.shards);
    shards.back().push_back(manifest.heldout.value_or(ShardEntry{}));
  };
  write_text(folder_ / "t.txt", text);
  prepare_from("t.txt");
  write_text(folder_ / "t.txt.gz", testing::gzip_file(text));
  prepare_from("t.txt.gz");
  write_text(folder_ / "t.zstd", testing::zstd_file(text));
  prepare_from("t.zstd");
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  std::thread writer([&] { std::ofstream(folder_ / "pipe") << text; });
  prepare_from("pipe");
  writer.join();
  for (const auto& others : shards) EXPECT_EQ(others, shards.front());
}

TEST_F(PrepareText, TakesEachJsonLineAsADocumentWhateverItsLength) {
  std::string json;
  uint64_t bytes = 0;
  for (uint64_t i = 0; i < 10; ++i) {
    std::string text = text_of(i, 300);
    bytes += text.size();
    for (size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at))
      text.replace(at, 1, "\\n");
    json += "{\"text\": \"" + text + "\"}\n";
  }
  write_text(folder_ / "in/a.json.gz", testing::gzip_file(json));
  options_.jsonl_field = "text";
  options_.held_out_samples = 4;
  const PrepareReport report = prepare();
  EXPECT_EQ(report.manifest.totals.documents, 10);
  EXPECT_EQ(
      report.manifest.totals.train_tokens + report.manifest.totals.heldout_tokens + report.tokens_dropped,
      bytes + 10);
  const auto [train, heldout] = texts();
  EXPECT_LE(std::ranges::count(train, '|'), 9);
}

TEST_F(PrepareText, TakesFilesOfAllNamesThatJsonLinesHave) {
  const auto line = [](const char* name) {
    return fmt::format("{{\"text\": \"{} {}\"}}\n", name, std::string(100, 'x'));
  };
  for (const char* name : {"a.jsonl", "b.NDJSON", "c.json", "d.JSONL"})
    write_text(folder_ / "in" / name, line(name));
  write_text(folder_ / "in/e.json.GZ", testing::gzip_file(line("e")));
  write_text(folder_ / "in/f.jsonl.zstd", testing::zstd_file(line("f")));
  write_text(folder_ / "in/g.Jsonl.ZST", testing::zstd_file(line("g")));
  write_text(folder_ / "in/h.txt", "not these");
  options_.jsonl_field = "text";
  const PrepareReport report = prepare();
  EXPECT_EQ(report.files, 7);
  ASSERT_EQ(report.left_out.size(), 1);
  EXPECT_EQ(report.left_out[0].path.filename(), "h.txt");
  EXPECT_EQ(report.left_out[0].reason, "not one of jsonl, ndjson, json");
}

TEST_F(PrepareText, CutsNoCharacterWhereItStops) {
  std::string text;
  for (int i = 0; i < 4'000; ++i) text += "\xe8\xaa\x9e";
  write_text(folder_ / "in/a.txt", text);
  options_.max_bytes = 10'000;
  EXPECT_EQ(prepare().manifest.totals.text_bytes, 9'999);
}

TEST_F(PrepareText, GivesTheTokensOfWholeDocuments) {
  // A model that puts a space before a text and takes white space together: what is encoded in parts differs
  // from the whole, unless each part is encoded as what it is.
  const Bytes model = testing::normalising_model();
  write_text(folder_ / "m.model", as_text(model));
  const auto tokenizer = make_sentencepiece_tokenizer(model, "m").value();
  uint64_t expected = 0;
  std::string json;
  for (uint64_t i = 0; i < 10; ++i) {
    Random random(i);
    std::string text = "  ";
    while (text.size() < 150'000)
      text += random.below(3) == 0 ? "\xe8\xaa\x9e" : random.below(2) == 0 ? "  gather" : " window";
    expected += tokenizer->encode(text).size() + 1;
    json += "{\"text\": \"" + text + "\"}\n";
  }
  write_text(folder_ / "in/a.jsonl", json);
  options_.jsonl_field = "text";
  options_.tokenizer = "sentencepiece:" + (folder_ / "m.model").string();
  options_.held_out_samples = 4;
  const PrepareReport report = prepare();
  EXPECT_EQ(
      report.manifest.totals.train_tokens + report.manifest.totals.heldout_tokens + report.tokens_dropped,
      expected);
}

TEST_F(PrepareText, GivesTheTokensOfALargeFileThoughItIsSplit) {
  const Bytes model = testing::normalising_model();
  write_text(folder_ / "m.model", as_text(model));
  const auto tokenizer = make_sentencepiece_tokenizer(model, "m").value();
  Random random(1);
  std::string text;
  while (text.size() < 300'000) text += random.below(5) == 0 ? "gather\n" : "window  step ";
  write_text(folder_ / "in/a.txt", text);
  options_.tokenizer = "sentencepiece:" + (folder_ / "m.model").string();
  const PrepareReport report = prepare();
  uint64_t separators = 0;
  const auto source = open_data_folder(options_.out, {.verify = true});
  const auto count = [&](const Shard& shard) {
    for (uint64_t i = 0; i < shard.sample_count(); ++i)
      separators += static_cast<uint64_t>(std::ranges::count(shard.sample(i), tokenizer->separator_id()));
  };
  count((*source)->open_shard(0).value());
  count((*source)->open_heldout().value());
  const uint64_t tokens =
      report.manifest.totals.train_tokens + report.manifest.totals.heldout_tokens + report.tokens_dropped;
  // A separator or two may be among those that filled no sample.
  EXPECT_GE(tokens, tokenizer->encode(text).size() + separators);
  EXPECT_LE(tokens, tokenizer->encode(text).size() + separators + 2);
}

TEST_F(PrepareText, SaysWhatATokenizerChangesAndCountsTheSourcesBytes) {
  const Bytes model = testing::normalising_model();
  write_text(folder_ / "m.model", as_text(model));
  options_.tokenizer = "sentencepiece:" + (folder_ / "m.model").string();
  options_.sequence_length = 16;
  // Four wide digits: twelve bytes, of which normalisation makes four.
  std::string json;
  for (int i = 0; i < 40; ++i)
    json += fmt::format(
        "{{\"text\": \"gather {} \xef\xbc\x92\xef\xbc\x90\xef\xbc\x92\xef\xbc\x93 window\"}}\n", i);
  write_text(folder_ / "in/a.jsonl", json);
  options_.jsonl_field = "text";
  const PrepareReport report = prepare();
  EXPECT_EQ(report.changed_documents, 40);
  ASSERT_TRUE(report.change);
  EXPECT_THAT(report.change->before, HasSubstr("\xef\xbc\x92\xef\xbc\x90\xef\xbc\x92\xef\xbc\x93"));
  EXPECT_THAT(report.change->after, HasSubstr("2023"));

  const auto source = open_data_folder(options_.out, {.verify = true}).value();
  const auto tokenizer = open_data_tokenizer(options_.out).value();
  const Shard heldout = source->open_heldout().value();
  for (uint64_t i = 0; i < heldout.sample_count(); ++i) {
    const auto sample = heldout.sample(i);
    const std::string given_back = tokenizer->decode(sample.subspan(1));
    const auto digits = static_cast<uint64_t>(
        std::ranges::count_if(given_back, [](char c) { return c == '2' || c == '0' || c == '3'; }));
    ASSERT_TRUE(heldout.source_bytes(i));
    // At the sample's ends a space may belong to a token that is not in it.
    EXPECT_GE(*heldout.source_bytes(i) + 2, given_back.size()) << i;
    if (digits >= 4) {
      EXPECT_GT(*heldout.source_bytes(i), given_back.size()) << i;
    }
  }
  EXPECT_FALSE(source->open_shard(0).value().source_bytes(0));
}

TEST_F(PrepareText, SaysNothingOfATokenizerThatChangesNothing) {
  write_corpus();
  for (const char* tokenizer : {"bytes", "train:400"}) {
    options_.tokenizer = tokenizer;
    const PrepareReport report = prepare();
    EXPECT_EQ(report.changed_documents, 0) << tokenizer;
    EXPECT_FALSE(report.change);
  }
}

TEST_F(PrepareText, ConvertsTextOfOtherEncodings) {
  std::string utf16 = "\xff\xfe";
  for (const char c : text_of(1, 300)) utf16 += std::string(1, c) + '\0';
  write_text(folder_ / "in/a.txt", utf16);
  const PrepareReport report = prepare();
  EXPECT_EQ(report.manifest.totals.text_bytes, text_of(1, 300).size());
  EXPECT_THAT(texts().first, HasSubstr("line 100 of 1"));
}

TEST_F(PrepareText, CountsBadLinesWhereTheyMayBeSkipped) {
  std::string json;
  for (uint64_t i = 0; i < 30; ++i)
    json += "{\"t\": \"" + std::string(60, static_cast<char>('a' + i % 26)) + std::to_string(i) + "\"}\n";
  write_text(folder_ / "in/a.jsonl", json + "broken\n");
  options_.jsonl_field = "t";
  EXPECT_TRUE(fails(prepare_data(options_), ErrorKind::kFatal, "a.jsonl, line 31: not JSON: "));
  options_.skip_bad_lines = true;
  EXPECT_EQ(prepare().bad_lines_skipped, 1);
}

TEST_F(PrepareText, TakesOnlyTheWantedExtensionsAndPassesBinariesOver) {
  write_corpus();
  write_text(folder_ / "in/program", std::string("\x7f"
                                                 "ELF\0\0\0",
                                                 7));
  write_text(folder_ / "in/a.html", "<html>unwanted</html>");
  write_text(folder_ / "in/packed.xz", std::string_view("\xfd"
                                                        "7zXZ\0...",
                                                        9));
  write_text(folder_ / "in/table.parquet", "PAR1\x15........");
  std::map<std::string, std::string> reasons;
  for (const LeftOut& entry : prepare().left_out) reasons[entry.path.filename()] = entry.reason;
  EXPECT_EQ(reasons.size(), 3);
  EXPECT_EQ(reasons["program"], "binary");
  EXPECT_THAT(reasons["packed.xz"], HasSubstr("xz -dk"));
  EXPECT_THAT(reasons["table.parquet"], HasSubstr("to_json"));
  options_.extensions = {"txt"};
  const PrepareReport report = prepare();
  EXPECT_EQ(report.files, 40);
  EXPECT_EQ(report.left_out.size(), 4);
}

TEST_F(PrepareText, TrainsATokenizerAndPutsItBesideTheShards) {
  write_corpus();
  options_.tokenizer = "train:400";
  const PrepareReport report = prepare();
  EXPECT_EQ(report.manifest.vocab_size, 400);
  const auto tokenizer = open_data_tokenizer(options_.out);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  const auto source = open_data_folder(options_.out, {.verify = true});
  ASSERT_TRUE(source) << source.error().message;
  const Shard shard = (*source)->open_shard(0).value();
  std::vector<uint32_t> ids;
  for (uint64_t i = 0; i < shard.sample_count(); ++i)
    ids.insert(ids.end(), shard.sample(i).begin(), shard.sample(i).end());
  EXPECT_THAT((*tokenizer)->decode(ids), HasSubstr(text_of(3, 5)));

  // The model can be used for other data.
  options_.tokenizer = "sentencepiece:" + (options_.out / "tokenizer.model").string();
  options_.out = folder_ / "other";
  EXPECT_EQ(prepare().manifest.shards, report.manifest.shards);
}

}  // namespace
}  // namespace templar
