// Checkpoints at a server that speaks S3: put in parts, fetched in ranges, and what a fetch that was ended at
// any byte goes on from.
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "adapters/s3/s3_object_store.h"
#include "base/files/file.h"
#include "core/protocol/object_keys.h"
#include "formats/checkpoint/checkpoint.h"
#include "formats/checkpoint/checkpoint_download.h"
#include "formats/checkpoint/checkpoint_files.h"
#include "formats/checkpoint/checkpoint_folder.h"
#include "support/expect_failure.h"
#include "support/strict_s3_server.h"
#include "support/temporary_folder.h"
#include "support/test_checkpoint.h"
#include "support/test_key.h"

namespace templar::testing {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kWindow = 7;
constexpr const char* kModelFile = "model.safetensors";

// About 17 MB: four pieces, and as many parts.
RunSpec spec_of_some_parts() {
  RunSpec spec = small_run_spec();
  spec.model.vocab_size = 4096;
  spec.model.hidden_size = 384;
  spec.model.intermediate_size = 64;
  return spec;
}

class CheckpointOverS3 : public ::testing::Test {
 protected:
  CheckpointOverS3() {
    server_.add_user("owner", "owner-secret");
    server_.add_bucket("run", "owner");
  }
  // Of a process of its own; is_cancelled as StoreAccess has it.
  [[nodiscard]] std::unique_ptr<S3ObjectStore> store(std::function<bool()> is_cancelled = {}) {
    S3StoreOptions options{.root = "run/prefix", .multipart_from_bytes = 10 << 20, .part_bytes = 5 << 20};
    options.client.endpoint = parse_endpoint(server_.endpoint()).value();
    options.client.region = "auto";
    options.client.retry = {.most_retries = 4};
    options.client.transfers.is_cancelled = std::move(is_cancelled);
    const Variables keys{{"AWS_ACCESS_KEY_ID", "owner"}, {"AWS_SECRET_ACCESS_KEY", "owner-secret"}};
    options.client.credentials = std::make_shared<CredentialSource>(keys, server_.clock, nullptr);
    return std::make_unique<S3ObjectStore>(std::move(options), server_.clock);
  }
  void publish() {
    const Status status =
        publish_checkpoint(*store(), "leader", checkpoint_of(run_, kWindow, kWindow), key_, team_);
    ASSERT_TRUE(status) << status.error().message;
  }
  [[nodiscard]] Status download(const ObjectReader& from, uint64_t stop_at_bytes = UINT64_MAX,
                                std::atomic<bool>* is_stopped = nullptr) {
    const CheckpointFiles files = checkpoint_in_store(from, "leader", kWindow);
    TRY_ASSIGN(const CheckpointManifest manifest, read_manifest(files));
    return download_checkpoint(files, manifest, target_,
                               {.connections = 4, .progress = [&](uint64_t done, uint64_t) {
                                  if (is_stopped != nullptr && done >= stop_at_bytes) *is_stopped = true;
                                }});
  }
  [[nodiscard]] std::string object(const std::string& name) {
    return "prefix/leader/" + checkpoint_prefix(kWindow) + name;
  }
  void expect_whole() {
    ParameterBuffers loaded = random_values(run_.layout, 9);
    const auto info = load_checkpoint_folder(target_, {run_.layout, run_id(run_.spec), key_.public_key()},
                                             loaded.spans(), team_);
    ASSERT_TRUE(info) << info.error().message;
    EXPECT_EQ(info->state_root, run_.state_root());
  }

  StrictS3Server server_;
  TestRun run_{spec_of_some_parts()};
  const KeyPair key_ = test_key(1);
  ThreadTeam team_{2};
  TemporaryFolder folder_;
  const fs::path target_ = folder_ / "copy";
};

TEST_F(CheckpointOverS3, GoesUpInPartsOfOneSize) {
  publish();
  const std::vector<size_t> parts = server_.parts("run", object(kModelFile));
  ASSERT_GE(parts.size(), 4u);
  for (size_t i = 0; i + 1 < parts.size(); ++i) EXPECT_EQ(parts[i], size_t{5} << 20);
  EXPECT_EQ(server_.open_uploads(), 0u);
}

TEST_F(CheckpointOverS3, IsNotThereWhereAnUploadFailed) {
  server_.fail_next("PUT", S3Fault::kForbidden);
  EXPECT_FALSE(publish_checkpoint(*store(), "leader", checkpoint_of(run_, kWindow, kWindow), key_, team_));
  EXPECT_FALSE(store()->head("leader", checkpoint_manifest_key(kWindow)).value());
  EXPECT_EQ(server_.open_uploads(), 0u);
  publish();
  ASSERT_TRUE(download(*store()));
  expect_whole();
}

TEST_F(CheckpointOverS3, ComesInRangesWhateverTheServerDoesNowAndThen) {
  publish();
  for (const S3Fault fault : {S3Fault::kCutBody, S3Fault::kUnavailable, S3Fault::kServerError}) {
    fs::remove_all(target_);
    const int before = server_.requests("GET");
    server_.fail_next("GET", fault);
    ASSERT_TRUE(download(*store()));
    expect_whole();
    EXPECT_GE(server_.requests("GET") - before, 4);
  }
}

TEST_F(CheckpointOverS3, GoesOnAtTheByteWhereItWasEnded) {
  publish();
  ASSERT_TRUE(download(*store()));
  const int all_requests = server_.requests("GET");
  const uint64_t model_bytes = fs::file_size(target_ / kModelFile);
  const uint64_t pieces = (model_bytes + kPieceBytes - 1) / kPieceBytes;
  for (uint64_t kept = 0; kept < pieces; ++kept) {
    // As a process leaves it that was killed: some pieces whole, the next one in part, others of no account.
    fs::remove(target_ / kManifestName);
    Bytes model = read_file(target_ / kModelFile, model_bytes).value();
    const uint64_t good_bytes = std::min(kept * kPieceBytes + 12'345, model_bytes);
    std::fill(model.begin() + static_cast<ptrdiff_t>(good_bytes), model.end(), uint8_t{0});
    ASSERT_TRUE(write_file_atomically(target_ / kModelFile, model));
    const int before = server_.requests("GET");
    ASSERT_TRUE(download(*store())) << kept;
    expect_whole();
    // The manifest is read as at first, and of the model what was missing; small files are all there.
    const int for_manifest = 2;
    EXPECT_EQ(server_.requests("GET") - before, for_manifest + static_cast<int>(pieces - kept)) << kept;
    EXPECT_LT(server_.requests("GET") - before, all_requests);
  }
}

TEST_F(CheckpointOverS3, AFetchThatIsCancelledLosesNothingOfWhatHasCome) {
  publish();
  std::atomic<bool> is_stopped = false;
  const auto first = store([&] { return is_stopped.load(); });
  EXPECT_TRUE(fails(download(*first, 9 << 20, &is_stopped), ErrorKind::kRetry));
  EXPECT_FALSE(is_there(target_ / kManifestName));
  const int before = server_.requests("GET");
  ASSERT_TRUE(download(*store()));
  expect_whole();
  EXPECT_LE(server_.requests("GET") - before, 2 + 2);  // the manifest's, and half of the pieces
}

}  // namespace
}  // namespace templar::testing
