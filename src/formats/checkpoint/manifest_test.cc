#include "formats/checkpoint/manifest.h"

#include <gtest/gtest.h>

#include "support/expect_failure.h"
#include "support/json_values.h"
#include "support/test_key.h"

namespace templar::testing {
namespace {

CheckpointManifest example() {
  CheckpointManifest manifest;
  manifest.run_id = blake2b_256(as_bytes("run"));
  manifest.window = 12;
  manifest.outer_step = 11;
  manifest.start_window = 1;
  manifest.state_root = blake2b_256(as_bytes("root"));
  for (const std::string_view name :
       {kModelName, kRunSpecName, kConfigName, std::string_view("tokenizer.json")}) {
    manifest.files.push_back({std::string(name), name.size(), {blake2b_256(as_bytes(name))}});
  }
  return manifest;
}

// The manifest with one field changed, signed anew by its own key: only the parser can find the fault.
std::string resealed(const std::function<void(Json&)>& change) {
  Json json = testing::parsed_json(seal_manifest(example(), test_key(1)));
  erase_part(json, "signature");
  change(json);
  part(json, "signature") = to_hex(test_key(1).sign(as_bytes(to_text(json, {.sorted = true}))).bytes);
  return to_text(json, {.indent = 2, .sorted = true}) + "\n";
}

}  // namespace

TEST(Manifest, GivesBackWhatWasSealed) {
  const auto opened = open_manifest(seal_manifest(example(), test_key(1)));
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->run_id, example().run_id);
  EXPECT_EQ(opened->window, 12);
  EXPECT_EQ(opened->outer_step, 11);
  EXPECT_EQ(opened->start_window, 1);
  EXPECT_EQ(opened->state_root, example().state_root);
  EXPECT_EQ(opened->signer, test_key(1).public_key());
  ASSERT_EQ(opened->files.size(), 4u);
  EXPECT_EQ(opened->files[0].name, kConfigName);
  EXPECT_EQ(*opened->find(kModelName), example().files[0]);
  EXPECT_EQ(opened->find("none"), nullptr);
}

TEST(Manifest, RefusesEveryFlippedBit) {
  const std::string good = seal_manifest(example(), test_key(1));
  ASSERT_TRUE(open_manifest(good));
  for (size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      EXPECT_TRUE(fails(open_manifest(bad), ErrorKind::kSkip, "manifest")) << "byte " << i << " bit " << bit;
    }
  }
}

