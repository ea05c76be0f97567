#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/tokenizers/sentencepiece_tokenizer.h"
#include "app/verbs/verbs.h"
#include "base/files/file.h"
#include "core/protocol/object_keys.h"
#include "formats/checkpoint/checkpoint_folder.h"
#include "formats/safetensors/safetensors.h"
#include "support/exported_model.h"
#include "support/file_content.h"
#include "support/gguf_reader.h"
#include "support/run_verb.h"
#include "support/temporary_folder.h"
#include "support/test_checkpoint.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

// A bucket with the checkpoints of windows 4 and 12.
class ExportCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    write(4, make_byte_tokenizer()->files());
    write(12, make_byte_tokenizer()->files());
  }
  void write(int64_t window, const std::vector<TokenizerFile>& tokenizer) {
    ThreadTeam team(1);
    ASSERT_TRUE(write_checkpoint(checkpoint(window), checkpoint_of(run_, window, window, tokenizer),
                                 KeyPair::from_seed({}), team));
  }
  [[nodiscard]] VerbOutcome run(std::vector<std::string> options) {
    std::vector<std::string> arguments = {"checkpoint", "export", (folder_ / "bucket").string(),
                                          out_.string()};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return run_verb(add_checkpoint_command, std::move(arguments));
  }
  [[nodiscard]] fs::path checkpoint(int64_t window) const {
    return folder_ / "bucket" / checkpoint_prefix(window);
  }
  void expect_parameters(const fs::path& file) {
    const auto mapped = MappedSafetensors::open(file);
    ASSERT_TRUE(mapped) << mapped.error().message;
    for (size_t i = 0; i < run_.layout.size(); ++i) {
      std::vector<float> values(run_.parameters.spans()[i].size());
      ASSERT_TRUE(mapped->copy_f32(run_.layout[i], values));
      EXPECT_TRUE(std::ranges::equal(values, run_.parameters.spans()[i]));
    }
  }

  TestRun run_{export_run_spec()};
  TemporaryFolder folder_;
  fs::path out_ = folder_ / "out/model";
};

}  // namespace

TEST_F(ExportCommand, MakesAHuggingFaceDirectoryOfTheNewestCheckpoint) {
  const VerbOutcome outcome = run({});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("window 12"), HasSubstr("parameters as f32")));
  EXPECT_EQ(files_in(out_), 4);
  expect_parameters(out_ / "model.safetensors");
}

TEST_F(ExportCommand, SkipsACheckpointThatIsNotWholeAndSaysWhy) {
  ASSERT_TRUE(write_file_atomically(checkpoint(12) / "config.json", "{}"));
  VerbOutcome outcome = run({});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output, HasSubstr("window 4"));
  EXPECT_THAT(outcome.errors, AllOf(HasSubstr("skipped: "), HasSubstr("0000000012: config.json: 2 bytes")));
  fs::remove(checkpoint(4) / "manifest.json");
  outcome = run({"--force"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.errors, HasSubstr("no whole checkpoint"));
  expect_parameters(out_ / "model.safetensors");
}

