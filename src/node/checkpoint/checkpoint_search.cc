#include "node/checkpoint/checkpoint_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <system_error>
#include <vector>

#include "base/log.h"
#include "core/protocol/object_keys.h"
#include "node/checkpoint/checkpoint_download.h"
#include "node/checkpoint/checkpoint_files.h"
#include "node/checkpoint/checkpoint_loader.h"
#include "node/records.h"
#include "node/roster.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

using Found = Result<std::optional<FoundCheckpoint>>;

// Where checkpoint 12 lies below a folder: as in a bucket, "checkpoints/0000000012/" without the first part.
fs::path cached_folder(const fs::path& cache, int64_t window) {
  return cache / fs::path(checkpoint_prefix(window)).parent_path().filename();
}

std::optional<int64_t> window_of_folder(const fs::path& folder) {
  return window_in_key(kCheckpointsPrefix, std::string(kCheckpointsPrefix) + folder.filename().string());
}

std::vector<int64_t> cached_windows(const fs::path& cache) {
  std::vector<int64_t> windows;
  std::error_code error;
  for (fs::directory_iterator entry(cache, error), end; !error && entry != end; entry.increment(error)) {
    if (const auto window = window_of_folder(entry->path())) windows.push_back(*window);
  }
  std::ranges::sort(windows, std::greater());
  return windows;
}

class Search {
 public:
  Search(const NodeEnvironment& environment, std::span<const Registration> roster, ParameterSpans parameters,
         ThreadTeam& team)
      : environment_(environment),
        validators_(validators_by_stake(roster)),
        parameters_(parameters),
        team_(team) {}

  [[nodiscard]] Found run() {
    for (const Registration& validator : validators_) {
      Found found = search_bucket(validator);
      if (found && *found) return found;
      if (!found && validator.uid == validators_.front().uid) return found;
      if (!found && found.error().kind == ErrorKind::kFatal) return found;
      if (!found) skip("bucket " + validator.bucket, found.error());
    }
    return search_cache();
  }

 private:
  [[nodiscard]] Found search_bucket(const Registration& validator) {
    TRY_ASSIGN(const auto pointed, latest_checkpoint(environment_.store, validator.bucket));
    std::vector<int64_t> windows;
    if (pointed) {
      windows.push_back(*pointed);
      TRY_ASSIGN(auto found, try_bucket(validator, windows));
      if (found) return found;
    }
    TRY_ASSIGN(windows, list_checkpoints(environment_.store, validator.bucket));
    std::ranges::sort(windows, std::greater());
    if (pointed) std::erase(windows, *pointed);
    return try_bucket(validator, windows);
  }

  [[nodiscard]] Found try_bucket(const Registration& validator, const std::vector<int64_t>& windows) {
    for (const int64_t window : windows) {
      const CheckpointFiles files = checkpoint_in_store(environment_.store, validator.bucket, window);
      TRY_ASSIGN(auto found, usable(files, load_stored(files, window, validator.key)));
      if (found) return found;
    }
    return std::nullopt;
  }

