#include "node/catch_up/checkpoint_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <system_error>
#include <vector>

#include "base/log/log.h"
#include "core/protocol/object_keys.h"
#include "formats/checkpoint/checkpoint_download.h"
#include "formats/checkpoint/checkpoint_files.h"
#include "formats/checkpoint/checkpoint_loader.h"
#include "node/catch_up/checkpoint_trust.h"
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

// Who has stake, or has led a term: also one that the owner has removed, whose checkpoints are as good as
// before.
bool has_had_a_say(const ChainView& view, const Registration& validator) {
  return validator.stake > 0 ||
         std::ranges::find(view.chain, validator.key, &Term::leader) != view.chain.end();
}

class Search {
 public:
  Search(const NodeEnvironment& environment, const ChainView& view, ParameterSpans parameters,
         ThreadTeam& team, int64_t after)
      : environment_(environment),
        view_(view),
        validators_(sources_of(view, view.chain.empty() ? nullptr : &view.chain.back())),
        parameters_(parameters),
        team_(team),
        after_(after) {}

  [[nodiscard]] Found run() {
    // Anybody may register as a validator, and list what he likes: only where nobody else has one.
    for (const bool has_say : {true, false}) {
      std::vector<Registration> sources = validators_;
      std::erase_if(sources, [&](const Registration& one) { return has_had_a_say(view_, one) != has_say; });
      Found found = search_buckets(sources);
      if (!found || *found) return found;
    }
    TRY_ASSIGN(auto cached, search_cache());
    if (cached || !away_) return cached;
    return std::unexpected(*away_);
  }

 private:
  struct Candidate {
    int64_t window = 0;
    const Registration* validator = nullptr;  // in the sources, in whose order they stand
  };

  // The newest first, whoever has it: a leader that has only just begun may have old ones alone, from which
  // nobody finds to the present any more. Of one window the leader's.
  [[nodiscard]] Found search_buckets(std::span<const Registration> sources) {
    std::vector<Candidate> candidates;
    for (const Registration& validator : sources) {
      const auto windows = windows_of(validator);
      if (!windows && windows.error().kind == ErrorKind::kFatal) return std::unexpected(windows.error());
      if (!windows) put_aside(validator, windows.error());
      for (const int64_t window : windows.value_or(std::vector<int64_t>{}))
        if (window > after_) candidates.push_back({window, &validator});
    }
    std::ranges::sort(candidates, [](const Candidate& a, const Candidate& b) {
      return a.window != b.window ? a.window > b.window : a.validator < b.validator;
    });
    std::set<const Registration*> unreachable;
    for (const auto& [window, validator] : candidates) {
      if (unreachable.contains(validator)) continue;
      const CheckpointFiles files = checkpoint_in_store(environment_.store, validator->bucket, window);
      Found found = usable(files, load_stored(files, window, *validator));
      if (found && *found) return found;
      if (!found && found.error().kind == ErrorKind::kFatal) return found;
      if (found) continue;
      put_aside(*validator, found.error());
      unreachable.insert(validator);
    }
    return std::nullopt;
  }

  // The pointer to the newest counts only if the listing is empty: it is written last, so it may name an
  // older one.
  [[nodiscard]] Result<std::vector<int64_t>> windows_of(const Registration& validator) const {
    TRY_ASSIGN(std::vector<int64_t> windows, list_checkpoints(environment_.store, validator.bucket));
    if (windows.empty()) {
      TRY_ASSIGN(const auto pointed, latest_checkpoint(environment_.store, validator.bucket));
      if (pointed) windows.push_back(*pointed);
    }
    return windows;
  }

  // Who can't be asked may have one: that holds up nobody who finds another.
  void put_aside(const Registration& validator, const Error& error) {
    skip("bucket " + validator.bucket, error);
    away_ = error;
  }

  // A copy proves itself by its validator's signature, as it did in the validator's bucket.
  [[nodiscard]] Found search_cache() {
    if (environment_.checkpoint_folder.empty()) return std::nullopt;
    for (const int64_t window : cached_windows(environment_.checkpoint_folder)) {
      if (window <= after_) break;
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

  [[nodiscard]] Result<CheckpointManifest> expected_manifest(const CheckpointFiles& files, int64_t window,
                                                             const Registration& validator) {
    TRY_ASSIGN(
        CheckpointManifest manifest,
        read_expected_manifest(files, window, {environment_.layout, environment_.run_id, validator.key}));
    Status counts = check_plausible(manifest, environment_.layout);
    if (counts) counts = check_counts(environment_, view_, manifest);
    if (!counts) return annotate(std::move(counts).error(), files.where);
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
  const ChainView& view_;
  const std::vector<Registration> validators_;
  ParameterSpans parameters_;
  ThreadTeam& team_;
  const int64_t after_;
  std::optional<Error> away_;
};

}  // namespace

Result<std::optional<FoundCheckpoint>> load_newest_checkpoint(const NodeEnvironment& environment,
                                                              const ChainView& view,
                                                              ParameterSpans parameters, ThreadTeam& team,
                                                              int64_t after) {
  return Search(environment, view, parameters, team, after).run();
}

std::optional<int64_t> newest_checkpoint_window(const NodeEnvironment& environment, const ChainView& view) {
  std::optional<int64_t> newest;
  for (const Registration& validator : sources_of(view, nullptr)) {
    if (!has_had_a_say(view, validator)) continue;
    const auto windows = list_checkpoints(environment.store, validator.bucket);
    if (windows && !windows->empty()) newest = std::max(newest.value_or(-1), windows->back());
  }
  return newest;
}

}  // namespace templar
