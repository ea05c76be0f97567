// Which files of a folder are a localnet's own.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace templar {

// Says what the run was made of (app/localnet/run_origin.h); there before anything else of a run.
inline constexpr const char* kRunOriginFile = "localnet.json";

// What the run's nodes fetch of a data set that lies elsewhere.
inline constexpr const char* kDataCacheFolder = "data-cache";

// Whether a localnet has begun in the folder. Fails (fatal) where the folder can't hold one: it is a file, or
// has something under a name of a run's that no run made.
[[nodiscard]] Result<bool> holds_run(const std::filesystem::path& folder);

// What a call names, and by which option.
struct NamedPath {
  std::string option;
  std::filesystem::path path;
};

// Fails (fatal) where remove_run(folder) would take away one of these, or the current folder.
[[nodiscard]] Status check_removal(const std::filesystem::path& folder, std::span<const NamedPath> needed);

// Removes what a run makes in its folder, and nothing else. Returns what stays inside the run's folders, such
// as a file that a person has put into "logs". Fails (fatal) with the path.
[[nodiscard]] Result<std::vector<std::filesystem::path>> remove_run(const std::filesystem::path& folder);

enum class WrittenAs {
  kResult,    // of a verb
  kWatching,  // log lines or measurements, which may go on in the run's own files for them
};

// Fails (fatal) where the path is a run's own file, or a checkpoint's or a data set's, however links lead
// there: nothing else is to be written over these. And where it is a file that is no text (a database, a
// model), to which watching would append. The path need not exist.
[[nodiscard]] Status refuse_own_file(const std::filesystem::path& path,
                                     WrittenAs written = WrittenAs::kResult);

}  // namespace templar
