#include "app/run/run_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>
#include <system_error>

#include "adapters/corpus/never_text.h"
#include "adapters/remote_data/data_cache.h"
#include "adapters/shards/data_folder.h"
#include "base/files/file.h"
#include "base/files/file_writer.h"
#include "base/files/folder_lock.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSpecFile = "run_spec.json";
constexpr const char* kLedgerFile = "ledger.db";

// The origin last: while it is there, what is left is known to be the run's.
constexpr std::array<std::string_view, 8> kFiles = {"summary.json",  "loss.svg",      "sample.txt",
                                                    "ledger.db-wal", "ledger.db-shm", kLedgerFile,
                                                    kSpecFile,       kRunOriginFile};
constexpr std::array<std::string_view, 8> kFolders = {"keys", "store", "state", "metrics",
                                                      "logs", "model", "data",  kDataCacheFolder};

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// "validator-0", "miner-12", "evaluator", "baseline", "localnet".
bool is_node_name(std::string_view name) {
  for (const std::string_view role : {"validator-", "miner-"}) {
    if (name.starts_with(role)) return is_number(name.substr(role.size()));
  }
  return name == "evaluator" || name == "baseline" || name == "localnet";
}

// A node's file, also one that its writer has moved aside or thinned: "miner-1.log.2".
bool is_node_file(std::string_view name, std::string_view ending) {
  const size_t end = name.find(ending);
  if (end == std::string_view::npos || !is_node_name(name.substr(0, end))) return false;
  const std::string_view rest = name.substr(end + ending.size());
  return rest.empty() || rest == ".thinned" || (rest.starts_with('.') && is_number(rest.substr(1)));
}

bool is_exported_file(std::string_view name) {
  return name == "config.json" || name == "generation_config.json" || name == "manifest.json" ||
         name == kSpecFile || name.starts_with("tokenizer") || name.starts_with("model");
}

bool is_data_file(std::string_view name) {
  return name == kManifestFile || name == kPreparingFolder || name.starts_with("tokenizer") ||
         (name.ends_with(".npy") &&
          (name.starts_with("train_") || name.starts_with("sample_ids_") || name.starts_with("heldout_")));
}

// Whether a run makes an entry of that name in that folder of its own.
bool is_own_entry(std::string_view folder, std::string_view name) {
  if (is_unfinished_file(name)) return true;
  if (folder == "keys") return is_node_file(name, ".key");
  if (folder == "store") return name.starts_with("node-") || name == "bootstrap" || name == ".tmp";
  if (folder == "state") return is_node_name(name) || name == FolderLock::kPartsFileName;
  if (folder == "metrics") return is_node_file(name, ".jsonl");
  if (folder == "logs") return is_node_file(name, ".log");
  if (folder == "model") return is_exported_file(name);
  if (folder == kDataCacheFolder) return is_cached_data_file(name);
  return is_data_file(name);
}

bool is_own_name(std::string_view name) {
  return std::ranges::find(kFiles, name) != kFiles.end() ||
         std::ranges::find(kFolders, name) != kFolders.end();
}

Status remove_tree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return file_error(path, error.value());
  return {};
}

// Without links and dots, as far as it exists.
fs::path resolved(const fs::path& path) {
  std::error_code error;
  fs::path real = fs::weakly_canonical(absolute_path(path), error);
  return error ? absolute_path(path) : real;
}

bool lies_in(const fs::path& path, const fs::path& folder) {
  const fs::path relative = path.lexically_relative(folder);
  return !relative.empty() && *relative.begin() != "..";
}

// A run whose localnet did not yet write where it came from: by what such a run always had.
bool is_run_without_origin(const fs::path& folder) {
  return is_there(folder / kSpecFile) && is_there(folder / kLedgerFile) && is_there(folder / "store");
}

bool is_run_folder(const fs::path& folder) {
  return is_there(folder / kRunOriginFile) || is_run_without_origin(folder);
}

}  // namespace

