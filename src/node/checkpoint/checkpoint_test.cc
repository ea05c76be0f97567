#include "node/checkpoint/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "core/consensus/state_root.h"
#include "core/protocol/object_keys.h"
#include "node/checkpoint/checkpoint_folder.h"
#include "support/captured_logs.h"
#include "support/expect_failure.h"
#include "support/small_model.h"
#include "support/temporary_folder.h"

namespace templar::testing {
namespace {

constexpr std::string_view kBucket = "leader";

KeyPair key_of(uint8_t number) {
  std::array<uint8_t, 32> seed{};
  seed.fill(number);
  return KeyPair::from_seed(seed);
}

class Checkpoint : public ::testing::Test {
 protected:
  [[nodiscard]] CheckpointInfo info_at(int64_t window, const ParameterBuffers& values) {
    return {window, window - 1, compute_state_root(model_.layout, values.spans(), team_)};
  }
  void publish(int64_t window, uint64_t seed) {
    const ParameterBuffers values = random_values(model_.layout, seed);
    const Status status = publish_checkpoint(store_, kBucket, model_.spec, info_at(window, values),
                                             values.spans(), tokenizer_, key_);
    ASSERT_TRUE(status) << status.error().message;
  }
  [[nodiscard]] ExpectedCheckpoint expected() const {
    return {model_.spec, model_.layout, run_id(model_.spec), key_.public_key()};
  }
  [[nodiscard]] Result<CheckpointInfo> load(int64_t window) {
    return load_checkpoint(store_, kBucket, window, expected(), loaded_.spans(), team_);
  }
  [[nodiscard]] Result<std::optional<CheckpointInfo>> load_newest() {
    return load_newest_checkpoint(store_, kBucket, expected(), loaded_.spans(), team_);
  }
  [[nodiscard]] bool loaded_is(uint64_t seed) {
    const ParameterBuffers values = random_values(model_.layout, seed);
    for (size_t i = 0; i < model_.layout.size(); ++i) {
      if (!std::ranges::equal(values.spans()[i], loaded_.spans()[i])) return false;
    }
    return true;
  }
  [[nodiscard]] Bytes object(const std::string& key) { return store_.get(kBucket, key, 1 << 24).value(); }
  void put(const std::string& key, ByteView content) { ASSERT_TRUE(store_.put(kBucket, key, content)); }
  void flip(const std::string& key, size_t byte) {
    Bytes content = object(key);
    content.at(byte) ^= 1;
    put(key, content);
  }