  // What a validator has signed is as good here as it was in its bucket.
  [[nodiscard]] Found search_cache() {
    if (environment_.checkpoint_folder.empty()) return std::nullopt;
    for (const int64_t window : cached_windows(environment_.checkpoint_folder)) {
      const CheckpointFiles files = checkpoint_in_folder(cached_folder(environment_.checkpoint_folder, window));
      for (const Registration& validator : validators_) {
        const auto manifest = read_manifest(files);
        if (!manifest || manifest->signer != validator.key) continue;
        TRY_ASSIGN(auto found, usable(files, load_files(files, window, validator.key)));
        if (found) return found;
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] Result<CheckpointInfo> load_stored(const CheckpointFiles& files, int64_t window,
                                                   const PublicKey& signer) {
    const fs::path& cache = environment_.checkpoint_folder;
    if (cache.empty()) return load_files(files, window, signer);
    TRY_ASSIGN(const CheckpointManifest manifest, expected_manifest(files, window, signer));
    const fs::path folder = cached_folder(cache, window);
    log(LogLevel::kInfo, "checkpoint", "copying", {{"what", files.where}, {"to", folder.string()}});
    TRY(download_checkpoint(files, manifest, folder, {.connections = 8, .progress = report_progress()}));
    TRY_ASSIGN(const CheckpointInfo info, load_files(checkpoint_in_folder(folder), window, signer));
    prune(window);
    return info;
  }

  [[nodiscard]] Result<CheckpointInfo> load_files(const CheckpointFiles& files, int64_t window,
                                                  const PublicKey& signer) {
    TRY_ASSIGN(const CheckpointManifest manifest, expected_manifest(files, window, signer));
    TRY(load_model(files, manifest, environment_.layout, parameters_, team_));
    return info_of(manifest);
  }

  // Also holds the manifest against the leader's record of its window.
  [[nodiscard]] Result<CheckpointManifest> expected_manifest(const CheckpointFiles& files, int64_t window,
                                                             const PublicKey& signer) {
    TRY_ASSIGN(CheckpointManifest manifest,
               read_expected_manifest(files, window,
                                      {environment_.spec, environment_.layout, environment_.run_id, signer}));
    const auto record = read_record(environment_, validators_.front(), window);
    if (!record && record.error().kind == ErrorKind::kRetry) return std::unexpected(record.error());
    if (record && *record && (*record)->state_root != manifest.state_root) {
      return skip_error(fmt::format("{}: state root {}, the leader's record of window {} names {}", files.where,
                                    manifest.state_root.brief(), window, (*record)->state_root.brief()));
    }
    return manifest;
  }

  // Turns what can be passed over into nothing, with its reason on the log.
  [[nodiscard]] Found usable(const CheckpointFiles& files, const Result<CheckpointInfo>& loaded) const {
    if (loaded) return FoundCheckpoint{*loaded, files.where};
    if (loaded.error().kind != ErrorKind::kSkip) return std::unexpected(loaded.error());
    skip(files.where, loaded.error());
    return std::nullopt;
  }
  void skip(const std::string& where, const Error& error) const {
    log(LogLevel::kWarning, "checkpoint", "skipped", {{"where", where}, {"reason", error.message}});
  }

  // A line for each tenth.
  [[nodiscard]] static std::function<void(uint64_t, uint64_t)> report_progress() {
    return [tenths = uint64_t{0}](uint64_t done, uint64_t total) mutable {
      if (done * 10 / total == tenths) return;
      tenths = done * 10 / total;
      log(LogLevel::kInfo, "checkpoint", "copied",
          {{"percent", tenths * 10}, {"megabytes", static_cast<double>(done) / 1e6}});
    };
  }

  // What can't be removed costs space and nothing else. The manifest goes first: without it the rest is no checkpoint.
  void prune(int64_t keep) const {
    for (const int64_t window : cached_windows(environment_.checkpoint_folder)) {
      if (window == keep) continue;
      const fs::path folder = cached_folder(environment_.checkpoint_folder, window);
      std::error_code error;
      fs::remove(folder / kManifestName, error);
      if (!error) fs::remove_all(folder, error);
      if (error) skip("removing an old copy", {ErrorKind::kSkip, error.message()});
    }
  }

  const NodeEnvironment& environment_;
  const std::vector<Registration> validators_;
  ParameterSpans parameters_;
  ThreadTeam& team_;
};

}  // namespace

Result<std::optional<FoundCheckpoint>> load_newest_checkpoint(const NodeEnvironment& environment,
                                                              std::span<const Registration> roster,
                                                              ParameterSpans parameters, ThreadTeam& team) {
  if (!leader_of(roster)) return std::nullopt;
  return Search(environment, roster, parameters, team).run();
}

}  // namespace templar
