#include "app/world/checkpoint_places.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <system_error>
#include <utility>

#include "adapters/file_store/file_object_store.h"
#include "app/terminal/stop_signal.h"
#include "app/terminal/tell.h"
#include "app/world/open_data.h"
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
// Somebody waits at the terminal: he hears of a store that is away after some seconds.
constexpr int kAddressRetries = 4;

bool holds_model(const fs::path& folder) {
  return is_there(folder / kModelName) || is_there(folder / kModelIndexName);
}

Result<std::vector<fs::path>> checkpoint_folders(const fs::path& place) {
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

// Of an address, for as long as anybody reads there.
using SharedPlace = std::shared_ptr<const DataPlace>;

Result<SharedPlace> open_address(const std::string& place) {
  static const SystemClock clock;
  TRY_ASSIGN(
      DataPlace opened,
      open_data_place(place, {.is_cancelled = stop_requested, .most_retries = kAddressRetries}, clock));
  return std::make_shared<const DataPlace>(std::move(opened));
}

// folder: from the address on; empty: the checkpoint lies there itself.
CheckpointPlace checkpoint_below(const SharedPlace& place, const std::string& folder) {
  const auto key_of = [place, folder](std::string_view name) {
    return place->objects.key_of(folder + std::string(name));
  };
  CheckpointFiles files;
  std::string name = place->objects.where;
  if (!folder.empty()) name += "/" + folder.substr(0, folder.size() - 1);
  files.where = name;
  files.size_of = [place, key_of, name](std::string_view file) -> Result<uint64_t> {
    TRY_ASSIGN(const auto info, place->store->head(place->objects.bucket, key_of(file)));
    if (!info) return skip_error(fmt::format("{}/{}: missing", name, file));
    return info->size_bytes;
  };
  files.read = [place, key_of](std::string_view file, uint64_t offset, std::span<uint8_t> out) -> Status {
    TRY_ASSIGN(const Bytes content,
               place->store->get_range(place->objects.bucket, key_of(file), {offset, offset + out.size()}));
    std::ranges::copy(content, out.begin());
    return {};
  };
  return {std::move(name), std::move(files)};
}

Result<std::vector<CheckpointPlace>> checkpoints_at_address(const std::string& address) {
  TRY_ASSIGN(const SharedPlace place, open_address(address));
  const std::string beginning = place->objects.key_of("");
  TRY_ASSIGN(const std::vector<ObjectInfo> objects, place->store->list(place->objects.bucket, beginning));
  std::vector<CheckpointPlace> found;
  for (const ObjectInfo& info : objects) {
    const std::string_view name = std::string_view(info.key).substr(beginning.size());
    if (!name.ends_with(kManifestName)) continue;
    const std::string folder(name.substr(0, name.size() - kManifestName.size()));
    const bool is_place = folder.empty();
    const size_t at = folder.rfind(kCheckpointsPrefix);
    const bool is_stored =
        at != std::string::npos && (at == 0 || folder[at - 1] == '/') && folder.ends_with('/') &&
        window_in_key(kCheckpointsPrefix, folder.substr(at, folder.size() - at - 1)).has_value();
    if (is_place || is_stored) found.push_back(checkpoint_below(place, folder));
  }
  if (found.empty()) return fatal_error(place->objects.where + ": no checkpoint here or below");
  return found;
}

}  // namespace

Result<std::vector<CheckpointPlace>> find_checkpoints(const std::string& place) {
  if (is_data_address(place)) return checkpoints_at_address(place);
  TRY_ASSIGN(const std::vector<fs::path> folders, checkpoint_folders(place));
  std::vector<CheckpointPlace> found;
  for (const fs::path& folder : folders) found.push_back({folder.string(), checkpoint_in_folder(folder)});
  return found;
}

Result<CheckpointPlace> checkpoint_at(const std::string& place) {
  if (!is_data_address(place)) return CheckpointPlace{place, checkpoint_in_folder(place)};
  TRY_ASSIGN(const SharedPlace there, open_address(place));
  return checkpoint_below(there, "");
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

Result<OpenedModel> open_model(const std::string& place, const ExportProgress& progress) {
  if (!is_data_address(place) && is_hugging_face_folder(place) &&
      !is_stored_checkpoint(absolute_path(place))) {
    OpenedModel opened{.name = place, .source = {}, .inner = {}, .manifest = std::nullopt};
    TRY_ASSIGN(opened.source, open_hugging_face(place));
    opened.inner.sequence_length = std::min(opened.source.sequence_length, kLongestSequence);
    opened.inner.batch_size = 1;
    opened.inner.steps = 1;
    return opened;
  }
  TRY_ASSIGN(NewestCheckpoint newest, open_newest_checkpoint(place, progress));
  CheckpointSource& source = newest.source;
  return OpenedModel{std::move(newest.name), std::move(source.model), source.spec.inner,
                     std::move(source.manifest)};
}

Result<NewestCheckpoint> open_newest_checkpoint(const std::string& place, const ExportProgress& progress) {
  TRY_ASSIGN(std::vector<CheckpointPlace> places, find_checkpoints(place));
  std::vector<std::pair<int64_t, CheckpointPlace>> by_window;
  for (CheckpointPlace& checkpoint : places) {
    const auto manifest = read_manifest(checkpoint.files);
    if (manifest) {
      by_window.emplace_back(manifest->window, std::move(checkpoint));
    } else {
      tell(fmt::format("skipped: {}\n", presentable(manifest.error().message)));
    }
  }
  std::ranges::sort(by_window, [](const auto& a, const auto& b) {
    return std::pair(a.first, a.second.name) > std::pair(b.first, b.second.name);
  });
  for (const auto& [window, checkpoint] : by_window) {
    auto opened = open_checkpoint(checkpoint.files, progress);
    if (opened) return NewestCheckpoint{checkpoint.name, std::move(*opened)};
    if (opened.error().kind != ErrorKind::kSkip) return std::unexpected(std::move(opened).error());
    tell(fmt::format("skipped: {}\n", presentable(opened.error().message)));
  }
  return fatal_error(place + ": no whole checkpoint");
}

}  // namespace templar
