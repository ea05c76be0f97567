#include "formats/checkpoint/manifest.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/json/json_fields.h"
#include "ports/object_store.h"

namespace templar {
namespace {

constexpr int kMaxDepth = 4;  // the manifest, its files, a file, its hashes
// Of windows and bytes: their sums can't overflow.
constexpr int64_t kMaxCount = int64_t{1} << 62;
constexpr const char* kFormat = "templar-checkpoint-v2";

// Without the signature.
Json to_json(const CheckpointManifest& manifest) {
  JsonList files;
  for (const CheckpointFile& file : manifest.files) {
    JsonList pieces;
    for (const Hash256& piece : file.pieces) pieces.push_back(piece.hex());
    files.push_back(
        JsonObject{{"name", file.name}, {"size", file.size_bytes}, {"blake2b", std::move(pieces)}});
  }
  return JsonObject{{"format", kFormat},
                    {"run_id", manifest.run_id.hex()},
                    {"window", manifest.window},
                    {"outer_step", manifest.outer_step},
                    {"start_window", manifest.start_window},
                    {"state_root", manifest.state_root.hex()},
                    {"files", std::move(files)},
                    {"public_key", manifest.signer.hex()}};
}

std::string signed_text(const CheckpointManifest& manifest) {
  return to_text(to_json(manifest), {.sorted = true});
}

std::string file_text(const CheckpointManifest& manifest, const Signature& signature) {
  Json json = to_json(manifest);
  json["signature"] = to_hex(signature.bytes);
  return to_text(json, {.indent = 2, .sorted = true}) + "\n";
}

Result<std::vector<Hash256>> read_pieces(JsonFields& fields, const CheckpointFile& file) {
  TRY_ASSIGN(const JsonList* hashes, fields.list("blake2b"));
  if (hashes->size() != piece_count(file.size_bytes)) {
    return fields.error("blake2b", fmt::format("{}: {} hashes, its size makes {}", file.name, hashes->size(),
                                               piece_count(file.size_bytes)));
  }
  std::vector<Hash256> pieces;
  pieces.reserve(hashes->size());
  for (const Json& text : *hashes) {
    if (text.text() == nullptr) return fields.error("blake2b", file.name + ": an item is no text");
    auto hash = parse_hash256(*text.text());
    if (!hash) return fields.error("blake2b", file.name + ": " + hash.error().message);
    pieces.push_back(*hash);
  }
  return pieces;
}

Result<std::vector<CheckpointFile>> read_files(JsonFields& fields) {
  TRY_ASSIGN(std::vector<JsonFields> items, fields.objects("files"));
  std::vector<CheckpointFile> files;
  for (JsonFields& item : items) {
    CheckpointFile file;
    TRY_ASSIGN(file.name, item.text("name"));
    if (const Status named = check_checkpoint_file_name(file.name); !named)
      return item.error("name", named.error().message);
    if (!files.empty() && file.name <= files.back().name)
      return item.error("name", file.name + ": not in ascending order");
    TRY_ASSIGN(const int64_t size, item.integer("size", 0, kMaxCount));
    file.size_bytes = static_cast<uint64_t>(size);
    TRY_ASSIGN(file.pieces, read_pieces(item, file));
    TRY(item.finish());
    files.push_back(std::move(file));
  }
  return files;
}

Result<Signature> read_signature(JsonFields& fields) {
  TRY_ASSIGN(const std::string text, fields.text("signature"));
  const auto bytes = from_hex(text);
  Signature signature;
  if (!bytes || bytes->size() != signature.bytes.size())
    return fields.error("signature", "not 128 hexadecimal digits");
  std::ranges::copy(*bytes, signature.bytes.begin());
  return signature;
}

}  // namespace

const CheckpointFile* CheckpointManifest::find(std::string_view name) const {
  const auto found = std::ranges::find(files, name, &CheckpointFile::name);
  return found == files.end() ? nullptr : &*found;
}

std::vector<ByteView> cut_into_pieces(ByteView content) {
  std::vector<ByteView> pieces;
  for (uint64_t begin = 0; begin < content.size(); begin += kPieceBytes)
    pieces.push_back(content.subspan(begin, std::min<uint64_t>(kPieceBytes, content.size() - begin)));
  return pieces;
}

std::vector<Hash256> hash_pieces(ByteView content) {
  std::vector<Hash256> hashes;
  for (const ByteView piece : cut_into_pieces(content)) hashes.push_back(blake2b_256(piece));
  return hashes;
}

bool is_model_file(std::string_view name) {
  return name.starts_with("model") && name.ends_with(".safetensors");
}

Status check_checkpoint_file_name(std::string_view name) {
  TRY(check_object_key(name));
  if (name.find('/') != std::string_view::npos || name == kManifestName || name.size() > 100) {
    return fatal_error(fmt::format("'{}' can't be the name of a checkpoint's file", name));
  }
  return {};
}

Status check_plausible(const CheckpointManifest& manifest, const ParameterLayout& layout) {
  constexpr size_t kOtherFiles = 64;
  constexpr uint64_t kMaxOtherBytes = uint64_t{256} << 20;
  if (manifest.files.size() > layout.size() + kOtherFiles) {
    return skip_error(fmt::format("manifest: {} files, a checkpoint of {} parameters has at most {}",
                                  manifest.files.size(), layout.size(), layout.size() + kOtherFiles));
  }
  const uint64_t headers = manifest.files.size() * kMaxHeaderBytesOfFile;
  const uint64_t model_limit = static_cast<uint64_t>(parameter_count(layout)) * sizeof(float) + headers;
  uint64_t model_bytes = 0;
  for (const CheckpointFile& file : manifest.files) {
    if (is_model_file(file.name)) {
      model_bytes += file.size_bytes;
    } else if (file.size_bytes > kMaxOtherBytes) {
      return skip_error(fmt::format("manifest: {}: {} bytes, at most {} are read", file.name, file.size_bytes,
                                    kMaxOtherBytes));
    }
  }
  if (model_bytes <= model_limit) return {};
  return skip_error(fmt::format("manifest: {} bytes of model, the parameters take {}", model_bytes,
                                parameter_count(layout) * static_cast<int64_t>(sizeof(float))));
}

std::string seal_manifest(CheckpointManifest manifest, const KeyPair& key) {
  std::ranges::sort(manifest.files, {}, &CheckpointFile::name);
  manifest.signer = key.public_key();
  const std::string text = signed_text(manifest);
  return file_text(manifest, key.sign(as_bytes(text)));
}

Result<CheckpointManifest> open_manifest(std::string_view text) {
  // What is nested deeper than a list of hashes is none of ours, and costs many times its own size once it is
  // parsed.
  const auto json = parse_json(text, {.max_bytes = kMaxManifestBytes, .max_depth = kMaxDepth});
  if (!json) return skip_error("manifest: " + json.error().message);
  TRY_ASSIGN(JsonFields fields, JsonFields::of(*json, "manifest", ErrorKind::kSkip));
  TRY_ASSIGN(const std::string format, fields.text("format"));
  if (format != kFormat) return fields.error("format", fmt::format("this program reads {}", kFormat));
  CheckpointManifest manifest;
  TRY_ASSIGN(manifest.run_id, fields.hash("run_id"));
  TRY_ASSIGN(manifest.window, fields.integer("window", 0, kMaxCount));
  TRY_ASSIGN(manifest.outer_step, fields.integer("outer_step", 0, kMaxCount));
  TRY_ASSIGN(manifest.start_window, fields.integer("start_window", 0, kMaxCount));
  if (manifest.start_window > manifest.window)
    return fields.error("start_window",
                        fmt::format("{} is after window {}", manifest.start_window, manifest.window));
  if (manifest.outer_step > manifest.window - manifest.start_window) {
    return fields.error("outer_step", fmt::format("{} steps in {} windows", manifest.outer_step,
                                                  manifest.window - manifest.start_window));
  }
  TRY_ASSIGN(manifest.state_root, fields.hash("state_root"));
  TRY_ASSIGN(manifest.files, read_files(fields));
  for (const std::string_view required : {kConfigName, kRunSpecName}) {
    if (manifest.find(required) == nullptr)
      return fields.error("files", std::string(required) + " is missing");
  }
  if (std::ranges::none_of(manifest.files, is_model_file, &CheckpointFile::name))
    return fields.error("files", "no model*.safetensors among them");
  TRY_ASSIGN(const std::string key, fields.text("public_key"));
  const auto signer = parse_public_key(key);
  if (!signer) return fields.error("public_key", signer.error().message);
  manifest.signer = *signer;
  TRY_ASSIGN(const Signature signature, read_signature(fields));
  TRY(fields.finish());
  if (file_text(manifest, signature) != text) return skip_error("manifest: not in its canonical form");
  const std::string message = signed_text(manifest);
  if (!verify(manifest.signer, as_bytes(message), signature)) {
    return fields.error("signature", "not that of " + manifest.signer.hex().substr(0, 8));
  }
  return manifest;
}

}  // namespace templar
