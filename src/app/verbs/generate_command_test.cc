#include "app/verbs/verbs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/world/checkpoint_model.h"
#include "base/files/file.h"
#include "base/json/json.h"
#include "core/consensus/state_root.h"
#include "engine/cpu_engine.h"
#include "formats/checkpoint/checkpoint_folder.h"
#include "formats/hugging_face/hugging_face_export.h"
#include "support/engine_values.h"
#include "support/expect_failure.h"
#include "support/exported_model.h"
#include "support/run_verb.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

using ::testing::HasSubstr;

class GenerateCommand : public ::testing::Test {
 protected:
  void SetUp() override { write(run_.state_root()); }
  void write(const Hash256& root,
             const std::vector<TokenizerFile>& tokenizer = make_byte_tokenizer()->files()) {
    ThreadTeam team(1);
    ASSERT_TRUE(write_checkpoint(
        path_, {.spec = run_.spec, .info = {3, 2, root}, .parameters = run_.values(), .tokenizer = tokenizer},
        KeyPair::from_seed({}), team));
  }
  [[nodiscard]] VerbOutcome run(std::vector<std::string> options) {
    std::vector<std::string> arguments = {"generate", path_.string(), "--threads", "1", "--ignore-end"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return run_verb(add_generate_command, std::move(arguments));
  }
  [[nodiscard]] std::vector<uint32_t> expected(const std::vector<uint32_t>& prompt,
                                               const GenerationOptions& options) {
    const auto engine = make_cpu_engine(run_.spec.model, run_.spec.inner, {}).value();
    set_parameters(*engine, run_.values());
    return engine->generate(prompt, options).value();
  }

  TestRun run_{export_run_spec()};
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "checkpoint";
};

}  // namespace

TEST_F(GenerateCommand, ContinuesThePromptAsTheEngineDoes) {
  const VerbOutcome outcome = run({"--prompt", "window", "--max-new-tokens", "12", "--temperature", "0.7",
                                   "--top-k", "9", "--seed", "5"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  const auto ids = expected({'w', 'i', 'n', 'd', 'o', 'w'},
                            {.max_new_tokens = 12, .temperature = 0.7, .top_k = 9, .seed = 5});
  EXPECT_EQ(outcome.output, make_byte_tokenizer()->decode(ids) + "\n");
}

TEST_F(GenerateCommand, ContinuesWithADirectoryOfHuggingFace) {
  const std::vector<std::string> options = {"--prompt", "window", "--max-new-tokens", "12"};
  const VerbOutcome of_checkpoint = run(options);
  path_ = folder_ / "directory";
  ASSERT_TRUE(export_hugging_face(source_of(run_), NumberType::kF32, path_, 1 << 30, {}));
  const VerbOutcome of_directory = run(options);
  EXPECT_EQ(of_directory.exit_code, 0) << of_directory.errors;
  EXPECT_EQ(of_directory.output, of_checkpoint.output);
}

TEST_F(GenerateCommand, TellsIdsAndLogProbabilitiesAsJson) {
  const VerbOutcome outcome =
      run({"--prompt", "ab", "--max-new-tokens", "5", "--temperature", "0", "--json"});
  const Json json = parse_json(outcome.output).value();
  EXPECT_EQ(json.at("prompt_tokens"), (std::vector<uint32_t>{'a', 'b'}));
  const auto ids = expected({'a', 'b'}, {.max_new_tokens = 5, .temperature = 0});
  ASSERT_EQ(json.at("tokens").size(), 5);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(json.at("tokens").at(i).at("id"), ids[i]);
    EXPECT_LT(json.at("tokens").at(i).at("log_probability").number().value(), 0);
  }
}

TEST_F(GenerateCommand, TellsTokensLineByLine) {
  const VerbOutcome outcome = run({"--prompt", "ab", "--max-new-tokens", "4", "--tokens"});
  EXPECT_EQ(std::ranges::count(outcome.output, '\n'), 4);
}

TEST_F(GenerateCommand, BeginsADocumentWithoutAPrompt) {
  const Json json = parse_json(run({"--max-new-tokens", "1", "--json"}).output).value();
  EXPECT_EQ(json.at("prompt_tokens"), std::vector<uint32_t>{0}) << "the separator";
}

TEST_F(GenerateCommand, TakesThePromptFromAFile) {
  ASSERT_TRUE(write_file_atomically(folder_ / "prompt", "xyz\n"));
  const std::string file = (folder_ / "prompt").string();
  const Json json =
      parse_json(run({"--prompt-file", file, "--max-new-tokens", "1", "--json"}).output).value();
  EXPECT_EQ(json.at("prompt_tokens"), (std::vector<uint32_t>{'x', 'y', 'z', '\n'}));
  EXPECT_EQ(run({"--prompt-file", file, "--prompt", "a"}).exit_code, 2);
  EXPECT_THAT(run({"--prompt-file", (folder_ / "none").string()}).errors, HasSubstr("none"));
}

TEST_F(GenerateCommand, EndsWithTheDocument) {
  for (float& value : run_.parameters.spans().back()) value = 0;
  write(run_.state_root());
  const auto run_to_the_end = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {
        "generate", path_.string(), "--prompt", "a", "--temperature", "0", "--max-new-tokens", "7", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return parse_json(run_verb(add_generate_command, arguments).output).value().at("tokens").size();
  };
  // All logits are equal, and of equal ones the lowest token is taken: the separator, 0.
  EXPECT_EQ(run_to_the_end({}), 0);
  EXPECT_EQ(run_to_the_end({"--ignore-end"}), 7);
}

TEST_F(GenerateCommand, RefusesWhatItCannotUse) {
  write(Hash256{});
  EXPECT_THAT(run({"--prompt", "a"}).errors, HasSubstr("its manifest says 00000000"));
  write(Hash256{}, {});
  EXPECT_THAT(run({"--prompt", "a"}).errors, HasSubstr("no tokenizer"));
  EXPECT_EQ(run({"--temperature", "-1"}).exit_code, 2);
  EXPECT_EQ(run({"--max-new-tokens", "-1"}).exit_code, 2);
}

TEST_F(GenerateCommand, HasATwinThatShowsTheTokensOfEachLine) {
  ASSERT_TRUE(write_file_atomically(folder_ / "lines", "ab\n\nc d"));
  const VerbOutcome outcome =
      run_verb(add_tokenize_command, {"tokenize", path_.string(), (folder_ / "lines").string()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.errors;
  EXPECT_EQ(outcome.output, "[97,98]\n[]\n[99,32,100]\n");
}

}  // namespace templar::testing
