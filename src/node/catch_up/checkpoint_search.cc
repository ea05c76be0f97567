#include "node/catch_up/checkpoint_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <system_error>
#include <vector>

#include "base/log/log.h"
#include "core/protocol/object_keys.h"
#include "formats/checkpoint/checkpoint_download.h"
#include "formats/checkpoint/checkpoint_files.h"
#include "formats/checkpoint/checkpoint_loader.h"
#include "ports/roster.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

using Found = Result<std::optional<FoundCheckpoint>>;

// The copy of checkpoint 12 is the folder "0000000012" below the cache, named by the last part of its prefix
// in a bucket.
fs::path cached_folder(const fs::path& cache, int64_t window) {
  return cache / fs::path(checkpoint_prefix(window)).parent_path().filename();
}

// Files are copied to this folder; once the checkpoint has been loaded from it, it gets the name above.
fs::path arriving_folder(const fs::path& cache, int64_t window) {
  return cached_folder(cache, window).concat(".part");
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
      const bool is_leader = validator.uid == validators_.front().uid;
      // Without a record of the leader's nothing of another's would be believed: who has registered as a
      // validator must not keep others waiting.
      if (!is_leader) {
        TRY_ASSIGN(const auto recorded, newest_record_window(environment_, validators_.front()));
        if (!recorded) break;
      }
      Found found = search_bucket(validator);
      if (found && *found) return found;
      // The leader's bucket holds the records by which all other checkpoints are judged: while it can't be
      // asked, none of them can be trusted.
      if (!found && is_leader) return found;
      if (!found && found.error().kind == ErrorKind::kFatal) return found;
      if (!found) skip("bucket " + validator.bucket, found.error());
    }
    return search_cache();
  }

 private:
  // From the newest down. The pointer to the newest counts only if the listing is empty: it is written last,
  // so it may name an older one.
  [[nodiscard]] Found search_bucket(const Registration& validator) {
    TRY_ASSIGN(std::vector<int64_t> windows, list_checkpoints(environment_.store, validator.bucket));
    std::ranges::sort(windows, std::greater());
    if (windows.empty()) {
      TRY_ASSIGN(const auto pointed, latest_checkpoint(environment_.store, validator.bucket));
      if (pointed) windows.push_back(*pointed);
    }
    for (const int64_t window : windows) {
      const CheckpointFiles files = checkpoint_in_store(environment_.store, validator.bucket, window);
      TRY_ASSIGN(auto found, usable(files, load_stored(files, window, validator)));
      if (found) return found;
    }
    return std::nullopt;
  }

  // A copy proves itself by its validator's signature, as it did in the validator's bucket.
  [[nodiscard]] Found search_cache() {
    if (environment_.checkpoint_folder.empty()) return std::nullopt;
    for (const int64_t window : cached_windows(environment_.checkpoint_folder)) {
      const CheckpointFiles files =
          checkpoint_in_folder(cached_folder(environment_.checkpoint_folder, window));
      TRY_ASSIGN(auto found, usable(files, load_cached(files, window)));
      if (found) return found;
    }
    return std::nullopt;
  }

  [[nodiscard]] Result<CheckpointInfo> load_cached(const CheckpointFiles& files, int64_t window) {
    TRY_ASSIGN(const CheckpointManifest manifest, read_manifest(files));
    const auto signer = std::ranges::find(validators_, manifest.signer, &Registration::key);
    if (signer == validators_.end())
      return skip_error(files.where + ": signed by no validator of the ledger");
    return load_files(files, window, *signer);
  }

  [[nodiscard]] Result<CheckpointInfo> load_stored(const CheckpointFiles& files, int64_t window,
                                                   const Registration& validator) {
    const fs::path& cache = environment_.checkpoint_folder;
    if (cache.empty()) return load_files(files, window, validator);
    TRY_ASSIGN(const CheckpointManifest manifest, expected_manifest(files, window, validator));
    const auto cached = read_manifest(checkpoint_in_folder(cached_folder(cache, window)));
    // The same checkpoint as an earlier start has left here. If this disk has damaged it, it is copied anew
    // below.
    if (cached && *cached == manifest) {
      auto loaded = load_files(checkpoint_in_folder(cached_folder(cache, window)), window, validator);
      if (loaded) return loaded;
    }
    return load_copied(files, manifest, window, validator);
  }

  // An older copy stays until the new one has been loaded: it is what a restart without the store begins
  // from.
  [[nodiscard]] Result<CheckpointInfo> load_copied(const CheckpointFiles& files,
                                                   const CheckpointManifest& manifest, int64_t window,
                                                   const Registration& validator) {
    const fs::path& cache = environment_.checkpoint_folder;
    const fs::path arriving = arriving_folder(cache, window);
    log(LogLevel::kInfo, "checkpoint", "copying", {{"what", files.where}, {"to", arriving.string()}});
    Status copied = download_checkpoint(files, manifest, arriving, {.progress = report_progress()});
    auto loaded = copied ? load_files(checkpoint_in_folder(arriving), window, validator)
                         : Result<CheckpointInfo>(std::unexpected(std::move(copied).error()));
    std::error_code error;
    // After any other failure what has arrived stays: the next start goes on with it.
    if (!loaded && loaded.error().kind == ErrorKind::kSkip) fs::remove_all(arriving, error);
    if (!loaded) return loaded;
    const fs::path place = cached_folder(cache, window);
    remove_copy(place);  // of the same window, and not as good
    fs::rename(arriving, place, error);
    if (error) return fatal_error(arriving.string() + ": " + error.message());
    remove_other_copies(place);
    return loaded;
  }

  [[nodiscard]] Result<CheckpointInfo> load_files(const CheckpointFiles& files, int64_t window,
                                                  const Registration& validator) {
    TRY_ASSIGN(const CheckpointManifest manifest, expected_manifest(files, window, validator));
    TRY(load_model(files, manifest, environment_.layout, parameters_, team_));
    return info_of(manifest);
  }

  // Also compares the manifest with the leader's record of its window. If there is no record, only the
  // leader's own checkpoint is believed.
  [[nodiscard]] Result<CheckpointManifest> expected_manifest(const CheckpointFiles& files, int64_t window,
                                                             const Registration& validator) {
    TRY_ASSIGN(
        CheckpointManifest manifest,
        read_expected_manifest(files, window, {environment_.layout, environment_.run_id, validator.key}));
    if (Status plausible = check_plausible(manifest, environment_.layout); !plausible)
      return annotate(std::move(plausible).error(), files.where);
    const auto record = read_record(environment_, validators_.front(), window);
    // A record that can't be read just now is not a record that isn't there.
    if (!record && record.error().kind == ErrorKind::kRetry) return std::unexpected(record.error());
    if (!record || !*record) {
      if (validator.key == validators_.front().key) return manifest;
      return skip_error(
          fmt::format("{}: the leader has no record of window {} that bears it out", files.where, window));
    }
    if ((*record)->state_root != manifest.state_root || (*record)->outer_step != manifest.outer_step) {
      return skip_error(fmt::format(
          "{}: state root {} after {} outer steps, the leader's record of window {} names {} after {}",
          files.where, manifest.state_root.brief(), manifest.outer_step, window,
          (*record)->state_root.brief(), (*record)->outer_step));
    }
    return manifest;
  }

  // nullopt for a checkpoint that can be passed over; its reason goes to the log.
  [[nodiscard]] Found usable(const CheckpointFiles& files, const Result<CheckpointInfo>& loaded) const {
    if (loaded) return FoundCheckpoint{*loaded, files.where};
    TRY(fail_unless_skip(loaded));
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

  // A copy that can't be removed costs space and nothing else. The manifest goes first: without it the rest
  // is no checkpoint.
  void remove_copy(const fs::path& folder) const {
    std::error_code error;
    fs::remove(folder / kManifestName, error);
    if (!error) fs::remove_all(folder, error);
    if (error) skip("removing an old copy", {ErrorKind::kSkip, error.message()});
  }
  void remove_other_copies(const fs::path& kept) const {
    // Collected first: a folder is not changed while it is being listed. The stem also finds what an
    // unfinished copy, ".part", has left.
    std::vector<fs::path> others;
    std::error_code error;
    for (fs::directory_iterator entry(environment_.checkpoint_folder, error), end; !error && entry != end;
         entry.increment(error)) {
      if (entry->path() != kept && window_of_folder(entry->path().stem())) others.push_back(entry->path());
    }
    for (const fs::path& folder : others) remove_copy(folder);
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
