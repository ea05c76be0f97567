#include "formats/checkpoint/checkpoint_folder.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/files/file.h"
#include "core/consensus/state_root.h"
#include "support/child_process.h"
#include "support/expect_failure.h"
#include "support/temporary_folder.h"
#include "support/test_checkpoint.h"
#include "support/test_key.h"
#include "support/test_run.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;

class CheckpointFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    const Status status = write();
    ASSERT_TRUE(status) << status.error().message;
  }
  [[nodiscard]] Status write() {
    return write_checkpoint(path_, checkpoint_of(run_, 5, 4, tokenizer_), key_, team_);
  }
  [[nodiscard]] CheckpointReport verify(const std::optional<PublicKey>& leader = std::nullopt) {
    return verify_checkpoint(checkpoint_in_folder(path_), leader, team_).value();
  }
  [[nodiscard]] std::optional<std::string> problem_of(std::string_view name) {
    for (const CheckedFile& file : verify().files) {
      if (file.name == name) return file.problem;
    }
    return "not in the report";
  }
  void append(const std::string& name, std::string_view text) {
    std::ofstream(path_ / name, std::ios::app) << text;
  }

  TestRun run_;
  TemporaryFolder folder_;
  fs::path path_ = folder_ / "checkpoint";
  ThreadTeam team_{1};
  KeyPair key_ = test_key(1);
  std::vector<TokenizerFile> tokenizer_ = {{"tokenizer.json", {'{', '}'}}};
};

}  // namespace

TEST_F(CheckpointFolder, IsWholeAsItWasWritten) {
  const CheckpointReport report = verify(key_.public_key());
  EXPECT_TRUE(report.ok()) << report.manifest_problem.value_or("") << report.model_problem.value_or("");
  EXPECT_EQ(report.manifest->window, 5);
  EXPECT_EQ(report.files.size(), 4u);
  ParameterBuffers loaded(run_.layout);
  const ExpectedCheckpoint expected{run_.layout, run_id(run_.spec), key_.public_key()};
  const auto info = load_checkpoint_folder(path_, expected, loaded.spans(), team_);
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->window, 5);
  EXPECT_EQ(compute_state_root(run_.layout, std::as_const(loaded).spans(), team_), info->state_root);
  EXPECT_EQ(std::distance(fs::directory_iterator(path_), fs::directory_iterator()), 5)
      << "no temporary files are left";
}

TEST_F(CheckpointFolder, ReplacesAnOlderOne) {
  run_.parameters.spans()[0][0] = 3;
  ASSERT_TRUE(write());
  EXPECT_TRUE(verify().ok());
}

TEST_F(CheckpointFolder, ReportsEachFileThatIsNotWhole) {
  for (const char* name : {"model.safetensors", "config.json", "run_spec.json", "tokenizer.json"}) {
    ASSERT_TRUE(write());
    EXPECT_EQ(problem_of(name), std::nullopt);
    append(name, "x");
    EXPECT_NE(problem_of(name).value_or("").find("bytes, the manifest says"), std::string::npos)
        << *problem_of(name);
    EXPECT_FALSE(verify().ok());
    ASSERT_TRUE(write());
    Bytes content = read_file(path_ / name, 1 << 24).value();
    content.back() ^= 0x20;
    ASSERT_TRUE(write_file_atomically(path_ / name, content));
    EXPECT_NE(problem_of(name).value_or("").find(" have the hash "), std::string::npos);
    EXPECT_FALSE(verify().ok());
    fs::remove(path_ / name);
    EXPECT_NE(problem_of(name).value_or("").find("No such file"), std::string::npos);
    fs::create_directory(path_ / name);
    EXPECT_NE(problem_of(name).value_or("").find("not a regular file"), std::string::npos);
    fs::remove(path_ / name);
    EXPECT_EQ(problem_of("config.json").has_value(), name == std::string("config.json"));
  }
}

TEST_F(CheckpointFolder, ReportsAManifestThatIsNoneOrAnothers) {
  EXPECT_NE(verify(test_key(2).public_key())
                .manifest_problem.value_or("")
                .find("signed by " + key_.public_key().hex()),
            std::string::npos);
  append("manifest.json", " ");
  CheckpointReport report = verify();
  EXPECT_FALSE(report.ok());
  EXPECT_NE(report.manifest_problem.value_or("").find("canonical"), std::string::npos);
  fs::remove(path_ / "manifest.json");
  report = verify();
  EXPECT_FALSE(report.ok());
  EXPECT_NE(report.manifest_problem.value_or("").find("manifest.json: No such file"), std::string::npos);
  path_ = folder_ / "none";
  EXPECT_FALSE(verify().ok());
}

TEST_F(CheckpointFolder, ReportsAModelThatDoesNotFitItsRunSpecOrRoot) {
  const auto resign = [&](const std::function<void(CheckpointManifest&)>& change) {
    CheckpointManifest manifest = read_manifest(checkpoint_in_folder(path_)).value();
    change(manifest);
    ASSERT_TRUE(write_file_atomically(path_ / "manifest.json", seal_manifest(manifest, key_)));
  };
  resign([](CheckpointManifest& manifest) { manifest.state_root.bytes[3] ^= 1; });
  EXPECT_NE(verify().model_problem.value_or("").find("state root"), std::string::npos);
  ASSERT_TRUE(write());
  resign([](CheckpointManifest& manifest) { manifest.run_id.bytes[3] ^= 1; });
  EXPECT_NE(verify().model_problem.value_or("").find("run_spec.json: makes run"), std::string::npos);
  ASSERT_TRUE(write());
  RunSpec huge = run_.spec;
  huge.model.vocab_size = 1 << 22;
  huge.model.hidden_size *= 512;  // 8 GB and more: must not be allocated
  const std::string text = pretty_json(huge);
  ASSERT_TRUE(write_file_atomically(path_ / "run_spec.json", text));
  resign([&](CheckpointManifest& manifest) {
    manifest.run_id = run_id(huge);
    for (CheckpointFile& file : manifest.files) {
      if (file.name == kRunSpecName)
        file = {std::string(kRunSpecName), text.size(), {blake2b_256(as_bytes(text))}};
    }
  });
  EXPECT_NE(verify().model_problem.value_or("").find("the run spec's parameters take"), std::string::npos)
      << verify().model_problem.value_or("none");
}

TEST_F(CheckpointFolder, IsNoCheckpointWhereTheDiskWasFull) {
  const int end = run_in_child([&] {
    limit_file_size(6000, false);  // more than run_spec.json, less than the model
    return fails(write(), ErrorKind::kFatal, "model.safetensors: File too large") ? 0 : 1;
  });
  EXPECT_EQ(end, 0);
  EXPECT_FALSE(fs::exists(path_ / "manifest.json"));
  EXPECT_TRUE(write());
  EXPECT_TRUE(verify().ok());
}

TEST_F(CheckpointFolder, SaysThatItCannotBeWritten) {
  append("config.json", "");
  path_ /= "config.json/below";
  EXPECT_TRUE(fails(write(), ErrorKind::kFatal, "config.json/below: Not a directory"));
}

}  // namespace templar::testing
