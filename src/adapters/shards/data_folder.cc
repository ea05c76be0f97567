#include "adapters/shards/data_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "adapters/shards/data_publication.h"
#include "adapters/shards/file_hash.h"
#include "adapters/shards/shard_files.h"
#include "adapters/tokenizers/hugging_face_tokenizer.h"
#include "adapters/tokenizers/sentencepiece_tokenizer.h"
#include "base/check.h"
#include "base/files/file.h"

namespace templar {
namespace {

namespace fs = std::filesystem;

class FolderShardSource final : public ShardSource {
 public:
  struct Description {
    uint64_t sequence_length = 0;
    uint64_t vocab_size = 0;
    std::string tokenizer_name;
    std::optional<Hash256> manifest_hash;
    std::vector<ShardFiles> shards;
    std::optional<ShardFiles> heldout;
    fs::path folder;
  };
  explicit FolderShardSource(Description description) : description_(std::move(description)) {}

  [[nodiscard]] uint64_t shard_count() const override { return description_.shards.size(); }
  [[nodiscard]] uint64_t sequence_length() const override { return description_.sequence_length; }
  [[nodiscard]] uint64_t vocab_size() const override { return description_.vocab_size; }
  [[nodiscard]] uint64_t sample_count(uint64_t index) const override {
    CHECK(index < shard_count());
    return description_.shards[index].samples;
  }
  [[nodiscard]] std::string tokenizer_name() const override { return description_.tokenizer_name; }
  [[nodiscard]] std::optional<Hash256> manifest_hash() const override { return description_.manifest_hash; }

  [[nodiscard]] Result<Shard> open_shard(uint64_t index) const override {
    CHECK(index < shard_count());
    return open_shard_files(description_.shards[index], sequence_length());
  }
  [[nodiscard]] Result<Shard> open_heldout() const override {
    if (!description_.heldout) return skip_error(description_.folder.string() + " has no held-out samples");
    return open_shard_files(*description_.heldout, sequence_length());
  }

 private:
  Description description_;
};

ShardFiles files_of(const fs::path& folder, const ShardEntry& entry) {
  return {folder / entry.file, folder / entry.ids_file,
          entry.bytes_file.empty() ? fs::path() : folder / entry.bytes_file, entry.samples};
}

struct ManifestBytes {
  DataManifest manifest;
  Hash256 hash;
};

// Says why a folder without manifest is none of ours.
std::unexpected<Error> without_manifest(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) return fatal_error(folder.string() + ": no such folder");
  if (is_there(folder / kPreparingFolder)) {
    return fatal_error(folder.string() +
                       ": its preparation was not finished; run templar data prepare again");
  }
  return fatal_error(fmt::format("{}: no {} here", folder.string(), kManifestFile));
}

Result<ManifestBytes> load_manifest(const fs::path& folder) {
  const fs::path path = folder / kManifestFile;
  if (!is_there(path)) resume_publication(folder);
  if (!is_there(path)) return without_manifest(folder);
  TRY_ASSIGN(const Bytes bytes, read_file(path, kMaxDataManifestBytes));
  Result<DataManifest> manifest = parse_manifest(as_text(bytes));
  if (!manifest) return annotate(manifest.error(), path.string());
  return ManifestBytes{std::move(*manifest), blake2b_256(bytes)};
}

Result<FolderShardSource::Description> describe_by_manifest(const fs::path& folder,
                                                            uint64_t sequence_length) {
  TRY_ASSIGN(const ManifestBytes loaded, load_manifest(folder));
  const DataManifest& manifest = loaded.manifest;
  if (sequence_length != 0 && sequence_length != manifest.sequence_length) {
    return fatal_error(fmt::format("{}: made for samples of {} tokens, the run wants {}", folder.string(),
                                   manifest.sequence_length, sequence_length));
  }
  FolderShardSource::Description description;
  description.sequence_length = manifest.sequence_length;
  description.vocab_size = manifest.vocab_size;
  description.tokenizer_name = manifest.tokenizer;
  description.manifest_hash = loaded.hash;
  for (const ShardEntry& entry : manifest.shards) description.shards.push_back(files_of(folder, entry));
  if (manifest.heldout) description.heldout = files_of(folder, *manifest.heldout);
  return description;
}

// Shards of the reference system: numbered from 0 without a gap.
Result<FolderShardSource::Description> describe_by_names(const fs::path& folder, uint64_t sequence_length) {
  if (sequence_length == 0) {
    return fatal_error(folder.string() + ": no manifest.json, so the sequence length must be given");
  }
  FolderShardSource::Description description;
  description.sequence_length = sequence_length;
  for (uint64_t index = 0; is_there(folder / train_file_name(index)); ++index) {
    ShardFiles files{folder / train_file_name(index), folder / ids_file_name(index), {}, 0};
    TRY_ASSIGN(const ShardArrays arrays, map_shard(files, sequence_length));
    files.samples = arrays.ids.values.size();
    description.shards.push_back(std::move(files));
  }
  TRY_ASSIGN(const std::vector<fs::path> entries, entries_of(folder));
  for (const fs::path& entry : entries) {
    const std::string name = entry.filename().string();
    const bool is_shard = name.starts_with("train_") && name.ends_with(".npy");
    // A shard behind a gap would be left out without a word, and the node would train on other data than the
    // rest.
    if (is_shard && name > train_file_name(description.shards.size())) {
      return fatal_error(fmt::format("{} is missing, {} is there",
                                     (folder / train_file_name(description.shards.size())).string(), name));
    }
  }
  if (description.shards.empty()) {
    return fatal_error(fmt::format("{}: no data set here, neither {} nor {}", folder.string(), kManifestFile,
                                   train_file_name(0)));
  }
  return description;
}

Status compare_hash(const fs::path& path, const Hash256& expected) {
  TRY_ASSIGN(const Hash256 actual, hash_file(path));
  if (actual == expected) return {};
  return fatal_error(fmt::format("{}: corrupt: its hash is {}, the manifest says {}", path.string(),
                                 actual.brief(), expected.brief()));
}

Status verify_shard(const fs::path& folder, const ShardEntry& entry, const DataManifest& manifest,
                    const std::function<void(const std::string&)>& checked) {
  const ShardFiles files = files_of(folder, entry);
  TRY_ASSIGN(const ShardArrays arrays, map_shard(files, manifest.sequence_length));
  if (checked) checked(entry.file);
  TRY(compare_hash(files.tokens, entry.file_hash));
  if (checked) checked(entry.ids_file);
  TRY(compare_hash(files.ids, entry.ids_hash));
  if (!files.source_bytes.empty()) {
    if (checked) checked(entry.bytes_file);
    TRY(compare_hash(files.source_bytes, entry.bytes_hash));
  }
  const auto largest = std::ranges::max(arrays.tokens.values);
  if (largest >= manifest.vocab_size) {
    return fatal_error(fmt::format("{}: holds token {}, the vocabulary has {}", files.tokens.string(),
                                   largest, manifest.vocab_size));
  }
  return {};
}

}  // namespace

