// A folder of token shards as a ShardSource: what `templar data prepare` writes, or shards made for the
// reference system (train_000000.npy with sample_ids_000000.npy, and so on), which have no manifest and no
// held-out samples.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "adapters/shards/data_manifest.h"
#include "ports/shard_source.h"
#include "ports/tokenizer.h"

namespace templar {

// The names of the reference system's files.
[[nodiscard]] std::string train_file_name(uint64_t index);
[[nodiscard]] std::string ids_file_name(uint64_t index);

// Inside a data folder: where the next data set is being made. Without a manifest beside it, nothing in the
// folder counts.
inline constexpr const char* kPreparingFolder = ".templar-preparing";

struct DataFolderOptions {
  uint64_t sequence_length = 0;  // 0: what the manifest says; needed for a folder without manifest
  bool verify = false;  // also compare every file's hash and every token with the manifest: reads everything
};

// Checks that every file is there with the right type and size, and reads no more of them. Fails (fatal),
// naming the file: no such folder, no data set in it, preparation unfinished, another sequence length than
// the manifest's, missing or corrupt shard.
[[nodiscard]] Result<std::unique_ptr<ShardSource>> open_data_folder(const std::filesystem::path& folder,
                                                                    const DataFolderOptions& options = {});

// The folder's manifest alone. Fails (fatal) where there is none.
[[nodiscard]] Result<DataManifest> read_manifest(const std::filesystem::path& folder);

// The tokenizer that the folder was made with. Fails (fatal) where there is no manifest to say so.
[[nodiscard]] Result<std::unique_ptr<Tokenizer>> open_data_tokenizer(const std::filesystem::path& folder);

// The same, its model read from that file, which bytes do without. Fails (fatal) where its hash is not the
// manifest's.
[[nodiscard]] Result<std::unique_ptr<Tokenizer>> open_manifest_tokenizer(const DataManifest& manifest,
                                                                         const std::filesystem::path& file);
inline constexpr size_t kMaxTokenizerBytes = size_t{256} << 20;

// Reads every file of the folder and compares hashes and token range; checked(file) is called for each one
// before it is read. Fails (fatal) with the first file that differs.
[[nodiscard]] Status verify_data_folder(const std::filesystem::path& folder,
                                        const std::function<void(const std::string& file)>& checked = {});

}  // namespace templar
