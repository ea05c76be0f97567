#include "formats/checkpoint/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "core/consensus/state_root.h"
#include "core/protocol/object_keys.h"
#include "formats/checkpoint/checkpoint_contents.h"
#include "formats/checkpoint/checkpoint_files.h"
#include "support/expect_failure.h"
#include "support/json_values.h"
#include "support/test_checkpoint.h"
#include "support/test_key.h"
#include "support/test_run.h"

namespace templar::testing {
namespace {

constexpr std::string_view kBucket = "leader";

class Checkpoint : public ::testing::Test {
 protected:
  [[nodiscard]] CheckpointInfo info_at(int64_t window, const ParameterBuffers& values) {
    return {window, window - 1, compute_state_root(run_.layout, values.spans(), team_)};
  }
  [[nodiscard]] Status publish(const CheckpointInfo& info, const ParameterBuffers& values,
                               uint64_t shard_bytes = kDefaultShardBytes) {
    return publish_checkpoint(store_, kBucket,
                              {.spec = run_.spec,
                               .info = info,
                               .parameters = values.spans(),
                               .tokenizer = tokenizer_,
                               .shard_bytes = shard_bytes},
                              key_, team_);
  }
  void publish(int64_t window, uint64_t seed) {
    const ParameterBuffers values = random_values(run_.layout, seed);
    const Status status = publish(info_at(window, values), values);
    ASSERT_TRUE(status) << status.error().message;
  }
  [[nodiscard]] ExpectedCheckpoint expected() const {
    return {run_.layout, run_id(run_.spec), key_.public_key()};
  }
  [[nodiscard]] Result<CheckpointInfo> load(int64_t window) {
    return load_checkpoint(store_, kBucket, window, expected(), loaded_.spans(), team_);
  }
  [[nodiscard]] bool loaded_is(uint64_t seed) {
    const ParameterBuffers values = random_values(run_.layout, seed);
    for (size_t i = 0; i < run_.layout.size(); ++i) {
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

  TestRun run_;
  VirtualClock clock_;
  MemoryObjectStore store_{clock_};
  ThreadTeam team_{1};
  KeyPair key_ = test_key(1);
  std::vector<TokenizerFile> tokenizer_ = {{"tokenizer.json", {'{', '}'}}, {"empty.txt", {}}};
  ParameterBuffers loaded_{run_.layout};
};

const std::vector<std::string> kFileNames = {"config.json",       "empty.txt",     "manifest.json",
                                             "model.safetensors", "run_spec.json", "tokenizer.json"};

}  // namespace

TEST_F(Checkpoint, GivesBackTheModelThatWasPublished) {
  publish(12, 7);
  const auto info = load(12);
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(*info, info_at(12, random_values(run_.layout, 7)));
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
  EXPECT_EQ(as_text(object("checkpoints/0000000012/run_spec.json")), pretty_json(run_.spec));
  const auto config = testing::parsed_json(as_text(object("checkpoints/0000000012/config.json")));
  EXPECT_EQ(config.at("architectures"), Json(JsonList{"LlamaForCausalLM"}));
  EXPECT_EQ(config.at("model_type"), "llama");
  EXPECT_EQ(config.at("hidden_size"), run_.spec.model.hidden_size);
  EXPECT_EQ(config.at("num_key_value_heads"), run_.spec.model.num_key_value_heads);
  EXPECT_EQ(config.at("tie_word_embeddings"), run_.spec.model.tie_word_embeddings);
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
  EXPECT_TRUE(fails(load_with({run_.layout, run_id(run_.spec), test_key(2).public_key()}), ErrorKind::kSkip,
                    "checkpoint 12 in leader: signed by " + key_.public_key().hex().substr(0, 8)));
  RunSpec other = run_.spec;
  ++other.seed;
  EXPECT_TRUE(fails(load_with({run_.layout, run_id(other), key_.public_key()}), ErrorKind::kSkip, "of run "));
  for (const std::string& name : kFileNames)
    put(checkpoint_prefix(13) + name, object(checkpoint_prefix(12) + name));
  EXPECT_TRUE(fails(load(13), ErrorKind::kSkip, "its manifest is that of window 12"));
}

TEST_F(Checkpoint, RefusesAModelThatHasAnotherStateRoot) {
  const ParameterBuffers values = random_values(run_.layout, 7);
  CheckpointInfo wrong = info_at(12, values);
  wrong.state_root.bytes[0] ^= 1;
  ASSERT_TRUE(publish(wrong, values));
  EXPECT_TRUE(fails(load(12), ErrorKind::kSkip, "checkpoint 12 in leader: state root "));
}

TEST_F(Checkpoint, RefusesASignedModelOfAnotherShape) {
  RunSpec wider = run_.spec;
  wider.model.intermediate_size *= 2;
  const TestRun other(wider);
  ASSERT_TRUE(publish_checkpoint(store_, kBucket, checkpoint_of(other, 12, 0, tokenizer_), key_, team_));
  const auto loaded = load_checkpoint(store_, kBucket, 12, {run_.layout, run_id(wider), key_.public_key()},
                                      loaded_.spans(), team_);
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

TEST_F(Checkpoint, LeavesNoNewOneWhereAPutFails) {
  // The tokenizer's file has a name that no store takes.
  publish(4, 1);
  tokenizer_.push_back({"a/b", {}});
  const ParameterBuffers values = random_values(run_.layout, 2);
  EXPECT_TRUE(fails(publish(info_at(12, values), values), ErrorKind::kFatal, "'a/b' can't be the name"));
  EXPECT_EQ(list_checkpoints(store_, kBucket).value(), std::vector<int64_t>{4});
  EXPECT_EQ(latest_checkpoint(store_, kBucket).value(), 4);
}

TEST_F(Checkpoint, IsCutIntoShardsThatOthersOpen) {
  const ParameterBuffers values = random_values(run_.layout, 7);
  const uint64_t largest = std::ranges::max(run_.layout, {}, &ParameterInfo::count).count() * sizeof(float);
  ASSERT_TRUE(publish(info_at(12, values), values, largest));
  const size_t shards = plan_shards(run_.layout, largest).size();
  ASSERT_GT(shards, 2u);
  size_t found = 0;
  const auto objects = store_.list(kBucket, checkpoint_prefix(12)).value();
  for (const ObjectInfo& info : objects) {
    found += is_model_file(info.key.substr(checkpoint_prefix(12).size())) ? 1 : 0;
    EXPECT_LT(info.size_bytes, largest + 10000);
  }
  EXPECT_EQ(found, shards);
  const auto index =
      testing::parsed_json(as_text(object(checkpoint_prefix(12) + "model.safetensors.index.json")));
  EXPECT_EQ(index.at("weight_map").size(), run_.layout.size());
  const auto info = load(12);
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_TRUE(loaded_is(7));
}

TEST_F(Checkpoint, IsTheSameBytesForEveryNumberOfThreads) {
  const ParameterBuffers values = random_values(run_.layout, 7);
  publish(12, 7);
  const Bytes manifest = object(checkpoint_prefix(12) + "manifest.json");
  for (const int threads : {2, 5}) {
    ThreadTeam team(threads);
    ASSERT_TRUE(publish_checkpoint(store_, kBucket,
                                   {.spec = run_.spec,
                                    .info = info_at(12, values),
                                    .parameters = values.spans(),
                                    .tokenizer = tokenizer_},
                                   key_, team));
    EXPECT_EQ(object(checkpoint_prefix(12) + "manifest.json"), manifest);
    EXPECT_TRUE(load_checkpoint(store_, kBucket, 12, expected(), loaded_.spans(), team));
    EXPECT_TRUE(loaded_is(7));
  }
}

TEST_F(Checkpoint, LoadsOnlyWhereNoneOfAThousandRandomBytesIsAnother) {
  const ParameterBuffers values = random_values(run_.layout, 7);
  ASSERT_TRUE(publish(info_at(12, values), values, 20000));
  const auto objects = store_.list(kBucket, checkpoint_prefix(12)).value();
  ASSERT_GT(objects.size(), 6u);
  Random random(1, "flips");
  for (int i = 0; i < 1000; ++i) {
    const ObjectInfo& info = objects[random.below(objects.size())];
    if (info.size_bytes == 0) continue;
    Bytes content = object(info.key);
    const Bytes whole = content;
    const size_t byte = random.below(content.size());
    content[byte] ^= static_cast<uint8_t>(1 + random.below(255));
    put(info.key, content);
    EXPECT_TRUE(fails(load(12), ErrorKind::kSkip)) << info.key << " byte " << byte;
    put(info.key, whole);
  }
  EXPECT_TRUE(load(12));
}

TEST_F(Checkpoint, HasEachTensorOnce) {
  // A second file with a tensor of the first, both as the manifest says.
  const ParameterBuffers values = random_values(run_.layout, 7);
  ASSERT_TRUE(publish(info_at(12, values), values, 20000));
  const CheckpointFiles files = checkpoint_in_store(store_, kBucket, 12);
  const CheckpointManifest manifest = read_manifest(files).value();
  const auto reseal = [&](const std::function<void(CheckpointManifest&)>& change) {
    CheckpointManifest changed = manifest;
    change(changed);
    put(checkpoint_prefix(12) + "manifest.json", as_bytes(seal_manifest(changed, key_)));
  };
  const CheckpointFile first = *std::ranges::find_if(manifest.files, is_model_file, &CheckpointFile::name);
  put(checkpoint_prefix(12) + "model-twice.safetensors", object(checkpoint_prefix(12) + first.name));
  reseal([&](CheckpointManifest& changed) {
    changed.files.push_back(first);
    changed.files.back().name = "model-twice.safetensors";
  });
  EXPECT_TRUE(fails(load(12), ErrorKind::kSkip, "also in " + first.name));
  reseal([&](CheckpointManifest& changed) { std::erase(changed.files, first); });
  EXPECT_TRUE(fails(load(12), ErrorKind::kSkip,
                    "checkpoint 12 in leader: tensor 'model.embed_tokens.weight': missing"));
}

}  // namespace templar::testing