std::string train_file_name(uint64_t index) {
  return fmt::format("train_{:06}.npy", index);
}
std::string ids_file_name(uint64_t index) {
  return fmt::format("sample_ids_{:06}.npy", index);
}

Result<std::unique_ptr<ShardSource>> open_data_folder(const fs::path& folder,
                                                      const DataFolderOptions& options) {
  std::error_code ignored;
  if (!is_there(folder / kManifestFile)) resume_publication(folder);
  const bool has_manifest = is_there(folder / kManifestFile);
  const bool is_usable =
      fs::is_directory(folder, ignored) && (has_manifest || !is_there(folder / kPreparingFolder));
  if (!is_usable) return without_manifest(folder);
  TRY_ASSIGN(FolderShardSource::Description description,
             has_manifest ? describe_by_manifest(folder, options.sequence_length)
                          : describe_by_names(folder, options.sequence_length));
  // Every shard once, at the start: a missing file is better said now than when its turn comes, days later.
  for (const ShardFiles& files : description.shards) TRY(map_shard(files, description.sequence_length));
  if (description.heldout) TRY(map_shard(*description.heldout, description.sequence_length));
  if (options.verify && has_manifest) TRY(verify_data_folder(folder));
  return std::make_unique<FolderShardSource>(std::move(description));
}

Result<DataManifest> read_manifest(const fs::path& folder) {
  TRY_ASSIGN(ManifestBytes loaded, load_manifest(folder));
  return std::move(loaded.manifest);
}

Result<std::unique_ptr<Tokenizer>> open_data_tokenizer(const fs::path& folder) {
  TRY_ASSIGN(const DataManifest manifest, read_manifest(folder));
  return open_manifest_tokenizer(manifest, folder / manifest.tokenizer_file);
}

Result<std::unique_ptr<Tokenizer>> open_manifest_tokenizer(const DataManifest& manifest,
                                                           const fs::path& file) {
  if (manifest.tokenizer == "bytes") return make_byte_tokenizer();
  TRY_ASSIGN(const Bytes model, read_file(file, kMaxTokenizerBytes));
  if (blake2b_256(model) != manifest.tokenizer_hash) {
    return fatal_error(file.string() + ": corrupt: its hash is not the manifest's");
  }
  if (manifest.separator) return make_hugging_face_tokenizer(model, *manifest.separator, file.string());
  return make_sentencepiece_tokenizer(model, file.string());
}

Status verify_data_folder(const fs::path& folder,
                          const std::function<void(const std::string& file)>& checked) {
  TRY_ASSIGN(const DataManifest manifest, read_manifest(folder));
  for (const ShardEntry& shard : manifest.shards) TRY(verify_shard(folder, shard, manifest, checked));
  if (manifest.heldout) TRY(verify_shard(folder, *manifest.heldout, manifest, checked));
  if (manifest.tokenizer_file.empty()) return {};
  if (checked) checked(manifest.tokenizer_file);
  return compare_hash(folder / manifest.tokenizer_file, manifest.tokenizer_hash.value_or(Hash256{}));
}

}  // namespace templar