TEST_F(ExportCommand, TakesADirectoryOfHuggingFaceToo) {
  ASSERT_EQ(run({"--dtype", "bf16"}).exit_code, 0);
  const auto again = [&](const fs::path& from, const fs::path& to) {
    return run_verb(add_checkpoint_command,
                    {"checkpoint", "export", from.string(), to.string(), "--dtype", "bf16"});
  };
  const VerbOutcome outcome = again(out_, folder_ / "again");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.output, HasSubstr("parameters as bf16"));
  for (const char* name : {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"})
    EXPECT_EQ(text_of(folder_ / "again" / name), text_of(out_ / name)) << name;
}

TEST_F(ExportCommand, WritesOneFileOfSafetensors) {
  const VerbOutcome outcome = run({"--format", "safetensors"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  expect_parameters(out_);
}

TEST_F(ExportCommand, WritesGgufInTheWantedType) {
  const VerbOutcome outcome = run({"--format", "gguf", "--dtype", "f16"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  const GgufFile file = GgufReader(text_of(out_)).read();
  EXPECT_EQ(file.tensors.at("output.weight").type, 1);
  EXPECT_EQ(file.get<std::string>("tokenizer.ggml.model"), "gpt2");
}

// What is written to the file is what SentencePiece itself says of each token.
TEST_F(ExportCommand, WritesATrainedSentencePieceModelIntoGguf) {
  const std::vector<std::string> texts(50, "the window of the miner\n and the root of the window\n");
  const Bytes trained = train_sentencepiece_model(texts, 290).value();
  const auto tokenizer = make_sentencepiece_tokenizer(trained, "test").value();
  fs::remove_all(folder_ / "bucket");
  run_ = TestRun([&] {
    RunSpec spec = export_run_spec();
    spec.model.vocab_size = static_cast<int64_t>(tokenizer->vocab_size());
    return spec;
  }());
  write(12, tokenizer->files());
  const VerbOutcome outcome = run({"--format", "gguf"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  const GgufFile file = GgufReader(text_of(out_)).read();
  const auto& tokens = file.get<std::vector<std::string>>("tokenizer.ggml.tokens");
  ASSERT_EQ(tokens.size(), tokenizer->vocab_size());
  EXPECT_EQ(file.get<uint64_t>("tokenizer.ggml.eos_token_id"), tokenizer->separator_id());
  for (uint32_t id = 259; id < tokens.size(); ++id) {
    std::string text = tokens[id];
    for (size_t at = text.find("\u2581"); at != std::string::npos; at = text.find("\u2581"))
      text.replace(at, 3, " ");
    EXPECT_EQ(tokenizer->decode({&id, 1}), text);
  }
}

TEST_F(ExportCommand, CutsTheModelIntoFilesOfTheWantedSize) {
  const VerbOutcome outcome = run({"--shard-size", "30KB"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_TRUE(fs::exists(out_ / "model.safetensors.index.json"));
  EXPECT_GT(files_in(out_), 5);
}

TEST_F(ExportCommand, ForcesItsWayOverNoFileThatIsNoModel) {
  ASSERT_TRUE(make_folder(out_.parent_path()));
  for (const std::string kept : {"{\"mine\": 1}", "GG"}) {
    ASSERT_TRUE(write_file_atomically(out_, kept));
    const VerbOutcome outcome = run({"--format", "safetensors", "--force"});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.errors, HasSubstr("is no exported model (neither GGUF nor safetensors)"));
    EXPECT_TRUE(text_of(out_) == kept);
  }
  ASSERT_TRUE(write_file_atomically(out_, ""));
  EXPECT_EQ(run({"--format", "safetensors", "--force"}).exit_code, 0);
  EXPECT_EQ(run({"--format", "gguf", "--force"}).exit_code, 0) << "one kind of model over another";
  EXPECT_EQ(run({"--format", "safetensors", "--force"}).exit_code, 0);
}

TEST_F(ExportCommand, OverwritesNothingWithoutForce) {
  for (const char* format : {"hf", "gguf"}) {
    fs::remove_all(out_);
    ASSERT_EQ(run({"--format", format}).exit_code, 0);
    const VerbOutcome outcome = run({"--format", format});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.errors, HasSubstr("exists; --force replaces"));
    EXPECT_EQ(run({"--format", format, "--force"}).exit_code, 0);
    EXPECT_EQ(files_in(folder_ / "out"), 1);
  }
}

TEST_F(ExportCommand, ReplacesNothingButAnExportedModelEvenWithForce) {
  fs::create_directories(out_);
  EXPECT_EQ(run({}).exit_code, 0) << "an empty folder is nobody's loss";
  fs::remove_all(out_);
  fs::create_directories(out_);
  ASSERT_TRUE(write_file_atomically(out_ / "thesis.txt", "x"));
  VerbOutcome outcome = run({"--force"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.errors, HasSubstr("is no exported model"));
  EXPECT_EQ(text_of(out_ / "thesis.txt"), "x");
  EXPECT_THAT(run({"--force", "--format", "gguf"}).errors, HasSubstr("is a folder; a file is to go there"));
  out_ = checkpoint(4);
  EXPECT_THAT(run({"--force"}).errors, HasSubstr("is a checkpoint; it is not replaced"));
  out_ = folder_ / "file";
  ASSERT_TRUE(write_file_atomically(out_, "x"));
  EXPECT_THAT(run({"--force"}).errors, HasSubstr("is a file; a folder is to go there"));
}

TEST_F(ExportCommand, SaysThatThereIsNoTokenizer) {
  write(12, {});
  const VerbOutcome outcome = run({"--format", "gguf"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_THAT(outcome.errors, HasSubstr("has no tokenizer"));
  EXPECT_EQ(GgufReader(text_of(out_)).read().get<std::string>("tokenizer.ggml.model"), "no_vocab");
}

TEST_F(ExportCommand, RefusesTypesAndFormatsThatDoNotExist) {
  EXPECT_EQ(run({"--dtype", "int4"}).exit_code, 2);
  EXPECT_EQ(run({"--format", "onnx"}).exit_code, 2);
}

}  // namespace templar::testing
