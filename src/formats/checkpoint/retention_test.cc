#include "formats/checkpoint/retention.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/clock.h"
#include "core/protocol/object_keys.h"

namespace templar::testing {
namespace {

using Windows = std::vector<int64_t>;

// Each stored an hour after the one before, by its window's order.
std::vector<StoredCheckpoint> hourly(Windows windows) {
  std::vector<StoredCheckpoint> checkpoints;
  for (const int64_t window : windows) {
    const auto before = std::ranges::count_if(windows, [&](int64_t other) { return other < window; });
    checkpoints.push_back({window, 1'000'000 + before * 3'600'000});
  }
  return checkpoints;
}

class Retention : public ::testing::Test {
 protected:
  void put(const std::string& key) { ASSERT_TRUE(store_.put("bucket", key, as_bytes("x"))); }
  void put_checkpoint(int64_t window) {
    for (const char* name : {"a.json", "manifest.json", "model.safetensors"})
      put(checkpoint_prefix(window) + name);
  }
  [[nodiscard]] std::vector<std::string> keys() const {
    std::vector<std::string> found;
    const auto objects = store_.list("bucket", "").value();
    for (const ObjectInfo& info : objects) found.push_back(info.key);
    return found;
  }

  VirtualClock clock_;
  MemoryObjectStore store_{clock_};
};

}  // namespace

TEST_F(Retention, KeepsTheNewestAndEveryNth) {
  const std::vector<StoredCheckpoint> windows = hourly({40, 0, 10, 20, 30, 50});
  EXPECT_EQ(expired_checkpoints(windows, {.keep_last = 2, .keep_every = 0}), (Windows{0, 10, 20, 30}));
  EXPECT_EQ(expired_checkpoints(windows, {.keep_last = 2, .keep_every = 20}), (Windows{10, 30}));
  EXPECT_EQ(expired_checkpoints(windows, {.keep_last = 1, .keep_every = 100}), (Windows{10, 20, 30, 40}));
  EXPECT_EQ(expired_checkpoints(windows, {.keep_last = 6, .keep_every = 0}), Windows{});
  EXPECT_EQ(expired_checkpoints(windows, {.keep_last = 100, .keep_every = 0}), Windows{});
  EXPECT_EQ(expired_checkpoints({}, {}), Windows{});
}

TEST_F(Retention, KeepsTheYoungOnesBesides) {
  const std::vector<StoredCheckpoint> windows = hourly({40, 0, 10, 20, 30, 50});
  EXPECT_EQ(expired_checkpoints(windows, {.keep_last = 1, .keep_hours = 1}), (Windows{0, 10, 20, 30, 40}));
  EXPECT_EQ(expired_checkpoints(windows, {.keep_last = 1, .keep_hours = 3}), (Windows{0, 10, 20}));
  EXPECT_EQ(expired_checkpoints(windows, {.keep_last = 4, .keep_hours = 3}), (Windows{0, 10}));
  EXPECT_EQ(expired_checkpoints(windows, {.keep_last = 1, .keep_every = 20, .keep_hours = 3}), (Windows{10}));
  EXPECT_EQ(expired_checkpoints(windows, {.keep_last = 1, .keep_hours = 6}), Windows{});
  EXPECT_EQ(expired_checkpoints(windows, {.keep_last = 1, .keep_hours = INT64_MAX}), Windows{});
}

TEST_F(Retention, TakesTheAgeFromTheStoresClock) {
  for (const int64_t window : {2, 4, 6, 8}) {
    put_checkpoint(window);
    clock_.advance(3'600'000);
  }
  ASSERT_TRUE(remove_expired_checkpoints(store_, "bucket", {.keep_last = 1, .keep_hours = 2}));
  EXPECT_EQ(keys().size(), 6u);
  EXPECT_EQ(keys().front(), checkpoint_prefix(6) + "a.json");
}

TEST_F(Retention, RemovesWhatHasExpiredAndWhatWasCutShort) {
  for (const int64_t window : {2, 4, 6, 8}) put_checkpoint(window);
  put(checkpoint_prefix(5) + "model.safetensors");  // an upload that was cut short
  put(checkpoint_prefix(9) + "model.safetensors");  // one that is under way
  put("checkpoints/latest");
  put("records/0000000002");
  ASSERT_TRUE(remove_expired_checkpoints(store_, "bucket", {.keep_last = 2, .keep_every = 0}));
  std::vector<std::string> wanted;
  for (const int64_t window : {6, 8}) {
    for (const char* name : {"a.json", "manifest.json", "model.safetensors"})
      wanted.push_back(checkpoint_prefix(window) + name);
  }
  wanted.push_back(checkpoint_prefix(9) + "model.safetensors");
  wanted.insert(wanted.end(), {"checkpoints/latest", "records/0000000002"});
  EXPECT_EQ(keys(), wanted);
}

TEST_F(Retention, TouchesNothingWhereNoCheckpointIsComplete) {
  put(checkpoint_prefix(5) + "model.safetensors");
  ASSERT_TRUE(remove_expired_checkpoints(store_, "bucket", {.keep_last = 1, .keep_every = 0}));
  ASSERT_TRUE(remove_expired_checkpoints(store_, "nobodys", {.keep_last = 1, .keep_every = 0}));
  EXPECT_EQ(keys().size(), 1u);
}

}  // namespace templar::testing
