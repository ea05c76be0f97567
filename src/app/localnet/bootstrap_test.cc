#include "app/localnet/bootstrap.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "adapters/file_store/file_object_store.h"
#include "adapters/tokenizers/sentencepiece_tokenizer.h"
#include "base/clock.h"
#include "formats/checkpoint/checkpoint_loader.h"
#include "formats/hugging_face/hugging_face_export.h"
#include "support/expect_failure.h"
#include "support/exported_model.h"
#include "support/sentencepiece_models.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;

class BootstrapOfADirectory : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(export_hugging_face(source_of(run_), NumberType::kF32, directory_, 1 << 30, {}));
  }

  TestRun run_{export_run_spec()};
  TemporaryFolder folder_;
  fs::path directory_ = folder_ / "hf";
  RunSpec spec_ = export_run_spec();
  VirtualClock clock_;
  FileObjectStore store_{folder_ / "store", clock_};
};

TEST_F(BootstrapOfADirectory, BecomesTheCheckpointOfWindow0) {
  ASSERT_TRUE(name_bootstrap(directory_, spec_));
  EXPECT_TRUE(is_in_own_store(spec_.bootstrap));
  EXPECT_EQ(spec_.bootstrap.window, 0);
  EXPECT_EQ(spec_.bootstrap.state_root, run_.state_root().hex());
  ASSERT_TRUE(copy_bootstrap(directory_, spec_, store_));

  ParameterBuffers loaded(run_.layout);
  ThreadTeam team(1);
  const Status status = load_bootstrap(checkpoint_in_store(store_, spec_.bootstrap.bucket, 0),
                                       spec_.bootstrap, run_.layout, loaded.spans(), team);
  ASSERT_TRUE(status) << status.error().message;
  for (size_t i = 0; i < run_.layout.size(); ++i)
    EXPECT_TRUE(std::ranges::equal(loaded.spans()[i], run_.values()[i])) << run_.layout[i].name;
}

TEST_F(BootstrapOfADirectory, IsNeededOnce) {
  ASSERT_TRUE(name_bootstrap(directory_, spec_));
  ASSERT_TRUE(copy_bootstrap(directory_, spec_, store_));
  fs::remove_all(directory_);
  EXPECT_TRUE(copy_bootstrap(directory_, spec_, store_));
}

TEST_F(BootstrapOfADirectory, SaysHowTheRunBecomesItsOwn) {
  RunSpec other = spec_;
  other.model.vocab_size = 300;
  other.model.rope_theta *= 2;
  EXPECT_TRUE(check_bootstrap(directory_, spec_.model));
  EXPECT_TRUE(fails(check_bootstrap(directory_, other.model), ErrorKind::kFatal,
                    "its model is not the run's; give --set model.vocab_size=260 --set model.rope_theta="));
  EXPECT_TRUE(fails(name_bootstrap(directory_, other), ErrorKind::kFatal, "--bootstrap: "));
}

TEST_F(BootstrapOfADirectory, SaysTheSizeOfItsHeads) {
  RunSpec other = spec_;
  other.model.head_dim = spec_.model.head_width();
  EXPECT_TRUE(check_bootstrap(directory_, other.model)) << "said, and what it is anyway";
  other.model.head_dim *= 2;
  EXPECT_TRUE(fails(check_bootstrap(directory_, other.model), ErrorKind::kFatal,
                    "its model is not the run's; give --set model.head_dim=0"));
}

TEST_F(BootstrapOfADirectory, HasTheDatasTokenizer) {
  EXPECT_TRUE(check_bootstrap_tokenizer(directory_, *make_byte_tokenizer()));
  const auto other = make_sentencepiece_tokenizer(normalising_model(), "a model");
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_TRUE(fails(check_bootstrap_tokenizer(directory_, **other), ErrorKind::kFatal,
                    "its tokenizer (bytes, 256 tokens) is not the one of the data (sentencepiece, "));
}

TEST_F(BootstrapOfADirectory, IsTheOneThatTheSpecNames) {
  ASSERT_TRUE(name_bootstrap(directory_, spec_));
  spec_.bootstrap.state_root = std::string(64, 'a');
  EXPECT_TRUE(
      fails(copy_bootstrap(directory_, spec_, store_), ErrorKind::kFatal, "the model has changed since"));
}

TEST_F(BootstrapOfADirectory, IsRefusedWhereItIsNone) {
  EXPECT_TRUE(fails(check_bootstrap(folder_ / "none", spec_.model), ErrorKind::kFatal, "--bootstrap: "));
}

}  // namespace
}  // namespace templar::testing
