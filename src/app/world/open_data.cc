#include "app/world/open_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <thread>
#include <utility>
#include <variant>

#include "adapters/remote_data/remote_shards.h"
#include "adapters/shards/data_folder.h"
#include "app/terminal/stop_signal.h"
#include "base/back_off.h"
#include "base/files/file.h"
#include "base/log/log.h"
#include "base/threads/mutex.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFileBucket = "data";
constexpr RetryRule kAwayPauses{.first_pause = std::chrono::milliseconds(500),
                                .longest_pause = std::chrono::milliseconds(10'000)};

bool is_web_address(std::string_view data) {
  return data.starts_with("https://") || data.starts_with("http://");
}

// https://HOST/BUCKET/PREFIX is what everybody may read of a bucket, and what a web server gives.
Result<StoreAddress> parse_data_address(const std::string& text) {
  if (!is_web_address(text)) return parse_store_address(text);
  const size_t path = text.find('/', text.find("://") + 3);
  const auto refused = [&](const std::string& reason) {
    return fatal_error(
        fmt::format("{}: {}; a data set on a web server is https://HOST/FOLDER/..., FOLDER of 3 to "
                    "63 characters of a-z, 0-9 and '-'",
                    text, reason));
  };
  if (path == std::string::npos || text.find('?') != std::string::npos)
    return refused("no folder of a server");
  auto address = parse_store_address(
      fmt::format("s3://{}?endpoint={}&access=public", text.substr(path + 1), text.substr(0, path)));
  if (!address) return refused(address.error().message);
  return address;
}

using SharedShards = std::shared_ptr<const RemoteShards>;

Result<SharedShards> open_remote_shards(const DataOptions& options,
                                        const std::optional<Hash256>& manifest_hash) {
  static const SystemClock clock;
  const auto is_ending = std::make_shared<std::atomic<bool>>(false);
  const auto is_cancelled = [is_ending] { return *is_ending || stop_requested(); };
  TRY_ASSIGN(DataPlace place, open_data_place(options.data, {.is_cancelled = is_cancelled}, clock));
  TRY_ASSIGN(auto shards, RemoteShards::open(std::move(place.store), {.objects = std::move(place.objects),
                                                                      .cache_folder = options.cache_folder,
                                                                      .cache_bytes = options.cache_bytes,
                                                                      .manifest_hash = manifest_hash,
                                                                      .is_cancelled = is_cancelled}));
  // Nobody waits at the end for what is still on its way.
  return SharedShards(shards.release(), [is_ending](const RemoteShards* source) {
    *is_ending = true;
    delete source;
  });
}

// The nodes of one process fetch and map everything once.
Result<SharedShards> shared_remote_shards(const DataOptions& options,
                                          const std::optional<Hash256>& manifest_hash) {
  static Mutex mutex;
  static std::map<std::string, std::weak_ptr<const RemoteShards>> opened;
  const std::string name =
      fmt::format("{}\n{}\n{}", options.data, absolute_path(options.cache_folder).string(),
                  manifest_hash ? manifest_hash->hex() : "");
  const MutexLock lock(mutex);
  if (const SharedShards there = opened[name].lock()) return there;
  TRY_ASSIGN(SharedShards shards, open_remote_shards(options, manifest_hash));
  opened[name] = shards;
  return shards;
}

Result<OpenedData> open_remote(const DataOptions& options, const std::optional<Hash256>& manifest_hash) {
  TRY_ASSIGN(const SharedShards shards, shared_remote_shards(options, manifest_hash));
  TRY_ASSIGN(auto tokenizer, shards->open_tokenizer());
  return OpenedData{shards, std::move(tokenizer)};
}

Result<OpenedData> open_folder(const fs::path& folder, uint64_t sequence_length) {
  TRY_ASSIGN(auto shards, open_data_folder(folder, {.sequence_length = sequence_length}));
  OpenedData opened{std::move(shards), nullptr};
  if (opened.shards->manifest_hash()) {
    TRY_ASSIGN(opened.tokenizer, open_data_tokenizer(folder));
  }
  return opened;
}

// In parts, so that whoever asks for the end gets it at once.
void wait_unless_stopped(std::chrono::milliseconds pause) {
  constexpr std::chrono::milliseconds kPart{50};
  for (; pause.count() > 0 && !stop_requested(); pause -= kPart)
    std::this_thread::sleep_for(std::min(pause, kPart));
}

}  // namespace

bool is_data_address(const std::string& data) {
  return data.starts_with("s3://") || is_web_address(data);
}

Result<OpenedData> open_any_data(const DataOptions& options, const std::optional<Hash256>& manifest_hash) {
  if (is_data_address(options.data)) return open_remote(options, manifest_hash);
  return open_folder(options.data, 0);
}

Result<OpenedData> open_run_data(const DataOptions& options, const RunSpec& spec) {
  if (!is_data_address(options.data)) {
    TRY_ASSIGN(OpenedData opened, open_folder(options.data, spec.inner.sequence_length));
    if (!opened.tokenizer) {
      TRY_ASSIGN(opened.tokenizer, open_data_tokenizer(options.data));
    }
    return opened;
  }
  std::optional<Hash256> manifest_hash;
  if (!spec.data.manifest_hash.empty()) {
    TRY_ASSIGN(manifest_hash, parse_hash256(spec.data.manifest_hash));
  }
  BackOff back_off(kAwayPauses);
  Result<OpenedData> opened = open_remote(options, manifest_hash);
  while (!opened && opened.error().kind == ErrorKind::kRetry && !stop_requested()) {
    const auto pause = back_off.next_pause();
    log(LogLevel::kWarning, "data", "the data set can't be reached: trying again",
        {{"reason", opened.error().message}, {"pause_ms", pause.count()}});
    wait_unless_stopped(pause);
    opened = open_remote(options, manifest_hash);
  }
  if (opened && !manifest_hash) {
    log(LogLevel::kWarning, "data",
        "the run names no data set (data.manifest_hash): whoever writes to the bucket says what is trained "
        "on",
        {{"data", options.data}, {"manifest_hash", opened->shards->manifest_hash()->hex()}});
  }
  return opened;
}

Result<DataPlace> open_data_place(const std::string& address, const StoreAccess& access, const Clock& clock) {
  TRY_ASSIGN(const StoreAddress parsed, parse_data_address(address));
  if (const auto* s3 = std::get_if<S3Address>(&parsed)) {
    TRY_ASSIGN(auto store, open_s3_service(*s3, access, clock));
    const std::string where =
        is_web_address(address) ? address.substr(0, address.find_last_not_of('/') + 1) : s3->place();
    return DataPlace{std::move(store), {.bucket = s3->bucket, .prefix = s3->prefix, .where = where}};
  }
  const fs::path folder = std::get<FileAddress>(parsed).folder;
  TRY_ASSIGN(auto store, open_store(parsed, access, clock));
  return DataPlace{std::move(store),
                   {.bucket = kFileBucket, .prefix = "", .where = (folder / kFileBucket).string()}};
}

}  // namespace templar
