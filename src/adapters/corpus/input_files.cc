#include "adapters/corpus/input_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>
#include <system_error>
#include <tuple>
#include <utility>

#include "adapters/corpus/byte_source.h"
#include "adapters/corpus/never_text.h"
#include "base/files/file.h"
#include "base/hash.h"
#include "base/utf8.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

// As people write an extension: ".txt", " JSONL", "jsonl.gz".
std::string plain_extension(const std::string& written) {
  std::string extension = ascii_lower(written);
  std::erase(extension, ' ');
  if (extension.starts_with('.')) extension.erase(0, 1);
  return without_compression_ending(extension);
}

class Lister {
 public:
  explicit Lister(const InputOptions& options) : options_(options) {
    for (std::string& extension : options_.extensions) extension = plain_extension(extension);
    struct stat info{};
    if (!options.excluded.empty() && ::stat(options.excluded.c_str(), &info) == 0) (void)is_new(info);
  }

  [[nodiscard]] Status add_input(const std::string& input) {
    if (input == kStandardInput) {
      if (!has_standard_input_) listing_.files.push_back({kStandardInput, kStandardInput, 0, true});
      has_standard_input_ = true;
      return {};
    }
    struct stat info{};
    if (::stat(input.c_str(), &info) != 0) return fatal_error(input + ": " + std::strerror(errno));
    const bool is_folder = S_ISDIR(info.st_mode);
    if (const auto reason = is_folder               ? why_never_text_folder(input)
                            : S_ISREG(info.st_mode) ? why_never_text(input)
                                                    : std::nullopt)
      return fatal_error(input + ": is " + *reason + ", which is never taken as text");
    if (is_folder) return is_new(info) ? add_folder(input) : Status{};
    if (is_new(info)) {
      const fs::path path = input;
      const bool is_file = S_ISREG(info.st_mode);
      listing_.files.push_back(
          {path, path.filename().string(), is_file ? static_cast<uint64_t>(info.st_size) : 0, !is_file});
    }
    return {};
  }

  [[nodiscard]] InputListing take() { return std::move(listing_); }

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
        const fs::path path = folder / name;
        if (::stat(path.c_str(), &info) != 0) {
          listing_.left_out.push_back({path, errno == ENOENT ? "a broken link" : std::strerror(errno)});
          continue;
        }
        if (const auto reason = why_left_out(path, name, info)) {
          // It is not marked as seen: another name may lead to the same file, and be text.
          if (!seen_.contains({info.st_dev, info.st_ino})) listing_.left_out.push_back({path, *reason});
        } else if (S_ISDIR(info.st_mode)) {
          if (is_new(info)) below.emplace_back(path, prefix + name + "/");
        } else if (is_new(info)) {
          listing_.files.push_back({path, prefix + name, static_cast<uint64_t>(info.st_size)});
        }
      }
      waiting.insert(waiting.end(), below.rbegin(), below.rend());
    }
    return {};
  }

  // Of what lies in a folder.
  [[nodiscard]] std::optional<std::string> why_left_out(const fs::path& path, const std::string& name,
                                                        const struct stat& info) const {
    if (S_ISDIR(info.st_mode))
      return name.starts_with('.') ? std::optional("hidden") : why_never_text_folder(path);
    if (!S_ISREG(info.st_mode)) return "no regular file";
    if (name.starts_with('.') && !name.starts_with(".env")) return "hidden";
    if (!is_wanted(name)) return fmt::format("not one of {}", fmt::join(options_.extensions, ", "));
    return why_never_text(path);
  }

  [[nodiscard]] static Result<std::vector<std::string>> sorted_names(const fs::path& folder) {
    TRY_ASSIGN(const std::vector<fs::path> entries, entries_of(folder));
    std::vector<std::string> names;
    names.reserve(entries.size());
    for (const fs::path& entry : entries) names.push_back(entry.filename().string());
    return names;
  }

  [[nodiscard]] bool is_new(const struct stat& info) {
    return seen_.emplace(info.st_dev, info.st_ino).second;
  }

  [[nodiscard]] bool is_wanted(const std::string& name) const {
    if (options_.extensions.empty()) return true;
    const std::string extension =
        ascii_lower(fs::path(without_compression_ending(name)).extension().string());
    return std::ranges::any_of(options_.extensions, [&](const std::string& wanted) {
      return !wanted.empty() && extension == "." + wanted;
    });
  }

  InputOptions options_;
  InputListing listing_;
  std::set<std::pair<dev_t, ino_t>> seen_;
  bool has_standard_input_ = false;
};

}  // namespace

Result<InputListing> list_input_files(const std::vector<std::string>& inputs, const InputOptions& options) {
  Lister lister(options);
  for (const std::string& input : inputs) TRY(lister.add_input(input));
  InputListing listing = lister.take();
  std::vector<InputFile>& files = listing.files;
  std::vector<std::tuple<Hash256, size_t>> order;
  order.reserve(files.size());
  for (size_t i = 0; i < files.size(); ++i) {
    order.emplace_back(Blake2b().update_value(options.seed).update(as_bytes(files[i].name)).finish256(), i);
  }
  std::ranges::sort(order);
  std::vector<InputFile> ordered;
  ordered.reserve(files.size());
  for (const auto& [hash, index] : order) ordered.push_back(std::move(files[index]));
  files = std::move(ordered);
  return listing;
}

}  // namespace templar
