#include "formats/export/checkpoint_source.h"

#include <gtest/gtest.h>

#include "base/files/file.h"
#include "formats/checkpoint/checkpoint_folder.h"
#include "formats/safetensors/safetensors.h"
#include "support/expect_failure.h"
#include "support/file_content.h"
#include "support/temporary_folder.h"
#include "support/test_checkpoint.h"
#include "support/test_run.h"

namespace templar::testing {
namespace {

class CheckpointSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ThreadTeam team(1);
    const std::vector<TokenizerFile> tokenizer = make_byte_tokenizer()->files();
    ASSERT_TRUE(write_checkpoint(path_, checkpoint_of(run_, 5, 4, tokenizer), key_, team));
  }
  [[nodiscard]] Result<CheckpointSource> opened() { return open_checkpoint(checkpoint_in_folder(path_), {}); }
  // Signs anew a manifest of the files that are there now.
  void reseal(CheckpointManifest manifest) {
    for (CheckpointFile& file : manifest.files) {
      const Bytes content = read_file(path_ / file.name, 1 << 20).value();
      file.size_bytes = content.size();
      file.pieces = hash_pieces(content);
    }
    ASSERT_TRUE(write_file_atomically(path_ / kManifestName, seal_manifest(std::move(manifest), key_)));
  }
  void expect_all_parameters(const CheckpointSource& source) {
    for (size_t i = 0; i < run_.layout.size(); ++i) {
      const auto values = source.model.read(i);
      ASSERT_TRUE(values) << values.error().message;
      EXPECT_TRUE(std::ranges::equal(*values, run_.parameters.spans()[i])) << run_.layout[i].name;
    }
  }

  TestRun run_;
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "checkpoint";
  KeyPair key_ = KeyPair::from_seed({});
};

TEST_F(CheckpointSourceTest, GivesTheModelAndItsTokenizer) {
  const auto source = opened();
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ(source->manifest.window, 5);
  EXPECT_EQ(source->model.name, "small");
  EXPECT_EQ(source->model.sequence_length, 16);
  EXPECT_EQ(parameter_layout(source->model.model), run_.layout);
  ASSERT_EQ(source->model.tokenizer.size(), 2);
  EXPECT_EQ(source->model.tokenizer[0].name, "tokenizer.json");
  expect_all_parameters(*source);
}

TEST_F(CheckpointSourceTest, FindsParametersThatAreSpreadOverFiles) {
  CheckpointManifest manifest = opened().value().manifest;
  const auto values = run_.values();
  const auto write = [&](const std::string& name, size_t begin, size_t end) {
    const ParameterLayout part(run_.layout.begin() + begin, run_.layout.begin() + end);
    Bytes file;
    ASSERT_TRUE(write_safetensors(part, values.subspan(begin, end - begin), [&](ByteView piece) {
      file.insert(file.end(), piece.begin(), piece.end());
      return Status();
    }));
    ASSERT_TRUE(write_file_atomically(path_ / name, ByteView(file)));
  };
  write(std::string(kModelName), 7, run_.layout.size());
  write("model-rest.safetensors", 0, 7);
  manifest.files.push_back({"model-rest.safetensors", 0, {}});
  reseal(manifest);
  const auto source = opened();
  ASSERT_TRUE(source) << source.error().message;
  expect_all_parameters(*source);

  write("model-rest.safetensors", 0, 8);
  reseal(manifest);
  EXPECT_TRUE(fails(opened(), ErrorKind::kSkip, run_.layout[7].name + "': also in model"));
  write("model-rest.safetensors", 0, 6);
  reseal(manifest);
  EXPECT_TRUE(fails(opened(), ErrorKind::kSkip, run_.layout[6].name + "': missing"));
}

TEST_F(CheckpointSourceTest, RefusesAFileThatIsNotTheManifests) {
  for (const char* name : {"model.safetensors", "tokenizer.json", "config.json", "run_spec.json"}) {
    const Bytes good = read_file(path_ / name, 1 << 20).value();
    Bytes bad = good;
    bad[bad.size() / 2] ^= 1;
    ASSERT_TRUE(write_file_atomically(path_ / name, ByteView(bad)));
    EXPECT_TRUE(fails(opened(), ErrorKind::kSkip, name));
    ASSERT_TRUE(write_file_atomically(path_ / name, ByteView(good)));
  }
  std::filesystem::remove(path_ / "tokenizer.json");
  EXPECT_TRUE(fails(opened(), ErrorKind::kSkip, "tokenizer.json"));
  std::filesystem::remove(path_ / kManifestName);
  EXPECT_TRUE(fails(opened(), ErrorKind::kSkip, "manifest.json"));
}

TEST_F(CheckpointSourceTest, RefusesARunSpecOfAnotherRun) {
  const CheckpointManifest manifest = opened().value().manifest;
  RunSpec other = run_.spec;
  other.seed += 1;
  ASSERT_TRUE(write_file_atomically(path_ / kRunSpecName, pretty_json(other)));
  reseal(manifest);
  EXPECT_TRUE(fails(opened(), ErrorKind::kSkip, "run_spec.json: makes run " + run_id(other).brief()));
}

TEST_F(CheckpointSourceTest, EndsWhereTheProgressSaysSo) {
  uint64_t last = 0;
  uint64_t total = 0;
  ASSERT_TRUE(open_checkpoint(checkpoint_in_folder(path_), [&](uint64_t done, uint64_t of) {
    last = done;
    total = of;
    return true;
  }));
  EXPECT_EQ(last, total);
  EXPECT_GT(total, std::filesystem::file_size(path_ / kModelName));
  const auto stop = [](uint64_t, uint64_t) { return false; };
  EXPECT_TRUE(fails(open_checkpoint(checkpoint_in_folder(path_), stop), ErrorKind::kFatal, "interrupted"));
}

}  // namespace
}  // namespace templar::testing
