// A data set in a store in memory, and what a test says of that store.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "adapters/remote_data/data_upload.h"
#include "adapters/remote_data/remote_shards.h"
#include "base/clock.h"
#include "support/hooked_store.h"
#include "support/shard_folder.h"
#include "support/temporary_folder.h"

namespace templar::testing {

inline const VirtualClock& still_clock() {
  static const VirtualClock clock(1'000'000);
  return clock;
}

// The hooks count for who reads it by a HookedStore.
struct PushedData {
  explicit PushedData(const MemoryShardSourceContent& content) {
    write_shard_folder(folder.path(), content);
    const auto report = upload_data(folder.path(), store, objects, {});
    EXPECT_TRUE(report) << report.error().message;
    manifest = read_manifest(folder.path()).value();
  }

  [[nodiscard]] RemoteDataOptions options(const std::filesystem::path& cache) const {
    return {.objects = objects,
            .cache_folder = cache,
            .pauses = {.first_pause = std::chrono::milliseconds(1),
                       .longest_pause = std::chrono::milliseconds(1)}};
  }

  TemporaryFolder folder;
  MemoryObjectStore store{still_clock()};
  DataObjects objects{.bucket = "corpus", .prefix = "some/set", .where = "s3://corpus/some/set"};
  DataManifest manifest;
  StoreHooks hooks;
};

}  // namespace templar::testing