TEST(Manifest, RefusesEveryCutAndAddition) {
  const std::string good = seal_manifest(example(), test_key(1));
  for (size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(open_manifest(good.substr(0, size))) << size;
  EXPECT_FALSE(open_manifest(good + "\n"));
  EXPECT_FALSE(open_manifest(good + good));
  EXPECT_FALSE(open_manifest(std::string(kMaxManifestBytes + 1, ' ')));
}

TEST(Manifest, IsPlausibleOnlyInTheSizeOfAModelsCheckpoint) {
  const ParameterLayout layout = {{"a", {1000}}, {"b", {1000}}};
  const auto with = [](const std::string& name, uint64_t size_bytes, size_t times) {
    CheckpointManifest manifest;
    manifest.files.assign(times, {name, size_bytes, {}});
    return manifest;
  };
  EXPECT_TRUE(check_plausible(with("model.safetensors", 8000 + 1000, 1), layout));
  EXPECT_TRUE(check_plausible(with("config.json", 1000, 66), layout));
  EXPECT_TRUE(fails(check_plausible(with("config.json", 0, 67), layout), ErrorKind::kSkip, "67 files"));
  EXPECT_TRUE(fails(check_plausible(with("model.safetensors", 2 << 20, 1), layout), ErrorKind::kSkip,
                    "2097152 bytes of model, the parameters take 8000"));
  EXPECT_TRUE(
      fails(check_plausible(with("model.safetensors", 2 << 20, 3), layout), ErrorKind::kSkip, "of model"));
  EXPECT_TRUE(fails(check_plausible(with("tokenizer.json", uint64_t{1} << 40, 1), layout), ErrorKind::kSkip,
                    "tokenizer.json: 1099511627776 bytes"));
}

// Each level would cost many times its one byte.
TEST(Manifest, RefusesWhatIsNestedDeeplyBeforeItIsHeld) {
  EXPECT_TRUE(fails(open_manifest(std::string(kMaxManifestBytes, '[')), ErrorKind::kSkip,
                    "nested more than 4 levels deep"));
  EXPECT_TRUE(fails(open_manifest(R"({"a":{"b":{"c":{"d":{"e":1}}}}})"), ErrorKind::kSkip,
                    "nested more than 4 levels deep"));
}

TEST(Manifest, NamesTheFieldThatIsWrong) {
  ASSERT_TRUE(open_manifest(resealed([](auto&) {})));
  const auto expect_refused = [](const std::function<void(Json&)>& change, std::string_view reason) {
    EXPECT_TRUE(fails(open_manifest(resealed(change)), ErrorKind::kSkip, reason));
  };
  expect_refused([](auto& j) { part(j, "format") = "templar-checkpoint-v1"; },
                 "format: this program reads templar-checkpoint-v2");
  expect_refused([](auto& j) { part(j, "window") = -1; }, "window: -1 is out of range");
  expect_refused([](auto& j) { part(j, "window") = 1.5; }, "window: must be an integer");
  expect_refused([](auto& j) { part(j, "window") = ~uint64_t{0}; }, "window: must be an integer");
  expect_refused([](auto& j) { erase_part(j, "outer_step"); }, "outer_step: missing");
  expect_refused([](auto& j) { part(j, "state_root") = "ABC"; }, "state_root: ");
  expect_refused([](auto& j) { part(j, "run_id") = 5; }, "run_id: must be text");
  expect_refused([](auto& j) { part(j, "files") = 5; }, "files: must be a list");
  expect_refused([](auto& j) { part(j, "files[0]") = 5; }, "files[0]: must be an object");
  expect_refused([](auto& j) { erase_part(j, "files[1]"); }, "files: no model*.safetensors among them");
  expect_refused([](auto& j) { part(j, "files").push_back(part(j, "files[3]")); }, "not in ascending order");
  expect_refused([](auto& j) { std::swap(part(j, "files[0]"), part(j, "files[1]")); },
                 "not in ascending order");
  for (const char* name : {"../x", "a/b", "", ".", "manifest.json", "a b"}) {
    expect_refused([name](auto& j) { part(j, "files[3].name") = name; }, "manifest: files[3].name: ");
  }
  expect_refused([](auto& j) { part(j, "files[0].size") = "1"; }, "files[0].size: must be an integer");
  expect_refused([](auto& j) { erase_part(j, "files[2]"); }, "files: run_spec.json is missing");
  expect_refused([](auto& j) { part(j, "files[0].blake2b") = 5; }, "files[0].blake2b: must be a list");
  expect_refused([](auto& j) { part(j, "files[0].blake2b[0]") = 5; },
                 "blake2b: config.json: an item is no text");
  expect_refused([](auto& j) { part(j, "files[0].blake2b[0]") = "00"; }, "blake2b: config.json: ");
  expect_refused([](auto& j) { part(j, "files[0].size") = (4 << 20) + 1; },
                 "config.json: 1 hashes, its size makes 2");
  expect_refused([](auto& j) { part(j, "files[0].size") = 0; }, "config.json: 1 hashes, its size makes 0");
  expect_refused([](auto& j) { part(j, "files[0].size") = (uint64_t{1} << 62) + 1; },
                 "size: 4611686018427387905 is out of range");
  expect_refused([](auto& j) { part(j, "outer_step") = 12; }, "outer_step: 12 steps in 11 windows");
  expect_refused([](auto& j) { part(j, "files[0].blake2b[0]") = JsonList{JsonList{1}}; },
                 "nested more than 4 levels deep");
  expect_refused([](auto& j) { part(j, "start_window") = 13; }, "start_window: 13 is after window 12");
  expect_refused([](auto& j) { part(j, "files[0].extra") = 1; }, "files[0].extra: unknown field");
  expect_refused([](auto& j) { part(j, "extra") = 1; }, "extra: unknown field");
  expect_refused([](auto& j) { part(j, "public_key") = "00"; }, "public_key: ");
  expect_refused([](auto& j) { part(j, "public_key") = test_key(2).public_key().hex(); },
                 "signature: not that of");
}

}  // namespace templar::testing