Result<bool> holds_run(const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(folder, error)) {
    if (error) return file_error(folder, error.value());
    return false;
  }
  if (!fs::is_directory(folder, error))
    return fatal_error(folder.string() + ": is a file; --out is a folder");
  if (is_run_folder(folder)) return true;
  TRY_ASSIGN(const std::vector<fs::path> entries, entries_of(folder));
  for (const fs::path& entry : entries) {
    if (!is_own_name(entry.filename().string())) continue;
    return fatal_error(entry.string() +
                       ": no localnet made this, and a run would write over it; choose another --out");
  }
  return false;
}

Status check_removal(const fs::path& folder, std::span<const NamedPath> needed) {
  std::vector<NamedPath> all(needed.begin(), needed.end());
  std::error_code error;
  all.push_back({"the current folder", fs::current_path(error)});
  for (const std::string_view name : kFolders) {
    // What it leads to is somebody's, and what a run left there would be taken for the new one's.
    if (fs::is_symlink(folder / name, error))
      return fatal_error((folder / name).string() + ": is a link, and --fresh removes nothing behind links");
  }
  const fs::path root = resolved(folder);
  for (const NamedPath& named : all) {
    const fs::path path = resolved(named.path);
    for (const auto& names :
         {std::span<const std::string_view>(kFiles), std::span<const std::string_view>(kFolders)}) {
      for (const std::string_view name : names) {
        if (!named.path.empty() && lies_in(path, root / name))
          return fatal_error(fmt::format("{} ({}) lies in what --fresh would remove from {}",
                                         named.path.string(), named.option, folder.string()));
      }
    }
  }
  return {};
}

Result<std::vector<fs::path>> remove_run(const fs::path& folder) {
  std::vector<fs::path> kept;
  for (const std::string_view name : kFolders) {
    const fs::path own = folder / name;
    std::error_code error;
    // A link was not made by a run: what it leads to is somebody's.
    if (fs::is_symlink(own, error) || !fs::is_directory(own, error)) {
      if (is_there(own)) kept.push_back(own);
      continue;
    }
    TRY_ASSIGN(const std::vector<fs::path> entries, entries_of(own));
    bool empty = true;
    for (const fs::path& entry : entries) {
      if (is_own_entry(name, entry.filename().string())) {
        TRY(remove_tree(entry));
      } else {
        kept.push_back(entry);
        empty = false;
      }
    }
    if (empty) TRY(remove_tree(own));
  }
  for (const std::string_view name : kFiles) TRY(remove_tree(folder / name));
  return kept;
}

// What is appended to is a log or lines of JSON: text. A database, a model, a picture would be broken by it.
Status refuse_foreign_content(const fs::path& path) {
  std::error_code unknown;
  if (!fs::is_regular_file(path, unknown)) return {};
  if (const auto why = why_never_text(path)) {
    return fatal_error(
        fmt::format("{}: {}, so nothing is appended to it; choose another place", path.string(), *why));
  }
  std::ifstream file(path, std::ios::binary);
  std::array<char, 4096> begin{};
  file.read(begin.data(), begin.size());
  const std::string_view text(begin.data(), static_cast<size_t>(file.gcount()));
  if (text.find('\0') == std::string_view::npos) return {};
  return fatal_error(path.string() +
                     ": is there already and is no text, so nothing is appended to it; choose another place");
}

Status refuse_own_file(const fs::path& path, WrittenAs written) {
  const fs::path real = resolved(path);
  for (fs::path folder = real.parent_path(); folder != folder.root_path(); folder = folder.parent_path()) {
    const std::string inside = real.lexically_relative(folder).begin()->string();
    const bool is_expected = written == WrittenAs::kWatching && (inside == "metrics" || inside == "logs");
    const bool is_runs = is_run_folder(folder) && is_own_name(inside) && !is_expected;
    // Of a checkpoint or a data set only the files right beside its manifest.
    const bool is_sets = folder == real.parent_path() && is_there(folder / kManifestFile) && is_there(real) &&
                         (is_exported_file(inside) || is_data_file(inside));
    if (!is_runs && !is_sets) continue;
    return fatal_error(fmt::format("{}: belongs to the {} in {}; choose another place", path.string(),
                                   is_runs ? "run" : "checkpoint or data set", folder.string()));
  }
  if (written == WrittenAs::kWatching) return refuse_foreign_content(path);
  return {};
}

}  // namespace templar
