#include "app/world/checkpoint_places.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <system_error>
#include <utility>

#include "adapters/file_store/file_object_store.h"
#include "app/terminal/stop_signal.h"
#include "app/terminal/tell.h"
#include "base/files/file.h"
#include "core/protocol/object_keys.h"
#include "formats/checkpoint/manifest.h"
#include "formats/hugging_face/hugging_face_import.h"
#include "formats/safetensors/model_shards.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

// Whether the folder is a checkpoint's in a file store, whatever it lacks.
bool is_stored_checkpoint(const fs::path& folder) {
  return window_in_key(kCheckpointsPrefix, key_of_folder(folder, 2)).has_value();
}

// Longer contexts would take memory that nobody asked for.
constexpr int64_t kLongestSequence = 8192;

// A folder of runs holds RUN/store/BUCKET/checkpoints/WINDOW, and may lie in another one: a whole disk is not
// looked through.
constexpr int kDeepest = 6;

bool holds_model(const fs::path& folder) {
  return is_there(folder / kModelName) || is_there(folder / kModelIndexName);
}

}  // namespace

Result<std::vector<fs::path>> find_checkpoints(const fs::path& place) {
  std::error_code error;
  if (!fs::is_directory(place, error)) return fatal_error(place.string() + ": no such folder");
  // One that was named is looked at whatever it lacks; among those below, data sets have manifests of their
  // own.
  if (is_there(place / kManifestName) || holds_model(place) || is_stored_checkpoint(absolute_path(place))) {
    return std::vector{place};
  }
  std::vector<fs::path> found;
  fs::recursive_directory_iterator entry(place, fs::directory_options::skip_permission_denied, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (stop_requested()) return fatal_error("interrupted while looking for checkpoints");
    if (entry.depth() >= kDeepest) entry.disable_recursion_pending();
    std::error_code unknown;
    if (entry->is_directory(unknown) && (is_stored_checkpoint(entry->path()) || holds_model(entry->path()))) {
      found.push_back(entry->path());
      entry.disable_recursion_pending();
    }
  }
  if (error) return fatal_error(place.string() + ": " + error.message());
  if (found.empty()) return fatal_error(place.string() + ": no checkpoint here or below");
  std::ranges::sort(found);
  return found;
}

ExportProgress progress_on(ProgressLine& line, std::string what) {
  return [&line, what = std::move(what)](uint64_t done, uint64_t total) {
    line.show([&] {
      return fmt::format(
          "{} {} of {} ({:.0f} %)", what, human_bytes(done), human_bytes(total),
          100.0 * static_cast<double>(done) / static_cast<double>(std::max<uint64_t>(total, 1)));
    });
    return !stop_requested();
  };
}

Result<OpenedModel> open_model(const fs::path& place, const ExportProgress& progress) {
  if (is_hugging_face_folder(place) && !is_stored_checkpoint(absolute_path(place))) {
    OpenedModel opened{.folder = place, .source = {}, .inner = {}, .manifest = std::nullopt};
    TRY_ASSIGN(opened.source, open_hugging_face(place));
    opened.inner.sequence_length = std::min(opened.source.sequence_length, kLongestSequence);
    opened.inner.batch_size = 1;
    opened.inner.steps = 1;
    return opened;
  }
  TRY_ASSIGN(NewestCheckpoint newest, open_newest_checkpoint(place, progress));
  CheckpointSource& source = newest.source;
  return OpenedModel{std::move(newest.folder), std::move(source.model), source.spec.inner,
                     std::move(source.manifest)};
}

Result<NewestCheckpoint> open_newest_checkpoint(const fs::path& place, const ExportProgress& progress) {
  TRY_ASSIGN(const std::vector<fs::path> folders, find_checkpoints(place));
  std::vector<std::pair<int64_t, fs::path>> by_window;
  for (const fs::path& folder : folders) {
    const auto manifest = read_manifest(checkpoint_in_folder(folder));
    if (manifest) {
      by_window.emplace_back(manifest->window, folder);
    } else {
      tell(fmt::format("skipped: {}\n", presentable(manifest.error().message)));
    }
  }
  std::ranges::sort(by_window, std::greater());
  for (const auto& [window, folder] : by_window) {
    auto opened = open_checkpoint(checkpoint_in_folder(folder), progress);
    if (opened) return NewestCheckpoint{folder, std::move(*opened)};
    if (opened.error().kind != ErrorKind::kSkip) return std::unexpected(std::move(opened).error());
    tell(fmt::format("skipped: {}\n", presentable(opened.error().message)));
  }
  return fatal_error(place.string() + ": no whole checkpoint");
}

}  // namespace templar
