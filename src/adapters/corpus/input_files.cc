#include "adapters/corpus/input_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <system_error>
#include <tuple>
#include <utility>

#include "base/hash.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

class Lister {
 public:
  explicit Lister(const InputOptions& options) : options_(options) {
    struct stat info{};
    if (!options.excluded.empty() && ::stat(options.excluded.c_str(), &info) == 0) (void)is_new(info);
  }

  [[nodiscard]] Status add_input(const std::string& input) {
    if (input == kStandardInput) {
      if (!has_standard_input_) files_.push_back({kStandardInput, kStandardInput, 0});
      has_standard_input_ = true;
      return {};
    }
    struct stat info{};
    if (::stat(input.c_str(), &info) != 0) return fatal_error(input + ": " + std::strerror(errno));
    if (S_ISDIR(info.st_mode)) return is_new(info) ? add_folder(input) : Status{};
    if (is_new(info)) {
      const fs::path path = input;
      files_.push_back(
          {path, path.filename().string(), S_ISREG(info.st_mode) ? static_cast<uint64_t>(info.st_size) : 0});
    }
    return {};
  }

  [[nodiscard]] std::vector<InputFile> take() { return std::move(files_); }

 private:
  // Not recursive, so that a deep tree costs no stack.
  [[nodiscard]] Status add_folder(const fs::path& root) {
    std::vector<std::pair<fs::path, std::string>> waiting = {{root, ""}};
    while (!waiting.empty()) {
      const auto [folder, prefix] = std::move(waiting.back());
      waiting.pop_back();
      TRY_ASSIGN(const std::vector<std::string> names, sorted_names(folder));
      std::vector<std::pair<fs::path, std::string>> below;
      for (const std::string& name : names) {
        struct stat info{};
        if (name.starts_with('.') || ::stat((folder / name).c_str(), &info) != 0) continue;
        if (S_ISDIR(info.st_mode) && is_new(info)) below.emplace_back(folder / name, prefix + name + "/");
        if (S_ISREG(info.st_mode) && is_wanted(name) && is_new(info)) {
          files_.push_back({folder / name, prefix + name, static_cast<uint64_t>(info.st_size)});
        }
      }
      waiting.insert(waiting.end(), below.rbegin(), below.rend());
    }
    return {};
  }

  [[nodiscard]] static Result<std::vector<std::string>> sorted_names(const fs::path& folder) {
    std::error_code error;
    std::vector<std::string> names;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
      names.push_back(entry->path().filename().string());
    }
    if (error) return fatal_error(folder.string() + ": " + error.message());
    std::ranges::sort(names);
    return names;
  }

  [[nodiscard]] bool is_new(const struct stat& info) {
    return seen_.emplace(info.st_dev, info.st_ino).second;
  }

  [[nodiscard]] bool is_wanted(const std::string& name) const {
    if (options_.extensions.empty()) return true;
    fs::path path = name;
    if (path.extension() == ".gz" || path.extension() == ".zst") path.replace_extension();
    const std::string extension = path.extension().string();
    return std::ranges::any_of(options_.extensions, [&](const std::string& wanted) {
      return !wanted.empty() && extension == "." + wanted;
    });
  }

  const InputOptions& options_;
  std::vector<InputFile> files_;
  std::set<std::pair<dev_t, ino_t>> seen_;
  bool has_standard_input_ = false;
};

}  // namespace

Result<std::vector<InputFile>> list_input_files(const std::vector<std::string>& inputs,
                                                const InputOptions& options) {
  Lister lister(options);
  for (const std::string& input : inputs) TRY(lister.add_input(input));
  std::vector<InputFile> files = lister.take();
  std::vector<std::tuple<Hash256, size_t>> order;
  order.reserve(files.size());
  for (size_t i = 0; i < files.size(); ++i) {
    order.emplace_back(Blake2b().update_value(options.seed).update(as_bytes(files[i].name)).finish256(), i);
  }
  std::ranges::sort(order);
  std::vector<InputFile> ordered;
  ordered.reserve(files.size());
  for (const auto& [hash, index] : order) ordered.push_back(std::move(files[index]));
  return ordered;
}

}  // namespace templar
