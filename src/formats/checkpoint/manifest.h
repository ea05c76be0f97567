// A checkpoint's manifest: what it is and which bytes belong to it, signed by the validator whose bucket it
// lies in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/keys/keys.h"
#include "base/result.h"
#include "core/run/parameter_layout.h"

namespace templar {

inline constexpr std::string_view kManifestName = "manifest.json";
inline constexpr std::string_view kModelName = "model.safetensors";  // of a model in one file
inline constexpr std::string_view kConfigName = "config.json";
inline constexpr std::string_view kRunSpecName = "run_spec.json";
inline constexpr size_t kMaxManifestBytes = size_t{16} << 20;
// Of a model file, beyond its parameters.
inline constexpr uint64_t kMaxHeaderBytesOfFile = uint64_t{1} << 20;

// A file is hashed in pieces of this size, so that each can be fetched, checked and fetched again by itself.
inline constexpr uint64_t kPieceBytes = uint64_t{4} << 20;

struct CheckpointFile {
  std::string name;
  uint64_t size_bytes = 0;
  // BLAKE2b-256 of each kPieceBytes, the last one shorter; none of an empty file.
  std::vector<Hash256> pieces;
  bool operator==(const CheckpointFile&) const = default;
};

[[nodiscard]] constexpr uint64_t piece_count(uint64_t size_bytes) {
  return (size_bytes + kPieceBytes - 1) / kPieceBytes;
}

struct CheckpointManifest {
  Hash256 run_id;
  int64_t window = 0;        // the first window that starts from the model
  int64_t outer_step = 0;    // outer steps that made it, at most one a window
  int64_t start_window = 0;  // the run's first window, at most window
  Hash256 state_root;
  std::vector<CheckpointFile> files;  // ascending by name; all but the manifest itself
  PublicKey signer;
  bool operator==(const CheckpointManifest&) const = default;

  // nullptr if there is no such file.
  [[nodiscard]] const CheckpointFile* find(std::string_view name) const;
};

[[nodiscard]] std::vector<ByteView> cut_into_pieces(ByteView content);
[[nodiscard]] std::vector<Hash256> hash_pieces(ByteView content);

// A file that holds parameters: model.safetensors, or model-00001-of-00003.safetensors and its like.
[[nodiscard]] bool is_model_file(std::string_view name);

// A name that a file of a checkpoint may have: one part of an object's key, at most 100 bytes, and not the
// manifest's. Fails (fatal).
[[nodiscard]] Status check_checkpoint_file_name(std::string_view name);

// Fails (skip) on more or larger files than a checkpoint of that model can have: before anything is read or
// made of that size.
[[nodiscard]] Status check_plausible(const CheckpointManifest& manifest, const ParameterLayout& layout);

// The manifest file's text, with the signature of that key, whose public half becomes the signer. Sorts the
// files.
[[nodiscard]] std::string seal_manifest(CheckpointManifest manifest, const KeyPair& key);
// Fails (skip) on everything but what seal_manifest writes, byte for byte: wrong types or ranges, unknown or
// missing fields, a file twice, a required file missing, another form of the same content, a signature that
// does not fit the signer it names. Whether that signer is the right one is the caller's to ask.
[[nodiscard]] Result<CheckpointManifest> open_manifest(std::string_view text);

}  // namespace templar
