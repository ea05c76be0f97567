// Where what `--data` names becomes a data set: a folder, or a place that it was pushed to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "adapters/remote_data/data_objects.h"
#include "app/world/open_store.h"
#include "base/clock.h"
#include "core/run/run_spec.h"
#include "ports/object_store.h"
#include "ports/shard_source.h"
#include "ports/tokenizer.h"

namespace templar {

inline constexpr uint64_t kDefaultDataCacheBytes = uint64_t{32} << 30;

struct DataOptions {
  std::string data;                    // a folder, or an address
  std::filesystem::path cache_folder;  // of what comes from an address; made when it is needed
  uint64_t cache_bytes = kDefaultDataCacheBytes;
};

struct OpenedData {
  std::shared_ptr<const ShardSource> shards;
  // nullptr where the data set does not say which it was made with.
  std::shared_ptr<const Tokenizer> tokenizer;
};

// Whether it is an address of objects and no folder: s3://, https:// or http://.
[[nodiscard]] bool is_data_address(const std::string& data);

// Opens it for a run: what comes from an address must have the manifest that the spec names; where the spec
// names none, a warning says so. A store that is away is waited for, until stop_requested(); then it fails
// (retry). Those who open one address with one cache share all of it. Fails as open_data_folder, RemoteShards
// and open_store do; (fatal) also where there is no tokenizer.
[[nodiscard]] Result<OpenedData> open_run_data(const DataOptions& options, const RunSpec& spec);

// Opens it as it is there now. Waits for nobody.
[[nodiscard]] Result<OpenedData> open_any_data(const DataOptions& options,
                                               const std::optional<Hash256>& manifest_hash = std::nullopt);

// Where a data set's objects are at an address, which may be a folder's too.
struct DataPlace {
  std::unique_ptr<ObjectStore> store;
  DataObjects objects;
};
// file:FOLDER (in FOLDER/data), s3://BUCKET/PREFIX, or https://HOST/BUCKET/PREFIX, which is read
// without keys. The clock must outlive the store. Fails (fatal) and says what an address looks like.
[[nodiscard]] Result<DataPlace> open_data_place(const std::string& address, const StoreAccess& access,
                                                const Clock& clock);

}  // namespace templar
