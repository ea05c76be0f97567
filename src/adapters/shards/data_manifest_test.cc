#include "adapters/shards/data_manifest.h"

#include <gtest/gtest.h>

#include "support/expect_failure.h"
#include "support/fuzz_corpus.h"
#include "support/json_values.h"

namespace templar {
namespace {

using testing::fails;

Hash256 hash_of(std::string_view text) {
  return blake2b_256(as_bytes(text));
}

DataManifest example() {
  DataManifest manifest;
  manifest.sequence_length = 256;
  manifest.vocab_size = 4096;
  manifest.tokenizer = "sentencepiece";
  manifest.tokenizer_file = "tokenizer.model";
  manifest.tokenizer_hash = hash_of("model");
  manifest.shards = {{"train_000000.npy", "sample_ids_000000.npy", 100, hash_of("a"), hash_of("b")},
                     {"train_000001.npy", "sample_ids_000001.npy", 51, hash_of("c"), hash_of("d")}};
  manifest.heldout = {"heldout_000000.npy", "heldout_ids_000000.npy", 7, hash_of("e"), hash_of("f")};
  manifest.source = "a folder with \"quotes\"";
  manifest.totals = {12, 345, 151 * 256, 7 * 256};
  return manifest;
}

// The example with one change, parsed.
template <typename Change>
Result<DataManifest> parse_changed(const Change& change) {
  Json json = testing::parsed_json(write_manifest(example()));
  change(json);
  return parse_manifest(to_text(json));
}

TEST(DataManifest, IsReadAsItWasWritten) {
  const Result<DataManifest> read = parse_manifest(write_manifest(example()));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, example());
}

TEST(DataManifest, OfBytesHasNoTokenizerFile) {
  DataManifest manifest = example();
  manifest.tokenizer = "bytes";
  manifest.vocab_size = 256;
  manifest.tokenizer_file.clear();
  manifest.tokenizer_hash.reset();
  manifest.heldout.reset();
  const Result<DataManifest> read = parse_manifest(write_manifest(manifest));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, manifest);
}

TEST(DataManifest, OfHuggingFaceNamesTheSeparator) {
  DataManifest manifest = example();
  manifest.tokenizer = "huggingface";
  manifest.tokenizer_file = "tokenizer.json";
  manifest.separator = 4095;
  const Result<DataManifest> read = parse_manifest(write_manifest(manifest));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, manifest);
  manifest.separator = 4096;
  EXPECT_TRUE(fails(parse_manifest(write_manifest(manifest)), ErrorKind::kFatal,
                    "tokenizer.separator: 4096 is out of range 0 .. 4095"));
  manifest.separator.reset();
  EXPECT_TRUE(
      fails(parse_manifest(write_manifest(manifest)), ErrorKind::kFatal, "tokenizer.separator: missing"));
}

TEST(DataManifest, IsWrittenThoughASourceIsNotUtf8) {
  DataManifest manifest = example();
  manifest.source = "caf\xe9";
  EXPECT_TRUE(parse_manifest(write_manifest(manifest)));
}

TEST(DataManifest, IsRefusedWhereAFieldIsMissing) {
  const std::pair<const char*, const char*> missing[] = {{"format", "format: missing"},
                                                         {"sequence_length", "sequence_length: missing"},
                                                         {"tokenizer", "tokenizer.name: missing"},
                                                         {"source", "source: missing"},
                                                         {"totals", "totals.documents: missing"},
                                                         {"shards", "shards: missing"}};
  for (const auto& [field, message] : missing) {
    EXPECT_TRUE(fails(parse_changed([&](Json& json) { testing::erase_part(json, field); }), ErrorKind::kFatal,
                      message));
  }
  EXPECT_TRUE(fails(parse_changed([](Json& json) { testing::erase_part(json, "shards[1].samples"); }),
                    ErrorKind::kFatal, "shards[1].samples: missing"));
}

TEST(DataManifest, IsRefusedWithAnUnknownField) {
  EXPECT_TRUE(fails(parse_changed([](Json& json) { testing::part(json, "extra") = 1; }), ErrorKind::kFatal,
                    "extra: unknown field"));
  EXPECT_TRUE(fails(parse_changed([](Json& json) { testing::part(json, "heldout.extra") = 1; }),
                    ErrorKind::kFatal, "heldout.extra: unknown field"));
}

TEST(DataManifest, IsRefusedWithAnImpossibleValue) {
  const auto refuses = [](const char* path, const Json& value, const char* text) {
    return fails(parse_changed([&](Json& json) { testing::part(json, path) = value; }), ErrorKind::kFatal,
                 text);
  };
  EXPECT_TRUE(refuses("format", "templar-data-v2", "format: is templar-data-v2"));
  EXPECT_TRUE(refuses("sequence_length", 0, "sequence_length: 0 is out of range"));
  EXPECT_TRUE(refuses("sequence_length", -5, "sequence_length: must be an integer"));
  EXPECT_TRUE(refuses("sequence_length", 1.5, "sequence_length: must be an integer"));
  EXPECT_TRUE(refuses("shards", JsonList{}, "at least one shard"));
  EXPECT_TRUE(refuses("shards[0]", 5, "shards[0]: must be an object"));
  EXPECT_TRUE(refuses("shards[0].samples", 0, "shards[0].samples: 0 is out of range"));
  EXPECT_TRUE(refuses("shards[0].blake2b", "abc", "shards[0].blake2b: "));
  EXPECT_TRUE(refuses("tokenizer.name", "words", "tokenizer.name: is words"));
  EXPECT_TRUE(refuses("tokenizer.name", "bytes", "does not belong to bytes"));
}

TEST(DataManifest, CannotPointOutsideItsFolder) {
  for (const char* name : {"../train_000000.npy", "/etc/passwd", "a/b", "..", ".", ""}) {
    EXPECT_TRUE(fails(parse_changed([&](Json& json) { testing::part(json, "shards[0].file") = name; }),
                      ErrorKind::kFatal, "not a plain file name"))
        << name;
  }
}

TEST(DataManifest, SeedsOfTheFuzzerAreWhatIsWritten) {
  DataManifest plain = example();
  plain.tokenizer = "bytes";
  plain.tokenizer_file.clear();
  plain.tokenizer_hash.reset();
  const std::string texts[] = {write_manifest(example()), write_manifest(plain)};
  testing::expect_fuzz_corpus("data_manifest_fuzz",
                              {{"sentencepiece", Bytes(texts[0].begin(), texts[0].end())},
                               {"bytes", Bytes(texts[1].begin(), texts[1].end())}});
}

TEST(DataManifest, IsRefusedWhereItIsNotJson) {
  EXPECT_TRUE(fails(parse_manifest(""), ErrorKind::kFatal, "not JSON"));
  EXPECT_TRUE(fails(parse_manifest("{\"format\": "), ErrorKind::kFatal, "not JSON"));
  EXPECT_TRUE(fails(parse_manifest("[]"), ErrorKind::kFatal, "must be a JSON object"));
}

}  // namespace
}  // namespace templar