  SmallModel model_;
  VirtualClock clock_;
  MemoryObjectStore store_{clock_};
  ThreadTeam team_{1};
  KeyPair key_ = key_of(1);
  std::vector<TokenizerFile> tokenizer_ = {{"tokenizer.json", {'{', '}'}}, {"empty.txt", {}}};
  ParameterBuffers loaded_{model_.layout};
};

const std::vector<std::string> kFileNames = {"config.json",       "empty.txt",     "manifest.json",
                                             "model.safetensors", "run_spec.json", "tokenizer.json"};

}  // namespace

TEST_F(Checkpoint, GivesBackTheModelThatWasPublished) {
  publish(12, 7);
  const auto info = load(12);
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(*info, info_at(12, random_values(model_.layout, 7)));
  EXPECT_TRUE(loaded_is(7));
}

TEST_F(Checkpoint, ConsistsOfTheFilesThatOthersOpen) {
  publish(12, 7);
  const auto objects = store_.list(kBucket, "").value();
  std::vector<std::string> keys;
  for (const ObjectInfo& info : objects) keys.push_back(info.key);
  std::vector<std::string> wanted;
  for (const std::string& name : kFileNames) wanted.push_back("checkpoints/0000000012/" + name);
  wanted.emplace_back("checkpoints/latest");
  EXPECT_EQ(keys, wanted);
  EXPECT_EQ(as_text(object("checkpoints/latest")), "checkpoints/0000000012/manifest.json\n");
  EXPECT_EQ(as_text(object("checkpoints/0000000012/run_spec.json")), pretty_json(model_.spec));
  const auto config = nlohmann::json::parse(as_text(object("checkpoints/0000000012/config.json")));
  EXPECT_EQ(config["architectures"], nlohmann::json::array({"LlamaForCausalLM"}));
  EXPECT_EQ(config["model_type"], "llama");
  EXPECT_EQ(config["hidden_size"], model_.spec.model.hidden_size);
  EXPECT_EQ(config["num_key_value_heads"], model_.spec.model.num_key_value_heads);
  EXPECT_EQ(config["tie_word_embeddings"], model_.spec.model.tie_word_embeddings);
}

TEST_F(Checkpoint, MayBePublishedTwice) {
  publish(12, 7);
  publish(12, 7);
  EXPECT_TRUE(load(12));
  EXPECT_EQ(list_checkpoints(store_, kBucket).value(), std::vector<int64_t>{12});
}

TEST_F(Checkpoint, SaysWhichFileIsDamaged) {
  for (const std::string& name : kFileNames) {
    publish(12, 7);
    const std::string key = checkpoint_prefix(12) + name;
    const Bytes whole = object(key);
    if (!whole.empty()) {
      flip(key, whole.size() - 1);
      EXPECT_TRUE(fails(load(12), ErrorKind::kSkip, name == "manifest.json" ? "manifest" : name))
          << "flipped";
      put(key, ByteView(whole).first(whole.size() - 1));
      EXPECT_TRUE(fails(load(12), ErrorKind::kSkip, name == "manifest.json" ? "manifest" : name)) << "cut";
    }
    ASSERT_TRUE(store_.remove(kBucket, key));
    EXPECT_TRUE(fails(load(12), ErrorKind::kSkip, name + ": missing"));
    put(key, whole);
    EXPECT_TRUE(load(12));
  }
}

TEST_F(Checkpoint, RefusesEveryFlippedByteOfTheManifestAndOfTheModelsHeader) {
  publish(12, 7);
  const std::string manifest = checkpoint_prefix(12) + "manifest.json";
  for (size_t i = 0; i < object(manifest).size(); ++i) {
    flip(manifest, i);
    EXPECT_TRUE(fails(load(12), ErrorKind::kSkip)) << "manifest byte " << i;
    flip(manifest, i);
  }
  const std::string model = checkpoint_prefix(12) + "model.safetensors";
  for (size_t i = 0; i < 600; ++i) {
    flip(model, i);
    EXPECT_TRUE(fails(load(12), ErrorKind::kSkip, "model.safetensors")) << "model byte " << i;
    flip(model, i);
  }
  EXPECT_TRUE(load(12));
}

TEST_F(Checkpoint, RefusesAnotherLeaderRunAndWindow) {
  publish(12, 7);
  const auto load_with = [&](const ExpectedCheckpoint& wanted) {
    return load_checkpoint(store_, kBucket, 12, wanted, loaded_.spans(), team_);
  };
  EXPECT_TRUE(fails(load_with({model_.spec, model_.layout, run_id(model_.spec), key_of(2).public_key()}),
                    ErrorKind::kSkip,
                    "checkpoint 12 in leader: signed by " + key_.public_key().hex().substr(0, 8)));
  RunSpec other = model_.spec;
  ++other.seed;
  EXPECT_TRUE(fails(load_with({other, model_.layout, run_id(other), key_.public_key()}), ErrorKind::kSkip,
                    "of run "));
  for (const std::string& name : kFileNames)
    put(checkpoint_prefix(13) + name, object(checkpoint_prefix(12) + name));
  EXPECT_TRUE(fails(load(13), ErrorKind::kSkip, "its manifest is that of window 12"));
}

TEST_F(Checkpoint, RefusesAModelThatHasAnotherStateRoot) {
  const ParameterBuffers values = random_values(model_.layout, 7);
  CheckpointInfo wrong = info_at(12, values);
  wrong.state_root.bytes[0] ^= 1;
  ASSERT_TRUE(publish_checkpoint(store_, kBucket, model_.spec, wrong, values.spans(), tokenizer_, key_));
  EXPECT_TRUE(fails(load(12), ErrorKind::kSkip, "checkpoint 12 in leader: state root "));
}

TEST_F(Checkpoint, RefusesASignedModelOfAnotherShape) {
  RunSpec wider = model_.spec;
  wider.model.intermediate_size *= 2;
  const SmallModel other(wider);
  const CheckpointInfo info{12, 0,
                            compute_state_root(other.layout, std::as_const(other.parameters).spans(), team_)};
  ASSERT_TRUE(publish_checkpoint(store_, kBucket, wider, info, std::as_const(other.parameters).spans(),
                                 tokenizer_, key_));
  const auto loaded = load_checkpoint(
      store_, kBucket, 12, {wider, model_.layout, run_id(wider), key_.public_key()}, loaded_.spans(), team_);
  EXPECT_TRUE(fails(loaded, ErrorKind::kSkip,
                    "model.safetensors: tensor 'model.layers.0.mlp.gate_proj.weight': shape"));
}

TEST_F(Checkpoint, ListsOnlyThoseThatHaveAManifest) {
  for (const int64_t window : {30, 4, 12}) publish(window, 1);
  put("checkpoints/0000000050/model.safetensors", as_bytes("still being uploaded"));
  put("checkpoints/other/manifest.json", as_bytes("x"));
  put("checkpoints/0000000051/below/manifest.json", as_bytes("x"));
  EXPECT_EQ(list_checkpoints(store_, kBucket).value(), (std::vector<int64_t>{4, 12, 30}));
  EXPECT_TRUE(list_checkpoints(store_, "nobody").value().empty());
}

TEST_F(Checkpoint, IsTheOneThatThePointerNames) {
  publish(4, 1);
  publish(12, 2);
  EXPECT_EQ(load_newest().value()->window, 12);
  EXPECT_TRUE(loaded_is(2));
  put("checkpoints/latest", as_bytes("checkpoints/0000000004/manifest.json\n"));
  EXPECT_EQ(load_newest().value()->window, 4);
}

TEST_F(Checkpoint, IsTheNewestListedWhereThePointerIsOfNoUse) {
  publish(4, 1);
  publish(12, 2);
  ASSERT_TRUE(store_.remove(kBucket, "checkpoints/latest"));
  EXPECT_EQ(load_newest().value()->window, 12);
  const std::string long_text(5000, 'x');
  for (const std::string& pointer :
       {std::string(), std::string("nonsense"), std::string("checkpoints/0000000012/"),
        std::string("../../x"), std::string("checkpoints/0000000099/manifest.json\n"), long_text}) {
    CapturedLogs logs;
    put("checkpoints/latest", as_bytes(pointer));
    EXPECT_EQ(load_newest().value()->window, 12) << pointer.substr(0, 50);
  }
}

TEST_F(Checkpoint, IsTheNextNewestWhereTheNewestAreBroken) {
  for (const int64_t window : {4, 12, 20, 30}) publish(window, static_cast<uint64_t>(window));
  flip("checkpoints/0000000030/model.safetensors", 2000);
  ASSERT_TRUE(store_.remove(kBucket, "checkpoints/0000000020/config.json"));
  CapturedLogs logs;
  EXPECT_EQ(load_newest().value()->window, 12);
  EXPECT_TRUE(loaded_is(12));
  EXPECT_EQ(logs.count("skipped"), 2u);
}

TEST_F(Checkpoint, IsNoneWhereThereIsNone) {
  EXPECT_EQ(load_newest().value(), std::nullopt);
  publish(4, 1);
  flip("checkpoints/0000000004/manifest.json", 10);
  CapturedLogs logs;
  EXPECT_EQ(load_newest().value(), std::nullopt);
}

TEST_F(Checkpoint, LeavesNoNewOneWhereAPutFails) {
  // The tokenizer's file has a name that no store takes.
  publish(4, 1);
  tokenizer_.push_back({"a/b", {}});
  const ParameterBuffers values = random_values(model_.layout, 2);
  EXPECT_TRUE(fails(
      publish_checkpoint(store_, kBucket, model_.spec, info_at(12, values), values.spans(), tokenizer_, key_),
      ErrorKind::kFatal, "'a/b' can't be the name"));
  EXPECT_EQ(list_checkpoints(store_, kBucket).value(), std::vector<int64_t>{4});
  EXPECT_EQ(load_newest().value()->window, 4);
}

TEST_F(Checkpoint, IsCopiedOutIntoAFolder) {
  publish(12, 7);
  const TemporaryFolder folder;
  const auto info = export_checkpoint(store_, kBucket, 12, expected(), folder / "a/model");
  ASSERT_TRUE(info) << info.error().message;
  for (const std::string& name : kFileNames) {
    EXPECT_EQ(read_file(folder / "a/model" / name, 1 << 24).value(), object(checkpoint_prefix(12) + name))
        << name;
  }
  EXPECT_EQ(load_checkpoint_folder(folder / "a/model", expected(), loaded_.spans(), team_).value(), *info);
  EXPECT_TRUE(loaded_is(7));
}

TEST_F(Checkpoint, IsNotLeftInAFolderWhereTheCopyBroke) {
  publish(12, 7);
  const TemporaryFolder folder;
  ASSERT_TRUE(export_checkpoint(store_, kBucket, 12, expected(), folder / "model"));
  flip("checkpoints/0000000012/tokenizer.json", 0);
  EXPECT_TRUE(fails(export_checkpoint(store_, kBucket, 12, expected(), folder / "model"), ErrorKind::kSkip,
                    "tokenizer.json"));
  EXPECT_FALSE(std::filesystem::exists(folder / "model/manifest.json"));
}

}  // namespace templar::testing
